// The one bound on the broker's memory: blocks, windows and connection buffers are charged here.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>

namespace leveret {

/// Thread-safe; outlives whatever is charged to it.
class MemoryBudget {
  public:
    /// `released`, which may be empty, is called after something has been given back, by whoever did.
    explicit MemoryBudget(std::uint64_t bytes_max, std::function<void()> released = {}) noexcept
        : bytes_max_(bytes_max), released_(std::move(released)) {}

    /// Takes `bytes`, or nothing and says false where they do not fit.
    [[nodiscard]] bool try_charge(std::uint64_t bytes) noexcept;
    /// Gives back what try_charge took.
    void release(std::uint64_t bytes) noexcept;

    [[nodiscard]] std::uint64_t used_bytes() const noexcept { return used_bytes_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t bytes_max() const noexcept { return bytes_max_; }

  private:
    const std::uint64_t bytes_max_;
    const std::function<void()> released_;
    std::atomic<std::uint64_t> used_bytes_{0};
};

/// Tries `charge`, which says whether the budget had room, and `reclaim` in between, which says whether it freed some.
/// Memory that was reclaimed for one may be taken by another, or still be pinned: so a few attempts, not for ever.
template <typename Charge, typename Reclaim>
[[nodiscard]] bool charge_or_reclaim(const Charge& charge, const Reclaim& reclaim) {
    constexpr int attempts_max = 4;
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
        if (charge()) {
            return true;
        }
        if (!reclaim()) {
            break;
        }
    }
    return false;
}

/// What one owner has been charged; gives it back when it goes.
class MemoryCharge {
  public:
    explicit MemoryCharge(MemoryBudget& budget) noexcept : budget_(&budget) {}
    MemoryCharge(MemoryCharge&& other) noexcept : budget_(other.budget_), bytes_(std::exchange(other.bytes_, 0)) {}
    MemoryCharge(const MemoryCharge&) = delete;
    MemoryCharge& operator=(const MemoryCharge&) = delete;
    MemoryCharge& operator=(MemoryCharge&&) = delete;
    ~MemoryCharge() { budget_->release(bytes_); }

    /// Makes the charge `bytes`; less always works, more says false and changes nothing where it does not fit.
    [[nodiscard]] bool resize(std::uint64_t bytes) noexcept;
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

  private:
    MemoryBudget* budget_;
    std::uint64_t bytes_ = 0;
};

}  // namespace leveret
