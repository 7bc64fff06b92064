// What a broker is handed from outside, and shares between all its parts.
#pragma once

#include "environment/clock.hpp"
#include "environment/counters.hpp"
#include "environment/limits.hpp"
#include "environment/memory_budget.hpp"
#include "environment/random.hpp"

namespace leveret {

/// References only: the Broker owns or was lent each of them, and they outlive everything that holds this.
struct Environment {
    const Limits& limits;
    Clock& clock;
    Random& random;
    MemoryBudget& memory;
    Counters& counters;
};

}  // namespace leveret
