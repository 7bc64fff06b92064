// What the vectors do not say of the zaichik dialect: the exact bounds, and bytes from nowhere.
#include "protocol/zaichik.hpp"

#include <limits>
#include <random>
#include <string>

#include <catch2/catch.hpp>

#include "protocol/allocation_counter.hpp"
#include "protocol/hex.hpp"
#include "protocol/wire.hpp"

namespace leveret::zaichik {
namespace {

using test::from_hex;

constexpr std::size_t frame_bytes_max = 100'000;

std::vector<std::byte> encoded(const Frame& frame) {
    std::vector<std::byte> bytes;
    encode(frame, bytes);
    return bytes;
}

bool is_whole(Bytes bytes, std::size_t bytes_max = frame_bytes_max) {
    const auto decoded = decode(bytes, bytes_max);
    return decoded && *decoded;
}

bool needs_more(Bytes bytes, std::size_t bytes_max = frame_bytes_max) {
    const auto decoded = decode(bytes, bytes_max);
    return decoded && !*decoded;
}

std::error_code error_of(Bytes bytes, std::size_t bytes_max = frame_bytes_max) {
    const auto decoded = decode(bytes, bytes_max);
    return decoded ? std::error_code{} : decoded.error();
}

/// Publish to "hello", keyless, as far as its declared payload length.
std::vector<std::byte> publish_declaring(std::uint64_t payload_bytes) {
    auto bytes = from_hex("01000000 0500000000000000 68656c6c6f 00");
    WireWriter(bytes).number(payload_bytes);
    return bytes;
}

TEST_CASE("zaichik: a frame may fill the limit and not exceed it by a byte", "[zaichik]") {
    const auto bytes = encoded(Publish{"hello", std::nullopt, as_bytes("message")});
    CHECK(is_whole(bytes, bytes.size()));
    CHECK(error_of(bytes, bytes.size() - 1) == Error::frame_too_large);
}

TEST_CASE("zaichik: a declared length that breaks the limit is refused without waiting", "[zaichik]") {
    const std::size_t prefix_bytes = publish_declaring(0).size();
    CHECK(needs_more(publish_declaring(frame_bytes_max - prefix_bytes)));
    CHECK(error_of(publish_declaring(frame_bytes_max - prefix_bytes + 1)) == Error::frame_too_large);
    CHECK(error_of(publish_declaring(frame_bytes_max + 1)) == Error::frame_too_large);
    CHECK(error_of(publish_declaring(std::numeric_limits<std::uint64_t>::max())) == Error::frame_too_large);
}

TEST_CASE("zaichik: every fixed field counts towards the limit", "[zaichik]") {
    const auto bytes = encoded(CreateTopic{"hello", 1, 2});
    for (std::size_t bytes_max = 0; bytes_max < bytes.size(); ++bytes_max) {
        CHECK(error_of(bytes, bytes_max) == Error::frame_too_large);
    }
}

TEST_CASE("zaichik: a topic's name may have 249 bytes; its length alone refuses more", "[zaichik]") {
    CHECK(is_whole(encoded(Subscribe{std::string(249, 'x')})));
    CHECK(error_of(from_hex("02000000 fa00000000000000")) == Error::bad_topic_name);
    CHECK(needs_more(from_hex("02000000 f900000000000000")));
}

TEST_CASE("zaichik: every frame that names a topic checks the name", "[zaichik]") {
    for (const std::string_view name : {"", "a\nb", "\xC3\x28"}) {
        CHECK(error_of(encoded(CreateTopic{name, 0, 0})) == Error::bad_topic_name);
        CHECK(error_of(encoded(Publish{name, std::nullopt, {}})) == Error::bad_topic_name);
        CHECK(error_of(encoded(Subscribe{name})) == Error::bad_topic_name);
        CHECK(error_of(encoded(Unsubscribe{name})) == Error::bad_topic_name);
    }
}

TEST_CASE("zaichik: a key may have 65,535 bytes; its length alone refuses more", "[zaichik]") {
    CHECK(is_whole(encoded(Publish{"hello", std::string(65'535, 'k'), {}})));
    const auto bytes = encoded(Publish{"hello", std::string(65'536, 'k'), {}});
    CHECK(error_of(bytes) == Error::bad_record);
    CHECK(error_of(Bytes(bytes).first(4 + 8 + 5 + 1 + 8)) == Error::bad_record);
}

TEST_CASE("zaichik: a key that is no UTF-8 is refused as soon as it is there", "[zaichik]") {
    const auto bytes = encoded(Publish{"hello", "\xFF", as_bytes("message")});
    CHECK(error_of(bytes) == Error::bad_frame);
    CHECK(error_of(Bytes(bytes).first(4 + 8 + 5 + 1 + 8 + 1)) == Error::bad_frame);
}

TEST_CASE("zaichik: exactly the first words 0 to 5 open the dialect", "[zaichik]") {
    for (std::uint32_t word = 0; word <= 5; ++word) {
        CHECK(opens_with(word));
    }
    CHECK_FALSE(opens_with(6));
    CHECK_FALSE(opens_with(0x5456'4CEC));
    CHECK_FALSE(opens_with(0x0100'0000));
}

TEST_CASE("zaichik: whatever decodes encodes to the bytes that it took, and nothing allocates", "[zaichik]") {
    std::mt19937 random(5);
    const auto original = encoded(Publish{"hello", "key", as_bytes("message")});
    std::size_t whole = 0;
    for (int round = 0; round < 20'000; ++round) {
        auto bytes = original;
        bytes[random() % bytes.size()] = static_cast<std::byte>(random());
        bytes[0] = static_cast<std::byte>(random() % 7);
        const std::size_t before = test::allocations();
        const auto decoded = decode(bytes, frame_bytes_max);
        const std::size_t after = test::allocations();
        REQUIRE(after == before);
        if (decoded && *decoded) {
            ++whole;
            const Bytes taken = Bytes(bytes).first((*decoded)->bytes);
            REQUIRE(test::to_hex(encoded((*decoded)->frame)) == test::to_hex(taken));
        }
    }
    CHECK(whole > 1000);
}

}  // namespace
}  // namespace leveret::zaichik
