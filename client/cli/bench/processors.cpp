#include "bench/processors.hpp"

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <string>

#include <fmt/core.h>
#include <sched.h>

namespace leveret::cli {
namespace {

std::error_code pin(pid_t thread, unsigned processor) noexcept {
    cpu_set_t processors;
    CPU_ZERO(&processors);
    CPU_SET(processor, &processors);
    return ::sched_setaffinity(thread, sizeof processors, &processors) == 0
               ? std::error_code()
               : std::error_code(errno, std::generic_category());
}

}  // namespace

std::error_code pin_this_thread(unsigned processor) noexcept {
    return pin(0, processor);
}

std::error_code pin_process(int pid, unsigned processor) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), error)) {
        const std::string name = entry.path().filename();
        pid_t thread = 0;
        std::from_chars(name.data(), name.data() + name.size(), thread);
        if (const std::error_code failed = pin(thread, processor)) {
            return failed;
        }
    }
    return error;
}

}  // namespace leveret::cli
