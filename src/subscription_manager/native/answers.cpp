#include <spdlog/spdlog.h>

#include "subscription_manager/native/native_manager.hpp"

namespace leveret {

std::shared_ptr<DeferredDone> NativeManager::answer_later(Correlation correlation) {
    return std::make_shared<DeferredDone>(context_.wake_list, deferred_, [this, correlation](std::error_code error) {
        error ? answer_error({error}, correlation) : answer_ok(correlation);
    });
}

void NativeManager::answer_when_kept(const TopicPtr& topic, Correlation correlation) {
    if (!topic->is_stored()) {
        answer_ok(correlation);
        return;
    }
    const auto answer = answer_later(correlation);
    context_.registry.when_kept(topic, [answer](std::error_code error) { answer->complete(error); });
}

void NativeManager::answer_error(const Refusal& refusal, Correlation correlation, std::uint32_t handle) {
    context_.environment.counters.request_errors.add();
    const Error code = error_to_answer(refusal.code);
    const std::string text = refusal.text.empty() ? refusal.code.message() : refusal.text;
    spdlog::debug("[{}] Error {}: {}", context_.peer, error_name(code), text);
    answer(native::FrameType::error, native::ErrorAnswer{.code = code, .detail = refusal.detail, .text = text},
           correlation, handle);
}

}  // namespace leveret
