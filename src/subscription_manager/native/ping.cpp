#include "subscription_manager/native/native_manager.hpp"

namespace leveret {

NativeManager::Handled NativeManager::ping(const native::Frame& frame) {
    constexpr std::size_t echoed_bytes_max = 64;
    if (frame.body.size() > echoed_bytes_max) {
        return Refusal(Error::bad_frame, "a Ping carries at most 64 bytes");
    }
    answer(native::FrameType::pong, native::RawBody{frame.body}, frame.header.correlation);
    return {};
}

}  // namespace leveret
