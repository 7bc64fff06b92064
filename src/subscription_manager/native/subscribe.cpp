#include <fmt/format.h>

#include "subscription_manager/native/native_manager.hpp"
#include "subscription_manager/native/native_subscription.hpp"

namespace leveret {

NativeManager::Handled NativeManager::subscribe(const native::Frame& frame) {
    const auto asked = asked_of_topic<native::Subscribe>(frame);
    if (!asked) {
        if (asked.error().code == Error::too_many_filter_keys) {  // more than any server may allow
            context_.environment.counters.subscriptions_refused.add();
        }
        return asked.error();
    }
    const auto& limits = context_.environment.limits;
    if ((asked->request.flags & ~native::Subscribe::commit_gives_credit) != 0) {
        return Refusal(Error::not_supported, "a flag of this Subscribe is reserved: clear it");
    }
    const bool too_many_keys = asked->request.filter_keys.size() > limits.filter_keys_max;
    if (too_many_keys || subscriptions_.size() >= limits.subscriptions_per_connection_max) {
        context_.environment.counters.subscriptions_refused.add();
        return Refusal(too_many_keys ? Error::too_many_filter_keys : Error::too_many_subscriptions);
    }
    const auto cursor = cursor_for(asked->request.start, *asked->topic);
    if (!cursor) {
        return Refusal(cursor.error());
    }
    MemoryCharge charge(context_.environment.memory);
    if (!charge_for_client(context_, charge, NativeSubscription::memory_bytes(asked->request))) {
        return Refusal(Error::memory_full, "the server's memory limit is reached: no more subscriptions for now");
    }
    const SubscriptionId id{++last_subscription_};
    const auto subscription =
        std::make_shared<NativeSubscription>(*this, id, asked->topic, *cursor, asked->request, std::move(charge));
    subscriptions_.emplace(id.value, subscription);
    context_.environment.counters.subscriptions.add();
    if (subscription->credit_.is_limited() || asked->topic->is_stored()) {
        // Without credit it waits for nothing else, and one that reads a log may wait for that, or for memory.
        asked->topic->arm_for_deletion(subscription);
    }
    subscription->mark_ready();
    answer(native::FrameType::subscribed,
           native::Subscribed{.id = asked->topic->id(), .epoch = asked->topic->epoch(), .next = cursor->next},
           frame.header.correlation, id.value);
    return {};
}

NativeSubscription* NativeManager::find_subscription(std::uint32_t handle) {
    const auto found = subscriptions_.find(handle);
    return found == subscriptions_.end() ? nullptr : found->second.get();
}

void NativeManager::end_subscription(SubscriptionId id) {
    const auto found = subscriptions_.find(id.value);
    std::erase(ready_, found->second.get());
    found->second->detach();
    subscriptions_.erase(found);
    context_.environment.counters.subscriptions.subtract();
}

}  // namespace leveret
