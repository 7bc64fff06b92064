// When a loaded server is killed.
#pragma once

#include <atomic>
#include <cstdint>
#include <latch>

#include "conformance/server_process.hpp"
#include "crash/load.hpp"

namespace leveret::test {

struct KillCounts {
    std::uint64_t after_acknowledgements = 0;
    std::uint64_t after_microseconds = 0;
    std::uint64_t while_stopping = 0;
    std::uint64_t while_starting = 0;
    std::uint64_t stopped_before = 0;  ///< asked to stop, and done before it could be killed
};

/// Carries out a RoundPlan on a server. Thread-safe; the server outlives it.
class KillMoment {
  public:
    KillMoment(const ServerProcess& server, const RoundPlan& plan) noexcept
        : server_(server), plan_(plan), acknowledgements_left_(plan.acknowledgements) {}

    /// A publish was answered. The client that sees the last of the planned ones sends the signal itself, at once.
    void acknowledged();
    /// A client sees no server any more: there is nothing to wait for.
    void client_ended();
    /// Returns when the server has been killed.
    void kill();

  private:
    void reach();

    const ServerProcess& server_;
    const RoundPlan plan_;
    std::atomic<std::uint64_t> acknowledgements_left_;
    std::atomic<bool> is_reached_ = false;
    std::latch reached_{1};
};

}  // namespace leveret::test
