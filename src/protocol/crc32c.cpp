#include "protocol/crc32c.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <isa-l/crc.h>
#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace leveret {
namespace {

// The registers of both ways below hold the inverted CRC: crc32c() inverts before and after.

/// ISA-L folds several streams at once, which pays from here on; below, setting that up costs more than it saves.
constexpr std::size_t isal_bytes_min = 512;

std::uint32_t isal_crc32c(std::span<const std::byte> bytes, std::uint32_t inverted) noexcept {
    constexpr std::size_t piece_bytes_max = 1U << 30U;  // ISA-L takes the length as an int
    while (!bytes.empty()) {
        const std::size_t piece_bytes = std::min(bytes.size(), piece_bytes_max);
        // It only reads, although its signature does not say so.
        auto* data = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(bytes.data()));
        inverted = crc32_iscsi(data, static_cast<int>(piece_bytes), inverted);
        bytes = bytes.subspan(piece_bytes);
    }
    return inverted;
}

#if defined(__x86_64__)

bool has_crc_instruction() noexcept {
    return __builtin_cpu_supports("sse4.2") != 0;
}

__attribute__((target("sse4.2"))) std::uint32_t instruction_crc32c(std::span<const std::byte> bytes,
                                                                   std::uint32_t inverted) noexcept {
    const std::byte* at = bytes.data();
    std::size_t left = bytes.size();
    std::uint64_t wide = inverted;
    for (; left >= sizeof(std::uint64_t); at += sizeof(std::uint64_t), left -= sizeof(std::uint64_t)) {
        std::uint64_t word;
        std::memcpy(&word, at, sizeof word);
        wide = _mm_crc32_u64(wide, word);
    }
    auto narrow = static_cast<std::uint32_t>(wide);
    if (left >= sizeof(std::uint32_t)) {
        std::uint32_t word;
        std::memcpy(&word, at, sizeof word);
        narrow = _mm_crc32_u32(narrow, word);
        at += sizeof word;
        left -= sizeof word;
    }
    for (; left > 0; ++at, --left) {
        narrow = _mm_crc32_u8(narrow, std::to_integer<std::uint8_t>(*at));
    }
    return narrow;
}

__attribute__((target("sse4.2"))) std::uint32_t instruction_crc32c_of_fields(std::uint32_t first, std::uint64_t second,
                                                                             std::uint64_t third,
                                                                             std::uint32_t inverted) noexcept {
    std::uint64_t wide = _mm_crc32_u32(inverted, first);
    wide = _mm_crc32_u64(wide, second);
    return static_cast<std::uint32_t>(_mm_crc32_u64(wide, third));
}

#else

bool has_crc_instruction() noexcept {
    return false;
}

std::uint32_t instruction_crc32c(std::span<const std::byte> bytes, std::uint32_t inverted) noexcept {
    return isal_crc32c(bytes, inverted);
}

std::uint32_t instruction_crc32c_of_fields(std::uint32_t, std::uint64_t, std::uint64_t,
                                           std::uint32_t inverted) noexcept {
    return inverted;
}

#endif

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t previous) noexcept {
    if (bytes.size() < isal_bytes_min && has_crc_instruction()) [[likely]] {
        return ~instruction_crc32c(bytes, ~previous);
    }
    return ~isal_crc32c(bytes, ~previous);
}

std::uint32_t crc32c_of_fields(std::uint32_t first, std::uint64_t second, std::uint64_t third,
                               std::uint32_t previous) noexcept {
    if (has_crc_instruction()) [[likely]] {
        return ~instruction_crc32c_of_fields(first, second, third, ~previous);
    }
    std::array<std::byte, sizeof first + sizeof second + sizeof third> bytes;
    std::memcpy(bytes.data(), &first, sizeof first);
    std::memcpy(bytes.data() + sizeof first, &second, sizeof second);
    std::memcpy(bytes.data() + sizeof first + sizeof second, &third, sizeof third);
    return ~isal_crc32c(bytes, ~previous);
}

}  // namespace leveret
