#include "subscription_manager/native/native_manager.hpp"
#include "subscription_manager/native/native_subscription.hpp"

namespace leveret {

NativeManager::Handled NativeManager::unsubscribe(const native::Frame& frame) {
    if (!frame.body.empty()) {
        return Refusal(Error::bad_frame);
    }
    const NativeSubscription* const subscription = find_subscription(frame.header.handle);
    if (subscription == nullptr) {
        return Refusal(Error::unknown_subscription);
    }
    end_subscription(subscription->id_);
    answer_ok(frame.header.correlation);
    return {};
}

}  // namespace leveret
