// TopicController's keeping of house: what expires, what is trimmed and evicted, and the end of a deleted topic.
#include "topic_controller/house_keeping.hpp"

#include <algorithm>

#include "topic_controller/topic_controller.hpp"

namespace leveret {
namespace {

// Entries of the window that one call of expire() forgets under the lock; it then asks to be called again, at once
// where more than an eighth of the rest is old, too.
constexpr std::size_t forgotten_per_expire = 4096;

}  // namespace

std::optional<Timestamp> TopicController::expire(Timestamp now) {
    AfterLog after;
    std::optional<Timestamp> due;
    {
        HouseKeeping keeping(*this);
        if (retention_ttl_.count() != 0) {
            keeping.losses.expired += expire_buffer(now, keeping.losses.removed);
            if (buffer_.blocks() == 0) {
                buffer_.drop_spares(keeping.losses.removed);
            }
        }
        if (window_) {
            window_->forget(window_now(), compaction_window_, forgotten_per_expire);
        }
        if (log_) {
            plan_housekeeping(now, after);
        }
        scheduled_for_ = next_expiry();
        due = scheduled_for_;
    }
    carry_out(after);
    return due;
}

/// When a block, or enough of the window, will have become old. Durations that end after all time never do.
std::optional<Timestamp> TopicController::next_expiry() const noexcept {
    std::optional<Timestamp> due;
    const auto oldest = buffer_.oldest_block_timestamp();
    if (oldest && retention_ttl_.count() != 0 && retention_ttl_ <= Timestamp::max() - *oldest) {
        due = *oldest + retention_ttl_;
    }
    if (const auto forget = next_forget()) {
        due = due ? std::min(*due, *forget) : *forget;
    }
    if (const auto log_due = log_ ? next_log_housekeeping() : std::nullopt) {
        due = due ? std::min(*due, *log_due) : *log_due;
    }
    return due;
}

/// When the window has something to forget, by the wall clock as it is now.
std::optional<Timestamp> TopicController::next_forget() const noexcept {
    const auto forget = window_ ? window_->next_forget(compaction_window_) : std::nullopt;
    if (!forget) {
        return std::nullopt;
    }
    const std::chrono::microseconds left = *forget - window_now();
    const Timestamp now = environment_.clock.wall_now();
    return left <= Timestamp::max() - now ? std::optional(now + left) : std::nullopt;
}

WindowTime TopicController::window_now() const noexcept {
    return std::chrono::floor<std::chrono::microseconds>(environment_.clock.steady_now());
}

/// What schedule() has to be called with, once the lock is released.
std::optional<Timestamp> TopicController::take_new_expiry() noexcept {
    if (is_deleted() || (retention_ttl_.count() == 0 && !window_ && !log_)) {
        return std::nullopt;
    }
    const std::optional<Timestamp> due = next_expiry();
    if (!due || (scheduled_for_ && *scheduled_for_ <= *due)) {
        return std::nullopt;
    }
    scheduled_for_ = due;
    return due;
}

void TopicController::schedule(std::optional<Timestamp> due) {
    if (due && schedule_expiry_) {
        schedule_expiry_(shared_from_this(), *due);
    }
}

std::error_code TopicController::trim(Offset before, const MessageLog::Done& done) {
    AfterLog after;
    bool awaits_log = false;
    {
        HouseKeeping keeping(*this);
        if (const std::error_code error = trim_refusal(before)) {
            return error;
        }
        buffer_.trim(before, keeping.losses.removed);
        buffer_.drop_spares(keeping.losses.removed);
        awaits_log = log_ && trim_log(before, after, done);
    }
    carry_out(after);
    if (done && !awaits_log) {
        done({});
    }
    return {};
}

std::uint64_t TopicController::evict_oldest_block() {
    const Timestamp now = environment_.clock.wall_now();
    HouseKeeping keeping(*this);
    Losses& losses = keeping.losses;
    const std::uint64_t charged_before = buffer_.charged_bytes();
    losses.expired += expire_buffer(now, losses.removed);
    buffer_.drop_spares(losses.removed);
    if (buffer_.charged_bytes() == charged_before) {
        losses.evicted += count_as_lost(buffer_.remove_oldest_block(losses.removed));
        buffer_.drop_spares(losses.removed);
    }
    return charged_before - buffer_.charged_bytes();
}

void TopicController::mark_deleted() {
    Waiters woken;
    Waiters ended;
    Waiters publishers;
    {
        HouseKeeping keeping(*this);
        deleted_.store(true, std::memory_order_release);
        buffer_.trim(buffer_.visible(), keeping.losses.removed);
        buffer_.drop_spares(keeping.losses.removed);
        window_.reset();
        scheduled_for_.reset();
        waiters_.swap_out(woken);
        deletion_waiters_.swap_out(ended);
        if (log_) {
            log_->publishers.swap_out(publishers);
        }
    }
    for (const Waiters* waiters : {&publishers, &woken, &ended}) {
        for (const std::shared_ptr<TopicWaiter>& waiter : *waiters) {
            waiter->wake();
        }
    }
}

}  // namespace leveret
