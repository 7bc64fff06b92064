#include "subscription_manager/native/native_manager.hpp"

namespace leveret {

NativeManager::Handled NativeManager::close_connection(const native::Frame& frame) {
    answer_ok(frame.header.correlation);
    close({});
    return {};
}

}  // namespace leveret
