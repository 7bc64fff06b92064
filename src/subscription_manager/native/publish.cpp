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
    if (request->durability != Durability::server_default && request->durability != Durability::os) {
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
    if (run_topic_ != *topic) {
        append_run();
        run_topic_ = *topic;
    }
    run_batches_.push_back({.records = request->records, .record_count = request->record_count});
    run_publishes_.push_back(
        {.correlation = frame.header.correlation, .one_way = (frame.header.flags & native::flags::one_way) != 0});
    return {};
}

void NativeManager::append_run() {
    if (run_batches_.empty()) {
        return;
    }
    run_topic_->append(run_batches_, [this](std::span<AppendResult> results) {
        for (std::size_t i = 0; i < results.size(); ++i) {
            answer_publish(run_publishes_[i], results[i]);
        }
    });
    run_batches_.clear();
    run_publishes_.clear();
}

void NativeManager::answer_publish(const PendingPublish& publish, const AppendResult& result) {
    if (result.error) {
        answer_error({result.error}, publish.correlation);
    } else if (!publish.one_way) {
        answer(native::FrameType::published,
               native::Published{.first = result.first, .accepted = result.accepted, .duplicates = result.duplicates},
               publish.correlation);
    }
}

}  // namespace leveret
