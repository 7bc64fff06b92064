#include "protocol/crc32c.hpp"

#include <cstring>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

#include "protocol/record.hpp"

namespace leveret {
namespace {

/// The definition, bit by bit: the polynomial 0x1EDC6F41, reflected.
std::uint32_t defined_crc32c(Bytes bytes) {
    std::uint32_t inverted = 0xFFFF'FFFF;
    for (const std::byte byte : bytes) {
        inverted ^= std::to_integer<std::uint32_t>(byte);
        for (int bit = 0; bit < 8; ++bit) {
            inverted = (inverted >> 1U) ^ ((inverted & 1U) != 0 ? 0x82F6'3B78U : 0U);
        }
    }
    return ~inverted;
}

std::vector<std::byte> random_bytes(std::size_t count) {
    std::mt19937 random(7);
    std::vector<std::byte> bytes(count);
    for (std::byte& byte : bytes) {
        byte = static_cast<std::byte>(random());
    }
    return bytes;
}

TEST_CASE("crc32c: the check value of the algorithm is E3069283", "[crc32c]") {
    CHECK(crc32c(as_bytes("123456789")) == 0xE306'9283);
}

TEST_CASE("crc32c: of nothing is 0, and nothing added changes nothing", "[crc32c]") {
    CHECK(crc32c({}) == 0);
    CHECK(crc32c({}, 0x1234'5678) == 0x1234'5678);
}

TEST_CASE("crc32c: every length from 0 to 2000 bytes gives what the definition gives", "[crc32c]") {
    const auto bytes = random_bytes(2001);
    for (std::size_t length = 0; length <= 2000; ++length) {
        // From the second byte on, so that nothing is aligned.
        const Bytes piece = Bytes(bytes).subspan(1, length);
        if (crc32c(piece) != defined_crc32c(piece)) {
            FAIL("length " << length);
        }
    }
}

TEST_CASE("crc32c: any split of any length from 0 to 2000 bytes gives the whole's", "[crc32c]") {
    const auto bytes = random_bytes(2000);
    for (std::size_t length = 0; length <= 2000; length = length < 600 ? length + 1 : length + 100) {
        const Bytes whole = Bytes(bytes).first(length);
        const std::uint32_t expected = crc32c(whole);
        for (std::size_t split = 0; split <= length; ++split) {
            if (crc32c(whole.subspan(split), crc32c(whole.first(split))) != expected) {
                FAIL("length " << length << ", split at " << split);
            }
        }
    }
}

TEST_CASE("crc32c: of three numbers is that of their 20 bytes", "[crc32c]") {
    const std::uint32_t first = 0x0102'0304;
    const std::uint64_t second = 0x1112'1314'1516'1718;
    const std::uint64_t third = 0xF1F2'F3F4'F5F6'F7F8;
    std::vector<std::byte> bytes(20);
    std::memcpy(bytes.data(), &first, 4);
    std::memcpy(bytes.data() + 4, &second, 8);
    std::memcpy(bytes.data() + 12, &third, 8);
    CHECK(crc32c_of_fields(first, second, third, 0) == defined_crc32c(bytes));
    CHECK(crc32c_of_fields(first, second, third, 0xABCD'EF01) == crc32c(bytes, 0xABCD'EF01));
}

}  // namespace
}  // namespace leveret
