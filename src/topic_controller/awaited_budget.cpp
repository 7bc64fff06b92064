#include "topic_controller/awaited_budget.hpp"

#include <utility>

namespace leveret {

void AwaitedBudget::wait(std::uint64_t bytes, const std::weak_ptr<TopicWaiter>& waiter) {
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.insert(waiter).second) {
            waiters_.push_back(waiter);
        }
        forget_gone();
    }
    if (budget_.bytes_max() - budget_.used_bytes() >= bytes) {
        wake_some();  // what was given back between the attempt and now has woken nobody
    }
}

/// Under the mutex. Those who have gone are no more than those who wait, or a few.
void AwaitedBudget::forget_gone() {
    if (waiters_.size() < forget_at_) {
        return;
    }
    const auto has_gone = [](const std::weak_ptr<TopicWaiter>& waiter) { return waiter.expired(); };
    std::erase_if(waiters_, has_gone);
    std::erase_if(waiting_, has_gone);
    forget_at_ = 2 * waiters_.size() + 64;
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
            waiting_.erase(waiter);
        }
        if (const auto alive = waiter.lock()) {
            alive->wake();
            --left;
        }
    }
}

}  // namespace leveret
