// Writers and readers on threads of their own; meant to be run under ThreadSanitizer too.
#include <condition_variable>
#include <mutex>
#include <thread>

#include <catch2/catch.hpp>

#include "topic_fixture.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

/// A doorbell for a thread.
class ThreadWaiter final : public TopicWaiter {
  public:
    void wake() noexcept override {
        const std::lock_guard lock(mutex_);
        rung_ = true;
        changed_.notify_one();
    }
    void wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return rung_; });
        rung_ = false;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool rung_ = false;
};

struct ReaderTotals {
    std::uint64_t received = 0;
    std::uint64_t missed = 0;
    bool in_order = true;
};

/// Reads until everything below `end` was received or missed; sleeps whenever it has caught up.
ReaderTotals read_up_to(TopicController& topic, Offset end, std::size_t bytes_max) {
    const auto waiter = std::make_shared<ThreadWaiter>();
    TopicCursor cursor;
    Gathered gathered;
    ReaderTotals totals;
    std::uint64_t expected = 0;
    while (cursor.next < end) {
        topic.gather(cursor, bytes_max, ~std::uint64_t{0}, gathered);
        if (const auto& lagged = gathered.lagged()) {
            totals.in_order = totals.in_order && lagged->from.value == expected;
            totals.missed += lagged->to.value - lagged->from.value;
            expected = lagged->to.value;
        }
        for (const Slice& slice : gathered.slices()) {
            for (const RecordView record : Records(slice.records)) {
                totals.in_order = totals.in_order && record.offset().value == expected && has_valid_checksum(record);
                ++expected;
                ++totals.received;
            }
        }
        if (gathered.empty() && cursor.next < end && topic.arm(waiter, cursor)) {
            waiter->wait();
        }
    }
    return totals;
}

struct StressFixture : TopicFixture {
    static constexpr int writers = 3;
    static constexpr int readers = 3;
    static constexpr std::uint64_t batches_per_writer = 2000;
    static constexpr std::uint64_t records_per_batch = 7;
    static constexpr std::uint64_t published = writers * batches_per_writer * records_per_batch;

    void write() {
        DraftBatch draft;
        for (std::uint64_t i = 0; i < records_per_batch; ++i) {
            draft.add({.payload = as_bytes(std::string_view("some payload, some payload, some payload"))});
        }
        for (std::uint64_t i = 0; i < batches_per_writer; ++i) {
            (void)publish_batch(draft);
        }
    }

    std::vector<ReaderTotals> run_all() {
        std::vector<ReaderTotals> totals(readers);
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < readers; ++i) {
            threads.emplace_back([&, i] { totals[i] = read_up_to(*topic, Offset{published}, i == 0 ? 200 : 100'000); });
        }
        for (int i = 0; i < writers; ++i) {
            threads.emplace_back([&] { write(); });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        return totals;
    }
};

}  // namespace

TEST_CASE_METHOD(StressFixture,
                 "TopicController: with writers and readers at once, received and missed make up published") {
    SECTION("everything is kept") {
        open();
    }
    SECTION("a small bound evicts under the readers") {
        open({.retention_bytes = 64U << 10U});
    }
    SECTION("a bound in records") {
        open({.retention_records = 500});
    }
    for (const ReaderTotals& totals : run_all()) {
        CHECK(totals.received + totals.missed == published);
        CHECK(totals.in_order);
    }
    CHECK(topic->figures().published == published);
    CHECK(topic->figures().records + topic->figures().evicted == published);
}

TEST_CASE_METHOD(StressFixture,
                 "TopicController: housekeeping, settings and figures at the same time as everything else") {
    open({.compaction_window_ms = 1});
    std::atomic<bool> stop{false};
    std::thread keeper([&] {
        for (std::uint64_t round = 0; !stop; ++round) {
            clock.advance(std::chrono::microseconds(100));
            (void)topic->expire(clock.wall_now());
            (void)topic->evict_oldest_block();
            topic->configure({.compaction_window_ms = round % 2, .retention_bytes = (64U + round % 64) << 10U});
            (void)topic->commit("p", topic->cursor_at_earliest().next);
            (void)topic->figures();
            (void)topic->charged_bytes();
        }
    });
    for (const ReaderTotals& totals : run_all()) {
        CHECK(totals.received + totals.missed == published);
        CHECK(totals.in_order);
    }
    stop = true;
    keeper.join();
    CHECK(topic->figures().records + topic->figures().evicted == published);
}
