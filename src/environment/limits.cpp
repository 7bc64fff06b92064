#include "environment/limits.hpp"

#include <algorithm>

#include <unistd.h>

namespace leveret {

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
