#include "subscription_manager/native/native_manager.hpp"
#include "subscription_manager/native/native_subscription.hpp"

namespace leveret {

NativeManager::Handled NativeManager::commit(const native::Frame& frame) {
    const auto topic = opened_topic(frame.header.handle);
    if (!topic) {
        return Refusal(topic.error());
    }
    const auto request = native::Commit::decode(frame.body);
    if (!request) {
        return Refusal(request.error());
    }
    if (auto refusal = check_partition(request->partition)) {
        return refusal;
    }
    if (auto refusal = check_expected(request->expected, **topic)) {
        return refusal;
    }
    if (!is_valid_name(request->position)) {
        return Refusal(Error::bad_position_name);
    }
    if (const auto error = (*topic)->commit(request->position, request->offset)) {
        return Refusal(error);
    }
    for (const auto& [id, subscription] : subscriptions_) {
        if (subscription->is_credited_by(**topic, request->position)) {
            subscription->committed(request->offset);
        }
    }
    if ((frame.header.flags & native::flags::one_way) == 0) {
        answer_ok(frame.header.correlation);
    }
    return {};
}

}  // namespace leveret
