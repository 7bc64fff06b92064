// The end of a run: everything that was published has come, or nothing comes any more.
#pragma once

#include <chrono>
#include <thread>

#include "bench/participants.hpp"

namespace leveret::cli {

/// Deliveries that are still to come, over all topics and subscribers, judged by the slowest of each topic.
[[nodiscard]] inline std::uint64_t outstanding_deliveries(const BenchTopics& topics) noexcept {
    std::uint64_t outstanding = 0;
    for (const BenchTopic& topic : topics) {
        outstanding += topic.window.taken() - topic.window.slowest();
    }
    return outstanding;
}

/// Returns when none is outstanding, or when there has been no progress for five seconds: then how many are.
[[nodiscard]] inline std::uint64_t wait_for_deliveries(const BenchTopics& topics) {
    constexpr std::chrono::seconds patience{5};
    std::uint64_t outstanding = outstanding_deliveries(topics);
    auto last_progress = SteadyClock::now();
    while (outstanding > 0 && SteadyClock::now() - last_progress < patience) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        const std::uint64_t now_outstanding = outstanding_deliveries(topics);
        if (now_outstanding != outstanding) {
            last_progress = SteadyClock::now();
        }
        outstanding = now_outstanding;
    }
    return outstanding;
}

}  // namespace leveret::cli
