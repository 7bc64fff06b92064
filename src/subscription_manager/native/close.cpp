#include "subscription_manager/native/native_manager.hpp"

namespace leveret {

NativeManager::Handled NativeManager::close_connection(const native::Frame& frame) {
    is_close_unanswered_ = true;
    close_correlation_ = frame.header.correlation;
    close({});
    return {};
}

void NativeManager::answer_close() {
    if (is_close_unanswered_ && !awaits_answers()) {
        is_close_unanswered_ = false;
        answer_ok(close_correlation_);
    }
}

}  // namespace leveret
