#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "subscription_manager/native/native_manager.hpp"

namespace leveret {

Result<TopicPtr> NativeManager::opened_topic(std::uint32_t handle) const {
    if (handle == 0 || handle > opened_.size()) {
        return fail(Error::unknown_handle);
    }
    const TopicPtr& topic = opened_[handle - 1];
    if (topic->is_deleted()) {
        return fail(Error::topic_deleted);
    }
    if (const std::error_code error = topic->opening_error()) {
        return tl::unexpected(error);
    }
    return topic;
}

Result<TopicPtr> NativeManager::named_topic(std::string_view name) const {
    if (!is_valid_name(name)) {
        return fail(Error::bad_topic_name);
    }
    TopicPtr topic = context_.registry.find(name);
    if (topic == nullptr) {
        return fail(Error::unknown_topic);
    }
    return topic;
}

NativeManager::Refusal NativeManager::refused_creation(std::error_code error, const TopicSettings& settings) const {
    if (error == Error::topic_busy) {
        return Refusal(Error::topic_busy, "the topic of this name is being removed from the disk: try again later");
    }
    if (error == Error::not_supported) {
        return Refusal(Error::not_supported, std::string(context_.registry.why_not_supported(settings)));
    }
    return Refusal(error);
}

NativeManager::Handled NativeManager::check_partition(PartitionId partition) {
    if (partition.value != 0) {
        return Refusal(Error::unknown_partition,
                       fmt::format("there is no partition {}: a topic has partition 0 only", partition.value));
    }
    return {};
}

NativeManager::Handled NativeManager::check_expected(const native::Expected& expected, const TopicController& topic) {
    const bool same_id = !expected.id.is_set() || expected.id == topic.id();
    const bool same_epoch = expected.epoch.value == 0 || expected.epoch == topic.epoch();
    if (!same_id || !same_epoch) {
        // A topic in memory keeps nothing of an earlier life, so no offset is known to be shared with it.
        return Refusal(Error::topic_changed, {}, same_id ? topic.shared_until(expected.epoch).value : 0);
    }
    return {};
}

Result<TopicCursor> NativeManager::cursor_for(const native::Start& start, const TopicController& topic) {
    using Kind = native::Start::Kind;
    switch (start.kind) {
        case Kind::latest:
            return topic.cursor_at_latest();
        case Kind::earliest:
            return topic.cursor_at_earliest();
        case Kind::offset:
            return topic.cursor_at({start.value});
        case Kind::timestamp: {
            constexpr std::uint64_t latest_us = std::numeric_limits<std::int64_t>::max();  // no record is stamped later
            const auto at_us = static_cast<std::int64_t>(std::min(start.value, latest_us));
            return topic.cursor_at_time(Timestamp(std::chrono::microseconds(at_us)));
        }
        case Kind::position:
            if (!is_valid_name(start.position)) {
                return fail(Error::bad_position_name);
            }
            if (const auto offset = topic.position(start.position)) {
                return topic.cursor_at(*offset);
            }
            return start.fallback == Kind::latest ? topic.cursor_at_latest() : topic.cursor_at_earliest();
    }
    return fail(Error::bad_frame);
}

}  // namespace leveret
