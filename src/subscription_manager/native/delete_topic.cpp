#include <spdlog/spdlog.h>

#include "subscription_manager/native/native_manager.hpp"

namespace leveret {

NativeManager::Handled NativeManager::delete_topic(const native::Frame& frame) {
    const auto request = native::TopicName::decode(frame.body);
    if (!request) {
        return Refusal(request.error());
    }
    if (!context_.permissions.delete_topics) {
        return Refusal(Error::not_allowed, "deleting topics is switched off: start the server with --allow-delete");
    }
    const auto topic = named_topic(request->name);
    if (!topic) {
        return Refusal(topic.error());
    }
    std::shared_ptr<DeferredDone> answer;
    MessageLog::Done done;
    if ((*topic)->is_stored()) {
        answer = answer_later(frame.header.correlation);
        done = [answer](std::error_code error) { answer->complete(error); };
    }
    if (const auto error = context_.registry.remove(request->name, std::move(done))) {
        if (answer != nullptr) {
            answer->cancel();
        }
        return Refusal(error);
    }
    spdlog::info("[{}] deleted topic {}", context_.peer, request->name);
    if (answer == nullptr) {
        answer_ok(frame.header.correlation);
    }
    return {};
}

}  // namespace leveret
