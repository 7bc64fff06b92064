#include "child_processes.hpp"

#include <cerrno>
#include <csignal>
#include <exception>
#include <system_error>

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
    const pid_t process = ::fork();
    if (process < 0) {
        throw std::system_error(errno, std::generic_category(), "fork");
    }
    if (process == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        play(role, processor);
    }
    processes_.push_back(process);
}

std::chrono::nanoseconds ChildProcesses::processor_time() const {
    std::chrono::nanoseconds all{};
    for (const pid_t process : processes_) {
        all += processor_time_of(process);
    }
    return all;
}

void ChildProcesses::wait_for_their_end() {
    while (!processes_.empty()) {
        ::waitpid(processes_.back(), nullptr, 0);
        processes_.pop_back();
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

}  // namespace leveret::compare
