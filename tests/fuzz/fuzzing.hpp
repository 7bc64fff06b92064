// What the fuzz targets share.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "protocol/record.hpp"

namespace leveret::test {

/// Stops the fuzzer with a finding unless `holds`.
inline void require(bool holds, const char* what) {
    if (!holds) {
        std::fprintf(stderr, "does not hold: %s\n", what);
        std::abort();
    }
}

inline Bytes input_bytes(const std::uint8_t* data, std::size_t size) {
    return std::as_bytes(std::span(data, size));
}

/// The bytes in memory of their own, so that a read past their end is seen.
inline std::vector<std::byte> exact_copy(Bytes bytes) {
    return {bytes.begin(), bytes.end()};
}

}  // namespace leveret::test
