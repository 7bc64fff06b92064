// What has been delivered and used up to a moment, and what two such moments say of the time between them.
#pragma once

#include "others.hpp"
#include "shared_run.hpp"

namespace leveret::compare {

/// The state of the counters at one moment.
struct Sample {
    SteadyClock::time_point time;
    std::uint64_t deliveries;
    std::chrono::nanoseconds server;
    OthersTime others;
};

[[nodiscard]] Sample take_sample(SharedRun& shared, const ServerProcess& server);
/// Rates, processor time, and what others used of the processors.
void compare_samples(const Sample& before, const Sample& after, std::size_t payload_bytes, RunResult& result);

}  // namespace leveret::compare
