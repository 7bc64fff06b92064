#include "environment/limits.hpp"

#include <algorithm>

#include <unistd.h>

namespace leveret {

Limits with_shares_of_memory(Limits limits) noexcept {
    constexpr std::uint64_t pending_share = 4;
    constexpr std::uint64_t catch_up_share = 8;
    constexpr std::uint64_t catch_up_most = 64U << 20U;
    if (limits.memory_bytes_max == 0) {
        limits.memory_bytes_max = default_memory_bytes_max();
    }
    if (limits.pending_bytes_max == 0) {
        limits.pending_bytes_max = limits.memory_bytes_max / pending_share;
    }
    if (limits.catch_up_bytes_max == 0) {
        limits.catch_up_bytes_max = std::min(limits.memory_bytes_max / catch_up_share, catch_up_most);
    }
    return limits;
}

std::uint64_t default_memory_bytes_max() noexcept {
    constexpr std::uint64_t most = 1U << 30U;
    const long pages = ::sysconf(_SC_PHYS_PAGES);
    const long page_bytes = ::sysconf(_SC_PAGESIZE);
    if (pages <= 0 || page_bytes <= 0) {
        return most;
    }
    return std::min(most, static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_bytes) / 4);
}

}  // namespace leveret
