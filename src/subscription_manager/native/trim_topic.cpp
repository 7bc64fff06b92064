#include "subscription_manager/native/native_manager.hpp"

namespace leveret {

NativeManager::Handled NativeManager::trim_topic(const native::Frame& frame) {
    const auto request = native::TrimTopic::decode(frame.body);
    if (!request) {
        return Refusal(request.error());
    }
    const auto topic = named_topic(request->name);
    if (!topic) {
        return Refusal(topic.error());
    }
    if (auto refusal = check_partition(request->partition)) {
        return refusal;
    }
    if (!(*topic)->is_stored()) {
        if (const auto error = (*topic)->trim(request->before)) {
            return Refusal(error);
        }
        answer_ok(frame.header.correlation);
        return {};
    }
    const auto answer = answer_later(frame.header.correlation);
    if (const auto error = (*topic)->trim(request->before, [answer](auto failure) { answer->complete(failure); })) {
        answer->cancel();
        return Refusal(error);
    }
    return {};
}

}  // namespace leveret
