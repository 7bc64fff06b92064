#include <catch2/catch.hpp>

#include "bench/histogram.hpp"
#include "bench/options.hpp"
#include "bench/stamp.hpp"
#include "bench/window.hpp"

using namespace leveret;
using namespace leveret::cli;
using namespace std::chrono_literals;

namespace {

bool is_within_one_percent(std::chrono::nanoseconds value, std::chrono::nanoseconds wanted) {
    return std::abs(value.count() - wanted.count()) * 100 <= wanted.count();
}

std::vector<std::byte> stamped_payload(std::uint64_t sequence) {
    std::vector<std::byte> payload(100);
    write_stamp(payload, {.sequence = sequence, .scheduled_ns = 5, .publisher = 1});
    return payload;
}

}  // namespace

TEST_CASE("Histogram: quantiles are right to within one percent, at any scale") {
    for (const auto unit : std::vector<std::chrono::nanoseconds>{1ns, 1us, 1ms, 1s}) {
        Histogram histogram;
        for (int i = 1; i <= 1000; ++i) {
            histogram.add(i * unit);
        }
        CHECK(is_within_one_percent(histogram.quantile(0.5), 500 * unit));
        CHECK(is_within_one_percent(histogram.quantile(0.99), 990 * unit));
        CHECK(histogram.max() == 1000 * unit);
    }
}

TEST_CASE("Histogram: the highest quantile is the maximum, exactly") {
    Histogram histogram;
    histogram.add(1'234'567ns);
    CHECK(histogram.quantile(1) == 1'234'567ns);
    CHECK(histogram.quantile(0.5) == 1'234'567ns);
}

TEST_CASE("Histogram: the longest and a negative latency have a place") {
    Histogram histogram;
    histogram.add(std::chrono::nanoseconds::max());
    histogram.add(-5ns);
    CHECK(histogram.count() == 2);
    CHECK(histogram.quantile(0.5) == 0ns);
    CHECK(histogram.quantile(1) == std::chrono::nanoseconds::max());
}

TEST_CASE("Histogram: without values everything is zero") {
    CHECK(Histogram().quantile(0.99) == 0ns);
}

TEST_CASE("Histogram: merging adds up") {
    Histogram low;
    Histogram high;
    low.add(10ns);
    high.add(100ns);
    low.merge(high);
    CHECK(low.count() == 2);
    CHECK(low.quantile(0.5) == 10ns);
    CHECK(low.max() == 100ns);
}

TEST_CASE("Stamp: what was written is read back") {
    const auto stamp = read_stamp(stamped_payload(64));
    REQUIRE(stamp);
    CHECK(stamp->sequence == 64);
    CHECK(stamp->scheduled_ns == 5);
    CHECK(stamp->publisher == 1);
}

TEST_CASE("Stamp: a changed byte is found in the samples, wherever it is") {
    for (const std::size_t at : {std::size_t{8}, std::size_t{20}, std::size_t{24}, std::size_t{99}}) {
        auto payload = stamped_payload(128);
        payload[at] ^= std::byte{1};
        INFO(at);
        CHECK_FALSE(read_stamp(payload));
    }
}

TEST_CASE("Stamp: a payload that is too short is refused") {
    CHECK_FALSE(read_stamp(Bytes(stamped_payload(1)).first(23)));
}

TEST_CASE("SequenceCheck: publishers count on their own, a gap and a repeat are seen") {
    SequenceCheck check(2);
    check.see(Stamp{.sequence = 0, .publisher = 0});
    check.see(Stamp{.sequence = 0, .publisher = 1});
    check.see(Stamp{.sequence = 1, .publisher = 0});
    CHECK(check.out_of_order() == 0);
    check.see(Stamp{.sequence = 3, .publisher = 0});
    check.see(Stamp{.sequence = 3, .publisher = 0});
    CHECK(check.out_of_order() == 2);
}

TEST_CASE("SequenceCheck: an unreadable stamp and an unknown publisher are corrupt") {
    SequenceCheck check(1);
    check.see(std::nullopt);
    check.see(Stamp{.publisher = 1});
    CHECK(check.corrupt() == 2);
}

TEST_CASE("Window: publishers stop at its end and go on when the slowest subscriber does") {
    Window window(2, 10);
    CHECK(window.take(8) == 8);
    CHECK(window.take(8) == 2);
    CHECK(window.take(8) == 0);
    window.received(0, 10);
    CHECK(window.take(8) == 0);
    window.received(1, 4);
    CHECK(window.take(8) == 4);
    CHECK(window.slowest() == 4);
    CHECK(window.taken() == 14);
}

TEST_CASE("Window: without subscribers it has no end") {
    Window window(0, 1);
    CHECK(window.take(1000) == 1000);
    CHECK(window.slowest() == window.taken());
}

TEST_CASE("Bench: every topic has somebody who works on it, and everybody works on a topic") {
    for (const std::size_t workers : {1U, 2U, 3U, 7U}) {
        for (const std::size_t topics : {1U, 2U, 3U, 7U}) {
            std::vector<int> of_topic(topics);
            std::vector<int> of_worker(workers);
            for (std::size_t w = 0; w < workers; ++w) {
                for (std::size_t t = 0; t < topics; ++t) {
                    of_topic[t] += works_on(w, workers, t, topics) ? 1 : 0;
                    of_worker[w] += works_on(w, workers, t, topics) ? 1 : 0;
                }
            }
            CHECK(std::find(of_topic.begin(), of_topic.end(), 0) == of_topic.end());
            CHECK(std::find(of_worker.begin(), of_worker.end(), 0) == of_worker.end());
        }
    }
}
