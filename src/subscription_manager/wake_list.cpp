#include "subscription_manager/wake_list.hpp"

#include <asio/post.hpp>

namespace leveret {

void StrandWaiter::wake() noexcept {
    if (const auto list = wake_list_.lock()) {
        list->push(std::static_pointer_cast<StrandWaiter>(shared_from_this()));
    }
}

void WakeList::push(std::shared_ptr<StrandWaiter> waiter) {
    {
        const std::scoped_lock lock(mutex_);
        if (closed_) {
            return;
        }
        waiters_.push_back(std::move(waiter));
        if (at_work_) {
            return;
        }
        at_work_ = true;  // one request for work is enough until finish()
    }
    ask_for_work();
}

void WakeList::ask_for_work() {
    asio::post(strand_, [self = shared_from_this()] {
        if (const auto work = self->work_) {  // a copy: the work may come to close()
            work();
        }
    });
}

void WakeList::begin() {
    const std::scoped_lock lock(mutex_);
    at_work_ = true;
}

std::vector<std::shared_ptr<StrandWaiter>> WakeList::take() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(waiters_, {});
}

bool WakeList::finish() {
    const std::scoped_lock lock(mutex_);
    at_work_ = !waiters_.empty();
    return !at_work_;
}

void WakeList::close() {
    work_ = {};
    std::vector<std::shared_ptr<StrandWaiter>> dropped;  // destroyed after the lock is released
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    dropped.swap(waiters_);
}

}  // namespace leveret
