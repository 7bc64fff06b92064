// One client: reads into its SubscriptionManager, writes what that has due, and waits where there is nothing to do.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "environment/environment.hpp"
#include "environment/notifier.hpp"
#include "environment/thread_lender.hpp"
#include "server/read_buffer.hpp"
#include "server/transport.hpp"
#include "subscription_manager/subscription_manager.hpp"

namespace leveret {

/// What all connections of a broker share; outlives them.
struct ConnectionShared {
    const Environment& environment;
    TopicRegistry& registry;
    const Permissions& permissions;
    ReadMemoryPool& read_memory;
    WriteBatchPool& write_batches;
    ThreadLender& thread_lender;
};

/// Everything but the three public methods runs on the strand. While nothing happens it costs one suspended coroutine
/// that waits for the socket to become readable: no read buffer, no write batch, no timer.
class Connection : public std::enable_shared_from_this<Connection> {
  public:
    using Ended = std::function<void(std::uint64_t id)>;

    /// `ended` is called once, on the strand, when the transport has been closed.
    Connection(const ConnectionShared& shared, std::uint64_t id, std::unique_ptr<Transport> transport,
               asio::any_io_executor strand, Ended ended);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection();

    /// Any thread. Begins to read.
    void start();
    /// Any thread. Reads no more, carries out no more of what has been read, writes what is due, closes.
    void drain();
    /// Any thread. The time to drain is over: closes at once and counts that, unless it is closed already.
    void abort();

  private:
    [[nodiscard]] asio::awaitable<void> read();
    [[nodiscard]] asio::awaitable<void> wait_until_unblocked();
    [[nodiscard]] asio::awaitable<void> write_when_writable();

    /// Hands a turn of what has been read to the manager, which the first bytes choose, and writes what that leads to.
    /// False: more has been read, for another turn or for when the manager is not blocked any more.
    [[nodiscard]] bool receive();
    /// The manager's part of it; false as above, unless it is blocked.
    [[nodiscard]] bool carry_out();
    [[nodiscard]] bool choose_dialect();
    /// The opening exchange, and then a frame that has begun, is to go on in time: from when the first bytes came, and
    /// from when nothing more came. Called after a turn, and before a wait for more.
    void watch_handshake();
    void watch_unfinished_frame();
    void set_arrival_timer(std::chrono::microseconds delay);
    void check_arrivals();
    /// Carries out wake-ups and writes what is due. The one place where the two meet.
    void work();
    /// Writes until nothing is due, the transport takes no more, or it is the turn of others.
    void write();
    [[nodiscard]] bool write_front();
    void ask_for_work();
    void begin_stall();
    /// Tries `charge`, which says whether the memory budget had room, and reclaims in between; else closes.
    [[nodiscard]] bool make_room_for(const std::function<bool()>& charge);
    void check_stall();
    [[nodiscard]] bool manager_closing() const noexcept;
    void client_ended(std::error_code error);
    void close(std::error_code reason);

    const ConnectionShared& shared_;
    const std::uint64_t id_;
    const std::unique_ptr<Transport> transport_;
    const asio::any_io_executor strand_;
    Ended ended_;
    const std::shared_ptr<WakeList> wake_list_;
    std::unique_ptr<SubscriptionManager> manager_;  // null before the dialect is known and after the end
    ReadBuffer input_;
    std::unique_ptr<WriteBatch> batch_;     // only while there is something to write
    std::unique_ptr<Timer> arrival_timer_;  // only while the opening or a frame is not whole, and at times soon after
    std::unique_ptr<Timer> stall_timer_;    // only while the transport takes nothing
    std::unique_ptr<Notifier> unblocked_;   // only once answers have waited too long
    SteadyTime stalled_since_{};
    SteadyTime nothing_came_since_{};  // while waits_for_frame_
    bool is_established_ = false;
    bool waits_for_frame_ = false;  // for the rest of one that has begun
    bool stalled_ = false;
    bool write_failed_ = false;  // the peer takes nothing any more; it may have sent something before
    bool work_asked_ = false;
    bool closed_ = false;
};

}  // namespace leveret
