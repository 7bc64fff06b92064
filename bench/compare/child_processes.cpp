#include "child_processes.hpp"

#include <cerrno>
#include <csignal>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <fmt/core.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/processors.hpp"
#include "server_process.hpp"

namespace leveret::compare {

ChildProcesses::~ChildProcesses() {
    for (const pid_t process : processes_) {
        ::kill(process, SIGKILL);
        ::waitpid(process, nullptr, 0);
    }
}

void ChildProcesses::start(const std::function<void()>& role, std::optional<unsigned> processor) {
    const pid_t parent = ::getpid();
    const pid_t process = ::fork();
    if (process < 0) {
        throw std::system_error(errno, std::generic_category(), "fork");
    }
    if (process == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) {
            ::_exit(1);
        }
        play(role, processor);
    }
    processes_.push_back(process);
}

void ChildProcesses::wait_for_their_end(std::chrono::seconds timeout) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (!processes_.empty()) {
        int status = 0;
        const pid_t ended = ::waitpid(processes_.back(), &status, WNOHANG);
        if (ended == 0 && std::chrono::steady_clock::now() < deadline) {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            continue;
        }
        if (ended == 0) {
            throw std::runtime_error("a client does not end");
        }
        processes_.pop_back();
        // One that has said why is asked for it later.
        if ((!WIFEXITED(status) || WEXITSTATUS(status) != 0) && shared_->head().failures == 0) {
            throw std::runtime_error("a client ended early");
        }
    }
}

void ChildProcesses::play(const std::function<void()>& role, std::optional<unsigned> processor) {
    try {
        if (processor) {
            if (const std::error_code error = cli::pin_this_thread(*processor)) {
                throw std::system_error(error, "pinning");
            }
        }
        role();
    } catch (const std::exception& thrown) {
        shared_->fail(thrown.what());
        ::_exit(1);
    }
    ::_exit(0);
}

void wait_until(SharedRun& shared, const char* what, std::chrono::seconds timeout, const std::function<bool()>& is_so) {
    constexpr std::chrono::milliseconds look_interval{2};
    const auto deadline = SteadyClock::now() + timeout;
    while (!is_so()) {
        if (shared.head().failures > 0) {
            throw std::runtime_error(shared.head().failure.data());
        }
        if (SteadyClock::now() > deadline) {
            throw std::runtime_error(fmt::format("{} took more than {} s", what, timeout.count()));
        }
        std::this_thread::sleep_for(look_interval);
    }
}

}  // namespace leveret::compare
