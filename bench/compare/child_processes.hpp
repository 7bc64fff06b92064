// The processes in which publishers and subscribers run.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include <sys/types.h>

#include "shared_run.hpp"

namespace leveret::compare {

/// Processes forked from this one, which has no other thread then. Those that are left end with this object.
class ChildProcesses {
  public:
    explicit ChildProcesses(SharedRun& shared) : shared_(&shared) {}
    ChildProcesses(const ChildProcesses&) = delete;
    ChildProcesses& operator=(const ChildProcesses&) = delete;
    ~ChildProcesses();

    /// Runs `role` in a new process, on `processor` alone where one is given. What it throws is the run's failure.
    void start(const std::function<void()>& role, std::optional<unsigned> processor);
    [[nodiscard]] std::size_t count() const noexcept { return processes_.size(); }
    /// Throws where one takes longer, or ends otherwise than by returning from its role.
    void wait_for_their_end(std::chrono::seconds timeout = std::chrono::seconds(60));

  private:
    [[noreturn]] void play(const std::function<void()>& role, std::optional<unsigned> processor);

    SharedRun* shared_;
    std::vector<pid_t> processes_;
};

/// Waits for something that these processes do. Throws what one of them fails with, or where it takes too long: `what`
/// names it.
void wait_until(SharedRun& shared, const char* what, std::chrono::seconds timeout, const std::function<bool()>& is_so);

}  // namespace leveret::compare
