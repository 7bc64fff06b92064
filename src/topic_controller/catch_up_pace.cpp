#include "topic_controller/catch_up_pace.hpp"

#include <utility>

#include <asio/post.hpp>

namespace leveret {

CatchUpPace::CatchUpPace(const Environment& environment, const asio::any_io_executor& executor)
    : environment_(environment), strand_(executor), timer_(environment.clock.make_timer(strand_)) {}

/// Under the mutex. What has been published since a look long ago says nothing about now.
bool CatchUpPace::look_for_publishers() {
    const SteadyTime now = environment_.clock.steady_now();
    const bool looked_lately = std::exchange(looked_at_, now) >= now - live_for;
    const std::uint64_t before = std::exchange(published_, environment_.counters.records_published.value());
    if (looked_lately && published_ != before) {
        live_until_ = now + live_for;
    }
    return now < live_until_ && environment_.limits.catch_up_pause.count() != 0 && !is_stopped_;
}

std::size_t CatchUpPace::look_for_read_bytes() {
    const std::lock_guard lock(mutex_);
    return look_for_publishers() ? paced_read_bytes : read_bytes;
}

bool CatchUpPace::pause(const std::weak_ptr<PacedReader>& reader) {
    {
        const std::lock_guard lock(mutex_);
        if (!look_for_publishers()) {
            return false;
        }
        pausing_.push_back(reader);
        if (pausing_.size() > 1) {
            return true;  // the timer runs
        }
    }
    asio::post(strand_, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
            self->set_timer();
        }
    });
    return true;
}

/// Thread: the strand's, as for the next.
void CatchUpPace::set_timer() {
    environment_.counters.catch_up_pauses.add();
    timer_->set_after(environment_.limits.catch_up_pause, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
            self->end_pause();
        }
    });
}

void CatchUpPace::end_pause() {
    std::deque<std::weak_ptr<PacedReader>> due;
    bool is_over = false;
    {
        const std::lock_guard lock(mutex_);
        while (!pausing_.empty() && pausing_.front().expired()) {
            pausing_.pop_front();
        }
        if (!look_for_publishers()) {
            due.swap(pausing_);
        } else if (!pausing_.empty()) {
            due.push_back(std::move(pausing_.front()));
            pausing_.pop_front();
        }
        is_over = pausing_.empty();
    }
    if (!is_over) {
        set_timer();
    }
    for (const auto& weak : due) {
        if (const auto reader = weak.lock()) {
            reader->go_on();
        }
    }
}

void CatchUpPace::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopped_ = true;
    }
    asio::post(strand_, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
            self->timer_->cancel();
            self->end_pause();
        }
    });
}

}  // namespace leveret
