#include "crash/kill_moment.hpp"

#include <csignal>
#include <thread>

namespace leveret::test {

using Moment = RoundPlan::Moment;

void KillMoment::acknowledged() {
    // It wraps below 0 and goes on; only one call sees the 1.
    if (plan_.moment != Moment::microseconds && acknowledgements_left_.fetch_sub(1) == 1) {
        server_.signal(plan_.moment == Moment::stop ? SIGTERM : SIGKILL);
        reach();
    }
}

void KillMoment::client_ended() {
    reach();
}

void KillMoment::reach() {
    if (!is_reached_.exchange(true)) {
        reached_.count_down();
    }
}

void KillMoment::kill() {
    if (plan_.moment != Moment::microseconds) {
        reached_.wait();
    }
    if (plan_.moment != Moment::acknowledgements) {
        std::this_thread::sleep_for(plan_.after);  // the moment itself: nothing is waited for
    }
    server_.signal(SIGKILL);
}

}  // namespace leveret::test
