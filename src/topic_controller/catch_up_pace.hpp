// How fast logs are read for those who catch up while others live on the same server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include <asio/strand.hpp>

#include "environment/environment.hpp"

namespace leveret {

/// A replay takes whatever the machine has: io threads, processors, their caches. So while somebody publishes, and
/// subscribers may wait for something new, all readers of logs together take one small part per `catch_up_pause`. A
/// reader that would get less than twice what is published has no pause, else it would never catch up. Thread-safe;
/// outlives the readers.
class CatchUpPace {
  public:
    static constexpr std::size_t read_bytes = 256U << 10U;
    static constexpr std::size_t paced_read_bytes = 64U << 10U;
    /// Somebody who has published is expected to go on for so long.
    static constexpr std::chrono::seconds live_for{1};

    /// Its timer runs on `executor`.
    CatchUpPace(const Environment& environment, const asio::any_io_executor& executor);

    /// How much a reader takes at once.
    [[nodiscard]] std::size_t read_bytes_now();
    /// What has been published up to now, for a reader to remember.
    [[nodiscard]] std::uint64_t published() const noexcept { return environment_.counters.records_published.value(); }
    /// Calls `go_on` for a reader that has read so many records, while so many were published: at once while nobody
    /// is live, else after its pause, on the executor. Readers take turns.
    void pass(std::uint64_t records, std::uint64_t published_meanwhile, std::function<void()> go_on);

  private:
    [[nodiscard]] bool is_live();
    void begin_pause();
    void end_pause();

    const Environment environment_;
    const asio::strand<asio::any_io_executor> strand_;
    const std::unique_ptr<Timer> timer_;  // used on the strand
    std::mutex mutex_;                    // guards what follows; nothing is called under it
    std::deque<std::function<void()>> waiting_;
    std::uint64_t published_ = 0;  // when looked last
    SteadyTime looked_at_{};
    SteadyTime live_until_{};
};

}  // namespace leveret
