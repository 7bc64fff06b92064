#include "crash/crash_client.hpp"

#include <system_error>

namespace leveret::test {

RefusedError::RefusedError(const native::ErrorAnswer& answer)
    : std::runtime_error(std::string(error_name(answer.code)) + ": " + std::string(answer.text)), code(answer.code) {}

CrashClient::CrashClient(std::uint16_t port) : socket_(port) {
    static_cast<void>(ask(opening()));
}

bool CrashClient::send(Bytes bytes) noexcept {
    try {
        socket_.send(bytes);
        return true;
    } catch (const std::system_error&) {
        return false;
    }
}

std::optional<ReceivedFrame> CrashClient::next() {
    while (frames_.empty()) {
        if (!socket_.receive(unread_)) {
            return {};
        }
        for (ReceivedFrame& frame : take_frames(unread_)) {
            frames_.push_back(std::move(frame));
        }
    }
    ReceivedFrame frame = std::move(frames_.front());
    frames_.pop_front();
    return frame;
}

ReceivedFrame CrashClient::ask(Bytes request) {
    std::optional<ReceivedFrame> answer;
    if (send(request)) {
        answer = next();
    }
    if (!answer) {
        throw std::runtime_error("the server has closed the connection");
    }
    if (answer->header.type == native::FrameType::error) {
        throw RefusedError(answer->as<native::ErrorAnswer>());
    }
    return *std::move(answer);
}

std::uint32_t CrashClient::open(std::string_view topic) {
    return ask(frame(native::FrameType::open_topic, native::TopicName{topic}, 1, 0, native::flags::no_create))
        .header.handle;
}

}  // namespace leveret::test
