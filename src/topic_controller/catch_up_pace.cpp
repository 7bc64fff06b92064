#include "topic_controller/catch_up_pace.hpp"

#include <algorithm>
#include <utility>

#include <asio/post.hpp>

namespace leveret {

CatchUpPace::CatchUpPace(const Environment& environment, const asio::any_io_executor& executor)
    : environment_(environment), strand_(executor), timer_(environment.clock.make_timer(strand_)) {}

/// Under the mutex. Whether more has been published than when it was looked last; what that says is forgotten after
/// `live_for`.
bool CatchUpPace::is_live() {
    const SteadyTime now = environment_.clock.steady_now();
    const bool looked_lately = std::exchange(looked_at_, now) + live_for >= now;
    const std::uint64_t before = std::exchange(published_, published());
    if (looked_lately && published_ != before) {
        live_until_ = now + live_for;
    }
    return now < live_until_ && environment_.limits.catch_up_pause.count() != 0;
}

std::size_t CatchUpPace::read_bytes_now() {
    const std::lock_guard lock(mutex_);
    return is_live() ? paced_read_bytes : read_bytes;
}

void CatchUpPace::pass(std::uint64_t records, std::uint64_t published_meanwhile, std::function<void()> go_on) {
    {
        const std::lock_guard lock(mutex_);
        if (is_live() && 2 * published_meanwhile < records) {
            waiting_.push_back(std::exchange(go_on, nullptr));
            if (waiting_.size() == 1) {
                begin_pause();
            }
        }
    }
    if (go_on) {
        go_on();
    }
}

/// Under the mutex.
void CatchUpPace::begin_pause() {
    environment_.counters.catch_up_pauses.add();
    asio::post(strand_, [this] { timer_->set_after(environment_.limits.catch_up_pause, [this] { end_pause(); }); });
}

/// Thread: the strand's.
void CatchUpPace::end_pause() {
    std::function<void()> go_on;
    {
        const std::lock_guard lock(mutex_);
        go_on = std::move(waiting_.front());
        waiting_.pop_front();
        if (!waiting_.empty()) {
            begin_pause();
        }
    }
    go_on();
}

}  // namespace leveret
