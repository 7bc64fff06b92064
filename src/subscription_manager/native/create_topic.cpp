#include "subscription_manager/native/native_manager.hpp"

namespace leveret {

NativeManager::Handled NativeManager::create_topic(const native::Frame& frame) {
    const auto request = native::CreateTopic::decode(frame.body);
    if (!request) {
        return Refusal(request.error());
    }
    const auto topic = context_.registry.create(request->name, request->settings);
    if (!topic) {
        return refused_creation(topic.error(), request->settings);
    }
    answer_when_kept(*topic, frame.header.correlation);
    return {};
}

}  // namespace leveret
