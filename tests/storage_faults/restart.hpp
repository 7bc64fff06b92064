// A server starts on what a crash has left, and finds everything that had been promised.
#pragma once

#include <string>

#include "history.hpp"
#include "support/simulated_disk.hpp"

namespace leveret::test {

struct Restart {
    SimulatedDisk disk;     ///< after the crash
    Moment moment = 0;      ///< of the crash
    bool had_power = true;  ///< only the process has ended: everything written is there
};

/// Starts on that disk and looks at each topic: what was acknowledged is there, nothing is that was not handed over,
/// nothing is damaged, new records are taken and kept through a power cut and a clean stop. Empty, or the first thing
/// that is not so, in words.
[[nodiscard]] std::string trouble_after(const Restart& restart, const History& history);

}  // namespace leveret::test
