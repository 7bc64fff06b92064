// What the processes of one run share: where it has come to, and how many messages each has published and received.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include <sys/mman.h>

#include "run.hpp"

namespace leveret::compare {

enum class Phase : std::uint32_t { preparing, warm_up, measuring, draining, over };

/// Anonymous memory that the processes forked from this one see, too. All members may be used from all of them.
class SharedRun {
  public:
    /// A counter on a cache line of its own.
    struct alignas(64) Counter {
        std::atomic<std::uint64_t> value{0};
    };
    struct Head {
        std::atomic<Phase> phase{Phase::preparing};
        std::atomic<std::uint32_t> ready{0};     ///< processes that have prepared
        std::atomic<std::uint32_t> finished{0};  ///< publishers that have published everything
        std::atomic<bool> is_failing{false};
        std::atomic<std::uint32_t> failures{0};  ///< 1 once `failure` can be read
        std::atomic<std::uint64_t> out_of_order{0};
        std::atomic<std::uint64_t> corrupt{0};
        std::array<char, 512> failure{};
        Latencies latencies{};  ///< of the last subscriber that had any
    };
    static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

    SharedRun(std::size_t lanes, std::size_t subscribers_per_lane)
        : lanes_(lanes), subscribers_per_lane_(subscribers_per_lane) {
        bytes_ = sizeof(Head) + 64 + (lanes + lanes * subscribers_per_lane) * sizeof(Counter);
        memory_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory_ == MAP_FAILED) {
            throw std::bad_alloc();
        }
        head_ = new (memory_) Head;
        counters_ = reinterpret_cast<Counter*>(static_cast<std::byte*>(memory_) + (sizeof(Head) + 63) / 64 * 64);
        for (std::size_t i = 0; i < lanes * (1 + subscribers_per_lane); ++i) {
            new (counters_ + i) Counter;
        }
    }
    ~SharedRun() { ::munmap(memory_, bytes_); }
    SharedRun(const SharedRun&) = delete;
    SharedRun& operator=(const SharedRun&) = delete;

    [[nodiscard]] Head& head() noexcept { return *head_; }
    [[nodiscard]] Phase phase() const noexcept { return head_->phase.load(std::memory_order_acquire); }
    [[nodiscard]] std::atomic<std::uint64_t>& published(std::size_t lane) noexcept { return counters_[lane].value; }
    /// Of a lane, one per subscriber.
    [[nodiscard]] std::span<Counter> delivered(std::size_t lane) noexcept {
        return {counters_ + lanes_ + lane * subscribers_per_lane_, subscribers_per_lane_};
    }
    /// Of the subscriber that is furthest behind.
    [[nodiscard]] std::uint64_t delivered_to_all(std::size_t lane) noexcept {
        std::uint64_t least = ~std::uint64_t{0};
        for (const Counter& counter : delivered(lane)) {
            least = std::min(least, counter.value.load(std::memory_order_acquire));
        }
        return least;
    }
    [[nodiscard]] std::uint64_t deliveries() noexcept {
        std::uint64_t all = 0;
        for (std::size_t i = 0; i < lanes_ * subscribers_per_lane_; ++i) {
            all += counters_[lanes_ + i].value.load(std::memory_order_acquire);
        }
        return all;
    }
    [[nodiscard]] bool everything_is_delivered() noexcept {
        for (std::size_t lane = 0; lane < lanes_; ++lane) {
            if (delivered_to_all(lane) < published(lane).load(std::memory_order_acquire)) {
                return false;
            }
        }
        return true;
    }
    [[nodiscard]] bool nothing_is_delivered_twice() noexcept {
        std::uint64_t published_to_all = 0;
        for (std::size_t lane = 0; lane < lanes_; ++lane) {
            published_to_all += published(lane).load(std::memory_order_acquire) * subscribers_per_lane_;
        }
        return deliveries() <= published_to_all;
    }
    /// The first one stays.
    void fail(std::string_view why) noexcept {
        if (!head_->is_failing.exchange(true)) {
            why.copy(head_->failure.data(), head_->failure.size() - 1);
            ++head_->failures;
        }
    }

  private:
    std::size_t lanes_;
    std::size_t subscribers_per_lane_;
    std::size_t bytes_ = 0;
    void* memory_ = nullptr;
    Head* head_ = nullptr;
    Counter* counters_ = nullptr;
};

}  // namespace leveret::compare
