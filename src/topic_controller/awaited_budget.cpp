#include "topic_controller/awaited_budget.hpp"

#include <utility>

namespace leveret {

void AwaitedBudget::wait(std::uint64_t bytes, std::weak_ptr<TopicWaiter> waiter) {
    {
        const std::lock_guard lock(mutex_);
        waiters_.push_back(std::move(waiter));
    }
    if (budget_.bytes_max() - budget_.used_bytes() >= bytes) {
        wake_some();  // what was given back between the attempt and now has woken nobody
    }
}

bool AwaitedBudget::has_waiters() {
    const std::lock_guard lock(mutex_);
    return !waiters_.empty();
}

void AwaitedBudget::wake_some() {
    std::size_t left = woken_per_release;
    if (budget_.used_bytes() == 0) {
        // Counted beforehand: one that cannot wait elsewhere comes back at once, and is left for the next time.
        const std::lock_guard lock(mutex_);
        left = waiters_.size();
    }
    while (left > 0) {
        std::weak_ptr<TopicWaiter> waiter;
        {
            const std::lock_guard lock(mutex_);
            if (waiters_.empty()) {
                return;
            }
            waiter = std::move(waiters_.front());
            waiters_.pop_front();
        }
        if (const auto alive = waiter.lock()) {
            alive->wake();
            --left;
        }
    }
}

}  // namespace leveret
