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
    if ((*topic)->is_stored()) {
        const bool one_way = (frame.header.flags & native::flags::one_way) != 0;
        const auto answer = std::make_shared<DeferredDone>(
            context_.wake_list, deferred_,
            [this, one_way, topic = *topic, position = std::string(request->position), offset = request->offset,
             correlation = frame.header.correlation](std::error_code error) {
                if (error) {
                    answer_error({error}, correlation);
                    return;
                }
                give_credit(*topic, position, offset);
                if (!one_way) {
                    answer_ok(correlation);
                }
            });
        (*topic)->commit(request->position, request->offset,
                         [answer](std::error_code error) { answer->complete(error); });
        return {};
    }
    if (const auto error = (*topic)->commit(request->position, request->offset)) {
        return Refusal(error);
    }
    give_credit(**topic, request->position, request->offset);
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
