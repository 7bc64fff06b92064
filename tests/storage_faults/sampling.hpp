// How much of what can be tried is tried.
#pragma once

#include <cstddef>

namespace leveret::test {

/// 1: every crash point, every call, every flip. A sanitizer is some fifty times slower: there every so many, so that
/// the code is looked at and the run still ends; what is lost or not has been judged without it.
#ifdef LEVERET_SANITIZED
inline constexpr std::size_t one_in = 13;
#else
inline constexpr std::size_t one_in = 1;
#endif

}  // namespace leveret::test
