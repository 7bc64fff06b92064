#include "server/io_thread.hpp"

#include <thread>

namespace leveret {

void run_io_thread(asio::io_context& context, std::chrono::microseconds busy_poll) {
    using SteadyClock = std::chrono::steady_clock;  // the machine's own: a clock that stands still would never end it
    if (busy_poll.count() == 0) {
        context.run();
    }
    while (!context.stopped()) {
        auto sleep_at = SteadyClock::now() + busy_poll;
        while (!context.stopped() && SteadyClock::now() < sleep_at) {
            if (context.poll() > 0) {
                sleep_at = SteadyClock::now() + busy_poll;
            } else {
                std::this_thread::yield();
            }
        }
        context.run_one();
    }
}

}  // namespace leveret
