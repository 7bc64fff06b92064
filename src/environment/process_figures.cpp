#include "environment/process_figures.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>

#include <sys/resource.h>
#include <unistd.h>

namespace leveret {

namespace {

std::uint64_t microseconds(const timeval& time) noexcept {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(time.tv_usec);
}

/// The second number in /proc/self/statm: resident pages.
std::uint64_t resident_bytes() noexcept {
    const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen("/proc/self/statm", "re"), &std::fclose);
    unsigned long long resident_pages = 0;
    if (file == nullptr || std::fscanf(file.get(), "%*u %llu", &resident_pages) != 1) {
        return 0;
    }
    return resident_pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

ProcessFigures process_figures() noexcept {
    ProcessFigures figures{.process_id = static_cast<std::uint64_t>(getpid()), .rss_bytes = resident_bytes()};
    rusage usage{};
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        figures.cpu_user_us = microseconds(usage.ru_utime);
        figures.cpu_system_us = microseconds(usage.ru_stime);
        // The kernel brings its peak up to date now and then only.
        figures.rss_peak_bytes = std::max(static_cast<std::uint64_t>(usage.ru_maxrss) * 1024, figures.rss_bytes);
    }
    return figures;
}

}  // namespace leveret
