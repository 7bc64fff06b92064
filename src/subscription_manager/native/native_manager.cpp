#include "subscription_manager/native/native_manager.hpp"

#include <spdlog/spdlog.h>

#include "subscription_manager/native/native_subscription.hpp"
#include "subscription_manager/native/waiting_fetch.hpp"

namespace leveret {

using native::FrameType;

namespace {

/// Whether a request's header has no flag and no handle but those that its type has a meaning for; true for a type that
/// is unknown. What is refused now can get a meaning later.
bool has_only_known_bits(const native::FrameHeader& header) noexcept {
    std::uint8_t known_flags = 0;
    bool has_handle = false;
    switch (header.type) {
        case FrameType::publish:
        case FrameType::grant:
        case FrameType::commit:
            known_flags = native::flags::one_way;
            has_handle = true;
            break;
        case FrameType::open_topic:
            known_flags = native::flags::no_create;
            break;
        case FrameType::subscribe:
        case FrameType::unsubscribe:
        case FrameType::seek:
        case FrameType::fetch:
            has_handle = true;
            break;
        case FrameType::hello:
        case FrameType::create_topic:
        case FrameType::alter_topic:
        case FrameType::trim_topic:
        case FrameType::list_topics:
        case FrameType::describe_topic:
        case FrameType::delete_topic:
        case FrameType::describe_server:
        case FrameType::ping:
        case FrameType::close:
            break;
        default:
            return true;
    }
    return (header.flags & ~known_flags) == 0 && (has_handle || header.handle == 0);
}

}  // namespace

NativeManager::NativeManager(ManagerContext context)
    : context_(std::move(context)), opened_charge_(context_.environment.memory) {}

NativeManager::~NativeManager() {
    if (waited_for_ != nullptr) {
        waited_for_->stop_waiting(*topic_wait_);
        topic_wait_->end();
    }
    for (const auto& [id, subscription] : subscriptions_) {
        subscription->detach();
    }
    for (const auto& [key, fetch] : fetches_) {
        fetch->detach();
    }
    context_.environment.counters.subscriptions.subtract(subscriptions_.size());
}

std::size_t NativeManager::receive(Bytes bytes) {
    std::size_t taken = 0;
    std::size_t run_begin = 0;  // where the first frame of the run lies
    std::uint64_t frames = 0;
    bool must_wait = false;
    const bool was_stopped = awaits_too_many_answers();
    while (!closing_ && !blocked() && !is_run_full()) {
        const auto frame = native::decode(bytes.subspan(taken), context_.environment.limits.frame_bytes_max);
        if (!frame) {
            must_wait = !append_run();
            if (!must_wait) {
                context_.environment.counters.bad_frames.add();
                answer_error({frame.error()}, {});
                close(frame.error());
            }
            break;
        }
        if (!frame->has_value()) {
            break;
        }
        must_wait = !carry_out(**frame);
        if (must_wait) {
            break;
        }
        if (run_batches_.size() == 1) {
            run_begin = taken;
        }
        taken += (*frame)->header.length;
        ++frames;
    }
    if (must_wait || !append_run()) {
        taken = run_begin;
        frames -= run_publishes_.size();
        forget_run();
    }
    context_.environment.counters.frames_received.add(frames);
    if (!was_stopped && awaits_too_many_answers()) {
        context_.environment.counters.answer_waits.add();
    }
    return taken;
}

bool NativeManager::carry_out(const native::Frame& frame) {
    if (!joins_run(frame) && !append_run()) {  // keeps the order of a connection's commands
        return false;
    }
    spdlog::debug("[{}] {} handle={} bytes={}", context_.peer, frame_type_name(frame.header.type), frame.header.handle,
                  frame.header.length);
    if (const Handled refusal = dispatch(frame)) {
        if (!append_run()) {
            return false;
        }
        answer_error(*refusal, frame.header.correlation);
    }
    return true;
}

NativeManager::Handled NativeManager::dispatch(const native::Frame& frame) {
    if (!is_established_ && frame.header.type != FrameType::hello) {
        close(make_error_code(Error::hello_expected));
        return Refusal(Error::hello_expected);
    }
    if (!has_only_known_bits(frame.header)) {
        if (!is_established_) {
            close(make_error_code(Error::bad_frame));
        }
        return Refusal(Error::bad_frame, "the header has a flag or a handle that frames of this type do not have");
    }
    switch (frame.header.type) {
        case FrameType::hello:
            return hello(frame);
        case FrameType::create_topic:
            return create_topic(frame);
        case FrameType::alter_topic:
            return alter_topic(frame);
        case FrameType::open_topic:
            return open_topic(frame);
        case FrameType::publish:
            return publish(frame);
        case FrameType::subscribe:
            return subscribe(frame);
        case FrameType::unsubscribe:
            return unsubscribe(frame);
        case FrameType::grant:
            return grant(frame);
        case FrameType::commit:
            return commit(frame);
        case FrameType::seek:
            return seek(frame);
        case FrameType::fetch:
            return fetch(frame);
        case FrameType::trim_topic:
            return trim_topic(frame);
        case FrameType::list_topics:
            return list_topics(frame);
        case FrameType::describe_topic:
            return describe_topic(frame);
        case FrameType::delete_topic:
            return delete_topic(frame);
        case FrameType::describe_server:
            return describe_server(frame);
        case FrameType::ping:
            return ping(frame);
        case FrameType::close:
            return close_connection(frame);
        default:
            return Refusal(Error::unknown_frame_type);
    }
}

bool NativeManager::blocked() const noexcept {
    return has_too_many_answers() || awaits_too_many_answers() || is_waiting(topic_wait_);
}

bool NativeManager::awaits_too_many_answers() const noexcept {
    return deferred_ >= context_.environment.limits.awaited_answers_per_connection_max;
}

bool NativeManager::is_run_full() const noexcept {
    return deferred_ + run_publishes_.size() >= context_.environment.limits.awaited_answers_per_connection_max &&
           run_topic_ != nullptr && run_topic_->is_stored();
}

bool NativeManager::has_too_many_answers() const noexcept {
    return replies_.size() >= context_.environment.limits.reply_bytes_max;
}

bool NativeManager::collect(WriteBatch& batch) {
    answer_close();
    batch.add_owned(replies_);
    if (!held_fetches_.empty()) {
        for (const auto& fetch : std::exchange(held_fetches_, {})) {
            fetch->resume();
        }
        batch.add_owned(replies_);
    }
    return deliver(batch);
}

void NativeManager::shrink() {
    constexpr std::size_t kept_entries_max = 16;
    if (run_batches_.capacity() > kept_entries_max) {
        run_batches_ = {};
        run_publishes_ = {};
    }
    if (replies_.empty()) {
        replies_ = {};
    }
}

void NativeManager::close(std::error_code reason) {
    if (closing_) {
        return;
    }
    end_waiting_of_fetches();
    if (reason == Error::shutting_down) {
        answer_error({reason}, {});
    }
    closing_ = reason;
    for (const auto& [id, subscription] : subscriptions_) {
        subscription->end_ = subscription->topic_->cursor_at_latest().next;
    }
}

}  // namespace leveret
