#include "subscription_manager/native/native_manager.hpp"

namespace leveret {

NativeManager::Handled NativeManager::alter_topic(const native::Frame& frame) {
    using Field = native::AlterTopic::Field;
    const auto request = native::AlterTopic::decode(frame.body);
    if (!request) {
        return Refusal(request.error());
    }
    const auto change = [&request](TopicSettings& settings) {
        const auto take = [&](Field field, std::uint64_t TopicSettings::*member) {
            if ((request->fields & field) != 0) {
                settings.*member = request->settings.*member;
            }
        };
        take(Field::retention_ttl, &TopicSettings::retention_ttl_ms);
        take(Field::compaction_window, &TopicSettings::compaction_window_ms);
        take(Field::retention_bytes, &TopicSettings::retention_bytes);
        take(Field::retention_records, &TopicSettings::retention_records);
    };
    const auto topic = context_.registry.alter(request->name, change);
    if (!topic) {
        return Refusal(topic.error());
    }
    answer_when_kept(*topic, frame.header.correlation);
    return {};
}

}  // namespace leveret
