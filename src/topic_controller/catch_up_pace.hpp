// How fast logs are read for those who catch up while others live on the same server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include <asio/strand.hpp>

#include "environment/environment.hpp"

namespace leveret {

/// Somebody who has read a part of a log and may have to wait before it is of use.
class PacedReader {
  public:
    virtual ~PacedReader() = default;
    /// Its pause is over. Called without locks.
    virtual void go_on() noexcept = 0;
};

/// Lets readers of logs pause while somebody publishes, and subscribers may wait for something new: a replay would take
/// whatever io threads and processors have. One reader goes on per `catch_up_pause`, they take turns. Both calls below
/// look whether something has been published since the last look. Thread-safe.
class CatchUpPace : public std::enable_shared_from_this<CatchUpPace> {
  public:
    static constexpr std::size_t read_bytes = 256U << 10U;
    static constexpr std::size_t paced_read_bytes = 64U << 10U;
    /// Somebody who has published is expected to go on for so long.
    static constexpr std::chrono::milliseconds live_for{100};

    /// Its timer runs on `executor`.
    CatchUpPace(const Environment& environment, const asio::any_io_executor& executor);

    /// How much a reader takes at once now.
    [[nodiscard]] std::size_t look_for_read_bytes();
    /// True: `reader`, if it still lives, goes on after its pause, on the executor. False: there is no reason to pause.
    [[nodiscard]] bool pause(const std::weak_ptr<PacedReader>& reader);
    /// Nobody pauses any more.
    void stop();

  private:
    [[nodiscard]] bool look_for_publishers();
    void set_timer();
    void end_pause();

    const Environment environment_;
    const asio::strand<asio::any_io_executor> strand_;
    const std::unique_ptr<Timer> timer_;  // used on the strand
    std::mutex mutex_;                    // guards what follows
    std::deque<std::weak_ptr<PacedReader>> pausing_;
    std::uint64_t published_ = 0;  // when it was looked last
    SteadyTime looked_at_ = SteadyTime::min();
    SteadyTime live_until_ = SteadyTime::min();
    bool is_stopped_ = false;
};

}  // namespace leveret
