// What the operating system says of this process.
#pragma once

#include <cstdint>

namespace leveret {

struct ProcessFigures {
    std::uint64_t process_id = 0;
    std::uint64_t cpu_user_us = 0;
    std::uint64_t cpu_system_us = 0;
    std::uint64_t rss_bytes = 0;
    std::uint64_t rss_peak_bytes = 0;
};

/// From getrusage and /proc/self; a figure that cannot be read is 0. A few microseconds: not for a message's path.
[[nodiscard]] ProcessFigures process_figures() noexcept;

}  // namespace leveret
