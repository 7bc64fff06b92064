// CRC-32C (Castagnoli), the checksum of records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace leveret {

/// The CRC-32C of `bytes`. With `previous` = the CRC of what came before, the CRC of both together:
/// crc32c(b, crc32c(a)) == crc32c(a + b). crc32c of nothing is 0. "123456789" gives 0xE3069283.
/// Short input uses the processor's own instruction where there is one, long input ISA-L.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t previous = 0) noexcept;

/// `previous` extended over the 20 bytes of these three numbers, little-endian, in this order: crc32c() for fields that
/// are in registers already, in about three nanoseconds.
[[nodiscard]] std::uint32_t crc32c_of_fields(std::uint32_t first, std::uint64_t second, std::uint64_t third,
                                             std::uint32_t previous) noexcept;

}  // namespace leveret
