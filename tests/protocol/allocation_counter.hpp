// Counts what the program allocates, so that a test can say: nothing.
#pragma once

#include <cstddef>

namespace leveret::test {

/// Calls of operator new, by the whole program, since it began.
[[nodiscard]] std::size_t allocations() noexcept;
/// Bytes asked for by them.
[[nodiscard]] std::size_t allocated_bytes() noexcept;

}  // namespace leveret::test
