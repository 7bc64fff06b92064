#include "bench/window.hpp"

#include <algorithm>

namespace leveret::cli {

std::uint64_t Window::take(std::uint64_t wanted) noexcept {
    if (subscribers_ == 0) {
        taken_.fetch_add(wanted, std::memory_order_relaxed);
        return wanted;
    }
    std::uint64_t taken = taken_.load(std::memory_order_relaxed);
    std::uint64_t limit = limit_.load(std::memory_order_relaxed);
    for (;;) {
        if (taken >= limit) {
            limit = slowest() + records_max_;
            limit_.store(limit, std::memory_order_relaxed);
        }
        if (taken >= limit) {
            return 0;
        }
        const std::uint64_t granted = std::min(wanted, limit - taken);
        if (taken_.compare_exchange_weak(taken, taken + granted, std::memory_order_relaxed)) {
            return granted;
        }
    }
}

std::uint64_t Window::slowest() const noexcept {
    std::uint64_t least = taken();
    for (std::size_t i = 0; i < subscribers_; ++i) {
        least = std::min(least, received_[i].total.load(std::memory_order_relaxed));
    }
    return least;
}

}  // namespace leveret::cli
