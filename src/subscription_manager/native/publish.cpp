#include <iterator>

#include <fmt/format.h>

#include "subscription_manager/native/native_manager.hpp"

namespace leveret {

NativeManager::Handled NativeManager::publish(const native::Frame& frame) {
    const auto topic = opened_topic(frame.header.handle);
    if (!topic) {
        return Refusal(topic.error());
    }
    const auto request = native::Publish::decode(frame.body);
    if (!request) {
        return Refusal(request.error());
    }
    if (auto refusal = check_partition(request->partition)) {
        return refusal;
    }
    if (request->producer_id != 0) {
        return Refusal(Error::not_supported, "producer ids are not supported yet: send 0");
    }
    const bool wants_more = request->durability != Durability::server_default && request->durability != Durability::os;
    if (wants_more && !(*topic)->is_stored()) {
        return Refusal(Error::not_supported, "this topic lives in memory: it cannot be made durable");
    }
    std::uint32_t bad_index = 0;
    if (const auto error =
            check_batch(request->records, request->record_count,
                        context_.environment.limits.frame_bytes_max - native::overhead_bytes_max, &bad_index)) {
        return Refusal(error,
                       fmt::format("record {} of the batch is not well-formed; nothing of it was taken", bad_index),
                       bad_index);
    }
    run_topic_ = *topic;
    run_batches_.push_back(
        {.records = request->records, .record_count = request->record_count, .durability = request->durability});
    run_publishes_.push_back(
        {.correlation = frame.header.correlation, .one_way = (frame.header.flags & native::flags::one_way) != 0});
    return {};
}

bool NativeManager::joins_run(const native::Frame& frame) const noexcept {
    if (frame.header.type != native::FrameType::publish) {
        return false;
    }
    const std::uint32_t handle = frame.header.handle;
    return run_batches_.empty() || (handle != 0 && handle <= opened_.size() && opened_[handle - 1] == run_topic_);
}

bool NativeManager::append_run() {
    if (run_batches_.empty()) {
        return true;
    }
    if (run_topic_->is_stored()) {
        return append_stored_run();
    }
    run_topic_->append(run_batches_,
                       [this](std::span<AppendResult> results) { answer_publishes(run_publishes_, results); });
    forget_run();
    return true;
}

/// Its answers come when the records are kept.
bool NativeManager::append_stored_run() {
    if (topic_wait_ == nullptr) {
        topic_wait_ = std::make_shared<TopicWait>(context_.wake_list, context_.environment, context_.strand);
    }
    const auto answer = std::make_shared<DeferredAppend>(
        context_.wake_list, deferred_,
        [this, publishes = run_publishes_](std::vector<AppendResult>& results) {
            answer_publishes(publishes, results);
        },
        run_publishes_.size());
    if (topic_wait_->is_over()) {
        run_topic_->stop_waiting(*topic_wait_);
    }
    const bool is_taken = run_topic_->try_append(
        run_batches_,
        [answer](std::span<AppendResult> results) {
            answer->complete({std::make_move_iterator(results.begin()), std::make_move_iterator(results.end())});
        },
        topic_wait_->is_over() ? nullptr : topic_wait_);
    if (is_taken) {
        topic_wait_->end();
        waited_for_.reset();
        forget_run();
        return true;
    }
    answer->cancel();
    waited_for_ = run_topic_;
    topic_wait_->begin();
    return false;
}

void NativeManager::forget_run() {
    run_batches_.clear();
    run_publishes_.clear();
}

void NativeManager::answer_publishes(std::span<const PendingPublish> publishes, std::span<AppendResult> results) {
    for (std::size_t i = 0; i < results.size(); ++i) {
        answer_publish(publishes[i], results[i]);
    }
}

void NativeManager::answer_publish(const PendingPublish& publish, const AppendResult& result) {
    if (result.error) {
        const bool names_record = result.error == Error::checksum_mismatch;
        std::string text = result.exceeds_topic ? "the batch is more than its topic keeps (retention_records, "
                                                  "retention_bytes); nothing of it was taken: publish less at once"
                                                : "";
        answer_error({result.error, std::move(text), names_record ? result.bad_record : 0}, publish.correlation);
    } else if (!publish.one_way) {
        answer(native::FrameType::published,
               native::Published{.first = result.first, .accepted = result.accepted, .duplicates = result.duplicates},
               publish.correlation);
    }
}

}  // namespace leveret
