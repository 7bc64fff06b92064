#include "subscription_manager/native/native_manager.hpp"

namespace leveret {

NativeManager::Handled NativeManager::create_topic(const native::Frame& frame) {
    const auto request = native::CreateTopic::decode(frame.body);
    if (!request) {
        return Refusal(request.error());
    }
    const auto topic = context_.registry.create(request->name, request->settings);
    if (!topic) {
        return Refusal(topic.error());
    }
    if ((*topic)->is_stored()) {
        const auto answer = answer_later(frame.header.correlation);
        context_.registry.when_kept(*topic, [answer](std::error_code error) { answer->complete(error); });
    } else {
        answer_ok(frame.header.correlation);
    }
    return {};
}

}  // namespace leveret
