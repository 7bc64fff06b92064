#include "subscription_manager/native/native_manager.hpp"
#include "subscription_manager/native/native_subscription.hpp"

namespace leveret {

NativeManager::Handled NativeManager::grant(const native::Frame& frame) {
    const auto request = native::Grant::decode(frame.body);
    if (!request) {
        return Refusal(request.error());
    }
    NativeSubscription* const subscription = find_subscription(frame.header.handle);
    if (subscription == nullptr) {
        return Refusal(Error::unknown_subscription);
    }
    subscription->credit_.give(request->records, request->bytes);
    subscription->mark_ready();
    if ((frame.header.flags & native::flags::one_way) == 0) {
        answer_ok(frame.header.correlation);
    }
    return {};
}

}  // namespace leveret
