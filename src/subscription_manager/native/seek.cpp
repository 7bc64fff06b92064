#include "subscription_manager/native/native_manager.hpp"
#include "subscription_manager/native/native_subscription.hpp"

namespace leveret {

NativeManager::Handled NativeManager::seek(const native::Frame& frame) {
    const auto request = native::Seek::decode(frame.body);
    if (!request) {
        return Refusal(request.error());
    }
    NativeSubscription* const subscription = find_subscription(frame.header.handle);
    if (subscription == nullptr) {
        return Refusal(Error::unknown_subscription);
    }
    const TopicController& topic = *subscription->topic_;
    if (auto refusal = check_expected(request->expected, topic)) {
        return refusal;
    }
    const auto cursor = cursor_for(request->start, topic);
    if (!cursor) {
        return Refusal(cursor.error());
    }
    subscription->cursor_ = *cursor;
    subscription->give_back_outstanding();
    subscription->mark_ready();
    answer(native::FrameType::subscribed,
           native::Subscribed{.id = topic.id(), .epoch = topic.epoch(), .next = cursor->next}, frame.header.correlation,
           subscription->id_.value);
    return {};
}

}  // namespace leveret
