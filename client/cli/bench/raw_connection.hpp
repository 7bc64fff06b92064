// A blocking connection that speaks the native dialect in whole frames, without the client library.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <asio/ip/tcp.hpp>

#include "command.hpp"
#include "leveret/client.hpp"
#include "protocol/native.hpp"

namespace leveret::cli {

/// Where the server is, for blocking sockets.
[[nodiscard]] Outcome<asio::ip::tcp::endpoint> resolve(asio::io_context& context, const CommonOptions& common);

/// One thread, except for shut_down(). Move-only.
class RawConnection {
  public:
    /// Connects, from `source` where one is given.
    [[nodiscard]] static Outcome<RawConnection> open(asio::io_context& context, const asio::ip::tcp::endpoint& server,
                                                     std::optional<asio::ip::address> source = std::nullopt);

    [[nodiscard]] Outcome<void> hello();
    [[nodiscard]] Outcome<TopicHandle> open_topic(std::string_view name);
    [[nodiscard]] Outcome<SubscriptionId> subscribe(TopicHandle topic, native::Start::Kind from);

    [[nodiscard]] Outcome<void> write(Bytes bytes);
    /// Waits for a frame. Its body is valid until the next call. An Error frame is a failure.
    [[nodiscard]] Outcome<native::Frame> read_frame();
    /// A frame that is here already, or can be read without waiting.
    [[nodiscard]] Outcome<std::optional<native::Frame>> poll_frame();
    /// Makes a waiting read or write of another thread return.
    void shut_down() noexcept;

    [[nodiscard]] int descriptor() { return socket_.native_handle(); }

  private:
    explicit RawConnection(asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}
    /// The frame at the front of what has been read, if it is whole.
    Outcome<std::optional<native::Frame>> take_frame();
    /// Reads once; 0 bytes only where `wait` is false and nothing is there.
    Outcome<std::size_t> fill(bool wait);
    /// Sends a request and reads answers up to the one of this type.
    template <class Body>
    Outcome<native::Frame> ask(native::FrameType type, const Body& body, std::uint32_t handle,
                               native::FrameType answer);

    asio::ip::tcp::socket socket_;
    std::vector<std::byte> read_ = {};  // grown on demand: thousands of idle connections need none
    std::size_t begin_ = 0;             // [begin_, end_) of read_ has not been taken yet
    std::size_t end_ = 0;
};

/// A Publish frame of `count` records with `payload_bytes` zeros each, without a correlation where it is one-way.
[[nodiscard]] std::vector<std::byte> publish_frame(TopicHandle topic, std::size_t count, std::size_t payload_bytes,
                                                   bool one_way);

}  // namespace leveret::cli
