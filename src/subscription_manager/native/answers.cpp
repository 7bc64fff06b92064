#include <spdlog/spdlog.h>

#include "subscription_manager/native/native_manager.hpp"

namespace leveret {

void NativeManager::answer_error(const Refusal& refusal, Correlation correlation, std::uint32_t handle) {
    context_.environment.counters.request_errors.add();
    const bool is_ours = refusal.code.category() == error_category();
    const Error code = is_ours ? static_cast<Error>(refusal.code.value()) : Error::not_supported;
    const std::string text = refusal.text.empty() ? refusal.code.message() : refusal.text;
    spdlog::debug("[{}] Error {}: {}", context_.peer, error_name(code), text);
    answer(native::FrameType::error, native::ErrorAnswer{.code = code, .detail = refusal.detail, .text = text},
           correlation, handle);
}

}  // namespace leveret
