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
    if (const auto error = context_.registry.remove(request->name)) {
        return Refusal(error);
    }
    spdlog::info("[{}] deleted topic {}", context_.peer, request->name);
    answer_ok(frame.header.correlation);
    return {};
}

}  // namespace leveret
