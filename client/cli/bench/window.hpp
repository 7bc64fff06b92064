// Keeps publishers of a benchmark from running away from its slowest subscriber.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace leveret::cli {

/// A broadcast topic never waits for its readers: whoever falls behind by more than the topic keeps, misses records. A
/// benchmark that is to lose nothing bounds itself, here: one window per topic. Thread-safe.
class Window {
  public:
    /// Without subscribers there is nobody to wait for, and the window is unlimited.
    Window(std::size_t subscribers, std::uint64_t records_max)
        : subscribers_(subscribers), records_max_(records_max), received_(new Received[subscribers]) {}

    /// The right to publish up to `wanted` more records; 0: look again later.
    [[nodiscard]] std::uint64_t take(std::uint64_t wanted) noexcept;
    /// Subscriber `index` has come this far, counted in records received or missed. Only its own thread calls this.
    void received(std::size_t index, std::uint64_t total) noexcept {
        received_[index].total.store(total, std::memory_order_relaxed);
    }

    /// Records that were given out to publish.
    [[nodiscard]] std::uint64_t taken() const noexcept { return taken_.load(std::memory_order_relaxed); }
    /// How far the slowest subscriber has come; taken() without subscribers.
    [[nodiscard]] std::uint64_t slowest() const noexcept;

  private:
    struct alignas(64) Received {  // a cache line each: they are written by different threads
        std::atomic<std::uint64_t> total{0};
    };

    const std::size_t subscribers_;
    const std::uint64_t records_max_;
    const std::unique_ptr<Received[]> received_;
    alignas(64) std::atomic<std::uint64_t> taken_{0};
    std::atomic<std::uint64_t> limit_{0};  // taken_ may come to here without another look at the subscribers
};

}  // namespace leveret::cli
