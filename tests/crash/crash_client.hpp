// A native client that blocks, for a server that may be killed at any moment.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "conformance/wire_socket.hpp"
#include "support/native_frames.hpp"

namespace leveret::test {

/// One thread at a time. A minute without a byte is an exception.
class CrashClient {
  public:
    /// Connects and has been welcomed. Throws where it is not.
    explicit CrashClient(std::uint16_t port);

    /// False where the server is gone. What it said before can still be read.
    [[nodiscard]] bool send(Bytes bytes) noexcept;
    /// The next frame, waited for; nothing when the server is gone and all it said has been read.
    [[nodiscard]] std::optional<ReceivedFrame> next();
    /// Sends a request and waits for its answer. Throws where the server is gone or answers with an error.
    [[nodiscard]] ReceivedFrame ask(Bytes request);
    /// Of a topic that exists.
    [[nodiscard]] std::uint32_t open(std::string_view topic);

  private:
    WireSocket socket_;
    ByteVector unread_;
    std::deque<ReceivedFrame> frames_;
};

/// An answer that is the error it carries.
class RefusedError : public std::runtime_error {
  public:
    explicit RefusedError(const native::ErrorAnswer& answer);
    Error code;
};

}  // namespace leveret::test
