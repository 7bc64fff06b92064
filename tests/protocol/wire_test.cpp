#include "protocol/wire.hpp"

#include <catch2/catch.hpp>

#include "protocol/hex.hpp"

namespace leveret {
namespace {

using test::from_hex;
using test::to_hex;

TEST_CASE("WireReader: takes little-endian numbers from any address", "[wire]") {
    const auto bytes = from_hex("ff 0102 03040506 0708090a0b0c0d0e");
    WireReader in(bytes);
    CHECK(in.number<std::uint8_t>() == 0xFF);
    CHECK(in.number<std::uint16_t>() == 0x0201);
    CHECK(in.number<std::uint32_t>() == 0x0605'0403);
    CHECK(in.number<std::uint64_t>() == 0x0E0D'0C0B'0A09'0807);
    CHECK(in.finished());
}

TEST_CASE("WireReader: a read past the end gives zero, and so does every one after it", "[wire]") {
    const auto bytes = from_hex("010203");
    WireReader in(bytes);
    CHECK(in.number<std::uint32_t>() == 0);
    CHECK(in.number<std::uint8_t>() == 0);
    CHECK(in.left() == 0);
    CHECK_FALSE(in.ok());
}

TEST_CASE("WireReader: a text longer than what is there is empty and not ok", "[wire]") {
    const auto bytes = from_hex("0300 6162");
    WireReader in(bytes);
    CHECK(in.short_text().empty());
    CHECK_FALSE(in.ok());
}

TEST_CASE("WireReader: is not finished while something is left over", "[wire]") {
    const auto bytes = from_hex("0200 6162 63");
    WireReader in(bytes);
    CHECK(in.short_text() == "ab");
    CHECK(in.ok());
    CHECK_FALSE(in.finished());
    CHECK(as_text(in.rest()) == "c");
    CHECK(in.finished());
}

TEST_CASE("WireReader: a refused value is remembered", "[wire]") {
    const auto bytes = from_hex("0102");
    WireReader in(bytes);
    in.refuse();
    CHECK(in.number<std::uint8_t>() == 0);
    CHECK_FALSE(in.finished());
}

TEST_CASE("WireWriter: appends little-endian numbers and texts", "[wire]") {
    std::vector<std::byte> bytes = from_hex("ee");
    WireWriter out(bytes);
    out.number(std::uint16_t{0x0102});
    out.number(std::int64_t{-2});
    out.short_text("ab");
    CHECK(to_hex(bytes) ==
          "ee"
          "0201"
          "feffffffffffffff"
          "02006162");
}

TEST_CASE("WireWriter: a text keeps at most 65,535 bytes", "[wire]") {
    std::vector<std::byte> bytes;
    WireWriter(bytes).short_text(std::string(70'000, 'x'));
    CHECK(bytes.size() == 2 + 65'535);
    CHECK(to_hex(Bytes(bytes).first(3)) == "ffff78");
}

}  // namespace
}  // namespace leveret
