#include "server/read_buffer.hpp"

#include <algorithm>
#include <string>

#include <catch2/catch.hpp>

using namespace leveret;

namespace {

constexpr std::size_t piece = ReadMemoryPool::piece_bytes;

struct ReadBufferFixture {
    ReadMemoryPool pool;
    MemoryBudget memory{64U << 20U};
    int reclaims = 0;
    std::function<bool(std::uint64_t)> reclaim = [](std::uint64_t) { return false; };
    ReadBuffer buffer{pool, memory, [this](std::uint64_t bytes) {
                          ++reclaims;
                          return reclaim(bytes);
                      }};

    /// As one read from a socket that has at most this much; answers how much fitted.
    std::size_t arrive(std::string_view text) {
        const std::span<std::byte> space = buffer.prepare();
        const std::size_t count = std::min(space.size(), text.size());
        std::copy_n(as_bytes(text).begin(), count, space.begin());
        buffer.commit(count);
        return count;
    }
    void arrive_all(std::string_view text) {
        while (!text.empty()) {
            text.remove_prefix(arrive(text));
        }
    }
    [[nodiscard]] std::string data() const { return std::string(as_text(buffer.data())); }
};

}  // namespace

TEST_CASE("ReadBuffer: holds no memory before the first read and after the last byte was used") {
    ReadBufferFixture fixture;
    CHECK(fixture.memory.used_bytes() == 0);
    fixture.arrive("hello");
    CHECK(fixture.memory.used_bytes() == piece);
    fixture.buffer.consume(5);
    fixture.buffer.shrink();
    CHECK(fixture.memory.used_bytes() == 0);
}

TEST_CASE("ReadBuffer: a small rest is kept in memory of its own size") {
    ReadBufferFixture fixture;
    fixture.arrive("hello");
    fixture.buffer.consume(2);
    fixture.buffer.shrink();
    CHECK(fixture.memory.used_bytes() == 3);
    CHECK(fixture.data() == "llo");
    fixture.arrive(", world");
    CHECK(fixture.data() == "llo, world");
}

TEST_CASE("ReadBuffer: grows as bytes arrive, to at most a few times what is there") {
    ReadBufferFixture fixture;
    std::string expected;
    while (expected.size() < 5'000'000) {
        const std::string text(10'000, static_cast<char>('a' + expected.size() / 10'000 % 26));
        fixture.arrive_all(text);
        expected += text;
        CHECK(fixture.memory.used_bytes() <= std::max(piece, 4 * expected.size()));
    }
    CHECK(fixture.data() == expected);
}

TEST_CASE("ReadBuffer: there is always a good piece of it free to read into") {
    ReadBufferFixture fixture;
    for (int i = 0; i < 200; ++i) {
        CHECK(fixture.buffer.prepare().size() >= piece / 4);
        fixture.arrive(std::string(40'000, 'x'));
        fixture.buffer.consume(fixture.buffer.data().size() / 3);
    }
}

TEST_CASE("ReadBuffer: no byte is lost or changed, however much is used at a time") {
    ReadBufferFixture fixture;
    std::string sent;
    std::string used;
    for (std::size_t i = 0; i < 300; ++i) {
        const std::string text(1 + i * 7919 % 30'000, static_cast<char>('a' + i % 26));
        fixture.arrive_all(text);
        sent += text;
        const std::size_t count = fixture.buffer.data().size() * (i % 5) / 4;
        used += fixture.data().substr(0, count);
        fixture.buffer.consume(count);
        fixture.buffer.shrink();
    }
    CHECK(used + fixture.data() == sent);
}

TEST_CASE("ReadBuffer: after a large frame a small rest does not hold the large memory") {
    ReadBufferFixture fixture;
    fixture.arrive_all(std::string(8'000'000, 'x'));
    fixture.buffer.consume(8'000'000 - 5000);
    fixture.buffer.shrink();
    CHECK(fixture.memory.used_bytes() <= 64 * 5000);
    CHECK(fixture.data() == std::string(5000, 'x'));
}

TEST_CASE("ReadBuffer: where memory is full it asks for some, and then gives up") {
    ReadBufferFixture fixture;
    REQUIRE(fixture.memory.try_charge(fixture.memory.bytes_max()));
    CHECK(fixture.buffer.prepare().empty());
    CHECK(fixture.reclaims == 2);  // for a piece, then for little
    fixture.reclaim = [&](std::uint64_t bytes) {
        fixture.memory.release(bytes);
        return true;
    };
    CHECK(fixture.buffer.prepare().size() == piece);
    CHECK(fixture.reclaims == 3);
}

TEST_CASE("ReadBuffer: where there is no room for a piece it reads into less, until there is") {
    constexpr std::uint64_t room = 200'000;
    ReadBufferFixture fixture;
    REQUIRE(fixture.memory.try_charge(fixture.memory.bytes_max() - room));
    std::string expected;
    for (char letter = 'a'; letter <= 'z'; ++letter) {
        const std::string text(3000, letter);
        fixture.arrive_all(text);
        expected += text;
    }
    CHECK(fixture.data() == expected);
    fixture.memory.release(fixture.memory.bytes_max() - room);
    CHECK(fixture.buffer.prepare().size() == piece - expected.size());
    CHECK(fixture.data() == expected);
    CHECK(fixture.memory.used_bytes() == piece);
}

TEST_CASE("ReadBuffer: a rest of a few bytes does not keep it from reading where there is no room for a piece") {
    for (const std::string rest : {"a", "ab", "abc", "abcd"}) {
        ReadBufferFixture fixture;
        fixture.arrive(rest);
        fixture.buffer.shrink();
        const std::uint64_t room = 200'000;
        REQUIRE(fixture.memory.try_charge(fixture.memory.bytes_max() - fixture.memory.used_bytes() - room));
        REQUIRE_FALSE(fixture.buffer.prepare().empty());
        fixture.arrive_all("hello");
        CHECK(fixture.data() == rest + "hello");
    }
}

TEST_CASE("ReadBuffer: gives its memory back when it goes") {
    ReadMemoryPool pool;
    MemoryBudget memory(1U << 20U);
    {
        ReadBuffer buffer(pool, memory, [](std::uint64_t) { return false; });
        CHECK(buffer.prepare().size() == piece);
    }
    CHECK(memory.used_bytes() == 0);
}

TEST_CASE("ReadMemoryPool: lends a piece again that was given back") {
    ReadMemoryPool pool;
    auto lent = pool.borrow();
    const std::byte* const address = lent.get();
    pool.give_back(std::move(lent));
    CHECK(pool.borrow().get() == address);
}
