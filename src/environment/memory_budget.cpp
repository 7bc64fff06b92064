#include "environment/memory_budget.hpp"

namespace leveret {

bool MemoryBudget::try_charge(std::uint64_t bytes) noexcept {
    std::uint64_t used = used_bytes_.load(std::memory_order_relaxed);
    do {
        // Written as a difference because a sum could overflow; `used` never exceeds the bound.
        if (bytes > bytes_max_ - used) {
            return false;
        }
    } while (!used_bytes_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
}

void MemoryBudget::release(std::uint64_t bytes) noexcept {
    used_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    if (released_) {
        released_();
    }
}

bool MemoryCharge::resize(std::uint64_t bytes) noexcept {
    if (bytes > bytes_ && !budget_->try_charge(bytes - bytes_)) {
        return false;
    }
    if (bytes < bytes_) {
        budget_->release(bytes_ - bytes);
    }
    bytes_ = bytes;
    return true;
}

}  // namespace leveret
