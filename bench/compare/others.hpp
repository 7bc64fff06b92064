// What everybody else uses of the processors while something is measured.
#pragma once

#include <map>

#include "server_process.hpp"

namespace leveret::compare {

/// Processor time up to a moment, of every program but this one and those that it has started. Of the kernel's own
/// threads nothing counts: they work for whoever writes and sends.
struct OthersTime {
    SteadyClock::time_point moment;
    std::map<pid_t, std::chrono::nanoseconds> processes;
    std::chrono::nanoseconds stolen{};  ///< by other machines on the same host, in whole ticks
};

[[nodiscard]] OthersTime others_time();
/// Of all processors' time between two moments; what has ended meanwhile is not known.
[[nodiscard]] double others_share(const OthersTime& before, const OthersTime& after);

}  // namespace leveret::compare
