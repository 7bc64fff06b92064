#include "subscription_manager/native/native_manager.hpp"
#include "subscription_manager/native/native_subscription.hpp"

namespace leveret {

NativeManager::Handled NativeManager::commit(const native::Frame& frame) {
    const auto asked = asked_of_topic<native::Commit>(frame);
    if (!asked) {
        return asked.error();
    }
    if (!is_valid_name(asked->request.position)) {
        return Refusal(Error::bad_position_name);
    }
    if (asked->topic->is_stored()) {
        const bool one_way = (frame.header.flags & native::flags::one_way) != 0;
        const auto answer = std::make_shared<DeferredDone>(
            context_.wake_list, deferred_,
            [this, one_way, topic = asked->topic, position = std::string(asked->request.position),
             offset = asked->request.offset, correlation = frame.header.correlation](std::error_code error) {
                if (error) {
                    answer_error({error}, correlation);
                    return;
                }
                give_credit(*topic, position, offset);
                if (!one_way) {
                    answer_ok(correlation);
                }
            });
        asked->topic->commit(asked->request.position, asked->request.offset,
                             [answer](std::error_code error) { answer->complete(error); });
        return {};
    }
    if (const auto error = asked->topic->commit(asked->request.position, asked->request.offset)) {
        return Refusal(error);
    }
    give_credit(*asked->topic, asked->request.position, asked->request.offset);
    if ((frame.header.flags & native::flags::one_way) == 0) {
        answer_ok(frame.header.correlation);
    }
    return {};
}

/// Of the subscriptions whose credit comes back with commits of this position.
void NativeManager::give_credit(const TopicController& topic, std::string_view position, Offset offset) {
    for (const auto& [id, subscription] : subscriptions_) {
        if (subscription->is_credited_by(topic, position)) {
            subscription->committed(offset);
        }
    }
}

}  // namespace leveret
