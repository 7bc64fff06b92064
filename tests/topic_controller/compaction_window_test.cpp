#include "topic_controller/compaction_window.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace leveret;
using namespace std::chrono_literals;
using Verdict = CompactionWindow::Verdict;

namespace {

struct WindowFixture {
    static constexpr std::chrono::microseconds length = 10s;
    MemoryBudget memory{1U << 30U};
    std::unique_ptr<Random> random = make_random(3);
    CompactionWindow window{memory, *random, 1'000'000};
    WindowTime now = WindowTime(1000s);

    Verdict accept(std::string_view key) { return window.accept(key, now, length); }
    void accept_many(int from, int to) {
        for (int i = from; i < to; ++i) {
            REQUIRE(accept(std::to_string(i)) == Verdict::accepted);
        }
    }
    void forget_all() {
        while (window.keys() > 0) {
            window.forget(now, length, 1000);
        }
    }
};

}  // namespace

TEST_CASE_METHOD(WindowFixture, "CompactionWindow: a key accepted less than a window ago is a duplicate") {
    CHECK(accept("a") == Verdict::accepted);
    CHECK(accept("a") == Verdict::duplicate);
    CHECK(accept("b") == Verdict::accepted);
    now += length - 1us;
    CHECK(accept("a") == Verdict::duplicate);
}

TEST_CASE_METHOD(WindowFixture, "CompactionWindow: a key accepted exactly one window ago is accepted again") {
    CHECK(accept("a") == Verdict::accepted);
    now += length;
    CHECK(accept("a") == Verdict::accepted);
    CHECK(accept("a") == Verdict::duplicate);
}

TEST_CASE_METHOD(WindowFixture, "CompactionWindow: a duplicate does not extend the window") {
    CHECK(accept("a") == Verdict::accepted);
    now += length / 2;
    CHECK(accept("a") == Verdict::duplicate);
    now += length / 2;
    CHECK(accept("a") == Verdict::accepted);
}

TEST_CASE_METHOD(WindowFixture, "CompactionWindow: keys of long ago are taken after it was asked to forget") {
    window.forget(now, length, 10);
    CHECK(window.accept("a", now - length / 2, length) == Verdict::accepted);
    CHECK(window.next_forget(length) == now + length / 2);
    now += length / 2 - 1us;
    CHECK(accept("a") == Verdict::duplicate);
    now += 1us;
    CHECK(accept("a") == Verdict::accepted);
}

TEST_CASE_METHOD(WindowFixture, "CompactionWindow: an empty key is a key, and a key may have any bytes") {
    CHECK(accept("") == Verdict::accepted);
    CHECK(accept("") == Verdict::duplicate);
    CHECK(accept(std::string_view("\0", 1)) == Verdict::accepted);
    CHECK(accept(std::string_view("\0\0", 2)) == Verdict::accepted);
    CHECK(accept(std::string(65'535, 'x')) == Verdict::accepted);
}

TEST_CASE_METHOD(WindowFixture, "CompactionWindow: the longest window there is never ends") {
    constexpr auto forever = std::chrono::microseconds::max();
    CHECK(window.accept("a", now, forever) == Verdict::accepted);
    CHECK(window.accept("a", now + 24h * 365 * 200, forever) == Verdict::duplicate);
    CHECK_FALSE(window.next_forget(forever));
}

TEST_CASE_METHOD(WindowFixture, "CompactionWindow: what is withdrawn was never accepted") {
    CHECK(accept("a") == Verdict::accepted);
    accept_many(0, 1000);
    window.withdraw(1000);
    CHECK(window.keys() == 1);
    CHECK(accept("a") == Verdict::duplicate);
    accept_many(0, 1000);
}

TEST_CASE_METHOD(WindowFixture, "CompactionWindow: at its bound it is full, until a key is old enough") {
    CompactionWindow small(memory, *random, 2);
    CHECK(small.accept("a", now, length) == Verdict::accepted);
    CHECK(small.accept("b", now + 1s, length) == Verdict::accepted);
    CHECK(small.accept("c", now + 2s, length) == Verdict::window_full);
    CHECK(small.accept("a", now + 2s, length) == Verdict::duplicate);
    CHECK(small.accept("c", now + length, length) == Verdict::accepted);
}

TEST_CASE("CompactionWindow: where the budget refuses, nothing is remembered") {
    MemoryBudget memory(100);
    const auto random = make_random(1);
    CompactionWindow window(memory, *random, 1000);
    CHECK(window.accept("a", WindowTime(1s), 10s) == Verdict::memory_full);
    CHECK(window.refused_bytes() > 100);
    CHECK(window.keys() == 0);
    CHECK(memory.used_bytes() == 0);
}

TEST_CASE_METHOD(WindowFixture, "CompactionWindow: takes at most 64 bytes per key, a little more while it resizes") {
    constexpr std::uint64_t fixed_bytes = 16U << 10U;
    const auto count = GENERATE(34'240, 300'000);  // the first comes close above a table's least number of keys
    int above_64 = 0;
    for (int i = 0; i < count; ++i) {
        now += 10us;
        REQUIRE(accept(std::to_string(i)) == Verdict::accepted);
        REQUIRE(window.charged_bytes() <= 74 * window.keys() + fixed_bytes);
        above_64 += window.charged_bytes() > 64 * window.keys() + fixed_bytes ? 1 : 0;
    }
    CHECK(above_64 < count / 16);
    while (window.keys() > 0) {  // as a topic does it that nobody publishes to any more
        now = *window.next_forget(length);
        window.forget(now, length, 4096);
        REQUIRE(window.charged_bytes() <= 93 * window.keys() + fixed_bytes);
        REQUIRE(window.charged_bytes() == memory.used_bytes());
    }
}

TEST_CASE_METHOD(WindowFixture, "CompactionWindow: a table that has grown stays for two lengths while keys come") {
    constexpr std::uint64_t table_bytes = 16'384 * FingerprintTable::line_bytes;
    accept_many(0, 35'000);
    const WindowTime grown = now;
    int key = 35'000;
    const auto accept_until = [&](WindowTime end, std::chrono::microseconds pause) {
        for (; now < end; now += pause, ++key) {
            REQUIRE(accept(std::to_string(key)) == Verdict::accepted);
            window.forget(now, length, 1000);
        }
    };
    accept_until(grown + 2 * length, 10ms);
    CHECK(window.keys() <= 1001);
    CHECK(window.charged_bytes() >= table_bytes);
    accept_until(grown + 2 * length + 5s, 1ms);
    CHECK(window.charged_bytes() < table_bytes);
}

TEST_CASE_METHOD(WindowFixture, "CompactionWindow: gives all memory back when it has forgotten everything") {
    accept_many(0, 10'000);
    now += length;
    forget_all();
    CHECK(memory.used_bytes() == 0);
    CHECK_FALSE(window.next_forget(length));
    CHECK(accept("1") == Verdict::accepted);
}

TEST_CASE_METHOD(WindowFixture, "CompactionWindow: says when there is something to forget") {
    CHECK_FALSE(window.next_forget(length));
    accept_many(0, 1);
    CHECK(window.next_forget(length) == now + length);
    const WindowTime before = *window.next_forget(length);
    now = before - 1us;
    window.forget(now, length, 10);
    CHECK(window.keys() == 1);
    window.forget(before, length, 10);
    CHECK(window.keys() == 0);
}

TEST_CASE_METHOD(WindowFixture, "CompactionWindow: of many keys it says when an eighth of them will be old") {
    constexpr int count = 8000;
    const WindowTime first = now;
    for (int i = 0; i < count; ++i) {
        REQUIRE(accept(std::to_string(i)) == Verdict::accepted);
        now += 10us;
    }
    const WindowTime due = *window.next_forget(length);
    CHECK(due - first >= length + count / 8 * 10us);
    CHECK(due - first < length + count / 7 * 10us);
    window.forget(due, length, count);
    CHECK(window.keys() <= count - count / 8);
    CHECK(window.keys() > count - count / 7);
}

TEST_CASE_METHOD(WindowFixture, "CompactionWindow: forgets no more at a time than it is told") {
    accept_many(0, 1000);
    now += length;
    window.forget(now, length, 300);
    CHECK(window.keys() == 700);
    CHECK(*window.next_forget(length) <= now);
}
