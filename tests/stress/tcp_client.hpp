// A native client over TCP that blocks: for tests with a thread per client.
#pragma once

#include <memory>
#include <optional>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include "server/broker.hpp"
#include "support/native_frames.hpp"

namespace leveret::test {

/// One thread at a time. Throws std::system_error where the connection fails.
class TcpClient {
  public:
    /// Connects and says Hello.
    explicit TcpClient(std::uint16_t port);

    void send(Bytes bytes);
    /// The next frame, waited for; nothing when the broker has closed the connection.
    [[nodiscard]] std::optional<ReceivedFrame> next();
    /// Sends a request and waits for the first frame that comes.
    [[nodiscard]] ReceivedFrame ask(Bytes request);
    /// Its handle.
    [[nodiscard]] std::uint32_t open(std::string_view topic);

  private:
    asio::io_context context_{1};
    asio::ip::tcp::socket socket_{context_};
    ByteVector unread_;
    std::vector<ReceivedFrame> frames_;  // the next one last
};

/// A broker that listens on a free port with four threads.
class ThreadedBroker {
  public:
    explicit ThreadedBroker(const Limits& limits = {});

    Broker broker;
};

}  // namespace leveret::test
