// The workloads of the comparison: what is asked of every system, and which systems can be asked.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "run.hpp"

namespace leveret::compare {

/// A workload for one system and one kind of client.
struct Contender {
    std::string system;
    ClientKind client;
    std::function<RunResult(const RunSettings&)> run;
};

struct Workload {
    std::string name;
    std::string says;  ///< one line for people
    std::vector<Contender> contenders;
    /// Those that are compared with each other, and so run in turns; by itself where it is empty. Neighbours in the
    /// list.
    std::string group{};
    unsigned runs = 7;   ///< usable ones of each contender; --runs overrides it
    double seconds = 1;  ///< measured in each run; --seconds overrides it
};

/// Where records are stored: see stored_workloads.cpp.
void add_stored_workloads(std::vector<Workload>& workloads);

[[nodiscard]] std::vector<Workload> all_workloads();

}  // namespace leveret::compare
