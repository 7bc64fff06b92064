// One TCP connection in the native dialect: reads frames, writes what is queued. A reconnect makes another one.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>

#include "receive_buffer.hpp"
#include "signal.hpp"
#include "write_queue.hpp"

namespace leveret::client_side {

/// Who is told what happens on a connection. Strand: the client's.
class ConnectionOwner {
  public:
    virtual ~ConnectionOwner() = default;
    /// Carries a frame out. A Failure says that the server does not keep to the protocol: the connection ends.
    [[nodiscard]] virtual std::optional<Failure> on_frame(const native::Frame& frame, ReceiveBuffer& buffer) = 0;
    /// The connection is gone. Said once, and not after close().
    virtual void on_lost(Failure failure) = 0;
    /// The queue to write from; none while it is held back.
    [[nodiscard]] virtual WriteQueue* queue_to_write() = 0;
    /// Some of it has been written.
    virtual void on_written() = 0;
};

/// Owned by its client by shared_ptr, and by its own read loop until that ends. Strand: the client's.
class Connection : public std::enable_shared_from_this<Connection> {
  public:
    Connection(const asio::any_io_executor& executor, std::shared_ptr<Wakeups> wakeups,
               std::weak_ptr<ConnectionOwner> owner);

    /// Resolves and connects. close() and lose() end it.
    [[nodiscard]] static asio::awaitable<Outcome<void>> open(std::shared_ptr<Connection> self, std::string host,
                                                             std::uint16_t port);
    /// The connection is lost, timed_out, unless the deadline is stopped before.
    void start_deadline(std::chrono::milliseconds timeout);
    void stop_deadline() { deadline_.cancel(); }
    /// Begins to read, until the connection ends.
    void start_reading();

    /// Goes out before the queue: what prepares a new connection.
    void append_first(Bytes frames) { first_.insert(first_.end(), frames.begin(), frames.end()); }
    /// Writes as much as the socket takes now; the rest follows by itself. Calls no user code.
    void flush();

    /// Ends it; on_lost() follows, later, with this reason.
    void lose(Failure failure);
    /// Ends it; the owner is not told of anything any more.
    void close();

    /// The server has said Welcome: from now on any frame may come, up to this size.
    void set_welcomed(std::size_t frame_bytes_max) noexcept {
        is_welcomed_ = true;
        frame_bytes_max_ = frame_bytes_max;
    }

  private:
    [[nodiscard]] static asio::awaitable<void> read_loop(std::shared_ptr<Connection> self);
    [[nodiscard]] std::optional<Failure> carry_out_frames(ConnectionOwner& owner);
    [[nodiscard]] Failure no_server_of_ours() const;
    [[nodiscard]] std::size_t gather(WriteQueue* queue);
    void account(std::size_t bytes, WriteQueue* queue);
    void wait_writable();
    void close_socket();

    asio::ip::tcp::socket socket_;
    asio::ip::tcp::resolver resolver_;
    asio::steady_timer deadline_;
    std::shared_ptr<Wakeups> wakeups_;
    std::weak_ptr<ConnectionOwner> owner_;
    ReceiveBuffer buffer_;
    std::string endpoint_;  // for sentences
    bool is_welcomed_ = false;
    std::size_t frame_bytes_max_ = 1U << 20U;  // until Welcome says it

    std::vector<std::byte> first_;
    std::size_t first_written_bytes_ = 0;
    std::array<asio::const_buffer, 64> buffers_{};  // as many as Asio passes on in one call
    bool waits_writable_ = false;
    std::optional<Failure> failure_;  // why lose() was called
};

}  // namespace leveret::client_side
