#include <catch2/catch.hpp>

#include "topic_fixture.hpp"

using namespace leveret;
using namespace leveret::test;
using namespace std::chrono_literals;

TEST_CASE_METHOD(TopicFixture, "TopicController: the bound in records is kept exactly") {
    open({.retention_records = 3});
    publish_numbers(0, 10);
    CHECK(read_all() == "7 8 9 ");
    CHECK(topic->figures().evicted == 7);
    CHECK(counters.records_evicted.value() == 7);
}

TEST_CASE_METHOD(TopicFixture, "TopicController: between 7/8 of the bound in bytes and all of it is kept") {
    open({.retention_bytes = 100'000});
    for (int i = 0; i < 1000; ++i) {
        (void)publish(std::string(1000, 'x'));
        REQUIRE(topic->figures().bytes <= 100'000);
    }
    CHECK(topic->figures().bytes > 87'500);
    CHECK(topic->figures().evicted == 1000 - topic->figures().records);
}

TEST_CASE_METHOD(TopicFixture, "TopicController: the default bounds are the limits'") {
    limits.topic_records_max = 2;
    open();
    publish_numbers(0, 10);
    CHECK(read_all() == "8 9 ");
}

TEST_CASE_METHOD(TopicFixture, "TopicController: a batch that could never be kept whole is refused") {
    open({.retention_bytes = 1000, .retention_records = 3});
    (void)publish("kept");
    CHECK(publish_batch({"a", "b", "c", "d"}).error == Error::bad_record);
    CHECK(publish_batch({std::string(1000, 'x')}).error == Error::bad_record);
    CHECK(read_all() == "kept ");
    CHECK_FALSE(publish_batch({"a", "b", "c"}).error);
    CHECK(read_all() == "a b c ");
}

TEST_CASE_METHOD(TopicFixture,
                 "TopicController: a slow reader learns exactly what it missed, and goes on at the oldest") {
    open({.retention_records = 4});
    publish_numbers(0, 2);
    TopicCursor cursor = topic->cursor_at_earliest();
    CHECK(read(cursor, 1) == "0 ");
    publish_numbers(2, 10);
    CHECK(read(cursor) == "6 7 8 9 ");
    REQUIRE(gathered.lagged());
    CHECK(gathered.lagged()->from == Offset{1});
    CHECK(gathered.lagged()->to == Offset{6});
    CHECK(topic->figures().missed == 5);
    CHECK(counters.records_missed.value() == 5);
    CHECK(read(cursor).empty());
    CHECK_FALSE(gathered.lagged());
}

TEST_CASE_METHOD(TopicFixture, "TopicController: smaller bounds take effect at once") {
    open();
    publish_numbers(0, 10);
    topic->configure({.retention_records = 2});
    CHECK(read_all() == "8 9 ");
    CHECK(topic->settings().retention_records == 2);
}

TEST_CASE_METHOD(TopicFixture,
                 "TopicController: evicting takes the newest block last, and leaves one of the smallest size alone") {
    open();
    for (int i = 0; i < 100; ++i) {
        (void)publish(std::string(1000, 'x'));
    }
    const std::uint64_t blocks = topic->figures().blocks;
    for (std::uint64_t i = 0; i < blocks; ++i) {
        const std::uint64_t before = memory.used_bytes();
        const std::uint64_t freed = topic->evict_oldest_block();
        CHECK(freed > 0);
        CHECK(memory.used_bytes() == before - freed);
    }
    CHECK(topic->figures().blocks == 0);
    (void)publish("small");
    CHECK(topic->evict_oldest_block() == 0);
    CHECK(topic->figures().blocks == 1);
    CHECK(topic->charged_bytes() == memory.used_bytes());
}

namespace {

struct SmallBudget : TopicFixture {
    SmallBudget() {
        REQUIRE(memory.try_charge(memory.bytes_max() - (6U << 10U)));
        open({.compaction_window_ms = 0});
    }
};

}  // namespace

TEST_CASE_METHOD(SmallBudget, "TopicController: where nothing can be reclaimed, the batch is refused whole") {
    CHECK_FALSE(publish("a").error);
    const AppendResult refused = publish_batch({"b", std::string(5000, 'x')});
    CHECK(refused.error == Error::memory_full);
    CHECK(refused.accepted == 0);
    CHECK(publish("c").first == Offset{1});
    CHECK(read_all() == "a c ");
    CHECK(counters.memory_full.value() == 1);
}

TEST_CASE_METHOD(SmallBudget, "TopicController: asks to reclaim what it needs, without its lock, and tries again") {
    std::uint64_t asked_bytes = 0;
    reclaim = [&](std::uint64_t bytes) {
        asked_bytes = bytes;
        (void)topic->figures();
        memory.release(64U << 10U);
        return true;
    };
    CHECK_FALSE(publish_batch({"b", std::string(5000, 'x')}).error);
    CHECK(asked_bytes > 5000);
    CHECK(counters.memory_full.value() == 0);
}

TEST_CASE_METHOD(SmallBudget,
                 "TopicController: asks to reclaim room for all blocks that a batch needs, not for the last") {
    reclaim = [&](std::uint64_t bytes) {
        const std::uint64_t free_bytes = memory.bytes_max() - memory.used_bytes();
        if (free_bytes < bytes) {
            memory.release(bytes - free_bytes);
        }
        return true;
    };
    const AppendResult answer = publish_batch({std::string(2000, 'x'), std::string(2000, 'y'), std::string(2000, 'z')});
    CHECK_FALSE(answer.error);
    CHECK(topic->figures().blocks == 3);
}

TEST_CASE_METHOD(SmallBudget, "TopicController: gives up in the end where reclaiming never frees enough") {
    int asked = 0;
    reclaim = [&](std::uint64_t) { return ++asked < 1000; };
    CHECK(publish_batch({std::string(10'000, 'x')}).error == Error::memory_full);
    CHECK(asked < 10);
}

TEST_CASE_METHOD(SmallBudget, "TopicController: a refused batch leaves no key in the window") {
    open({.compaction_window_ms = 1000});
    const DraftBatch large = DraftBatch().add("key", std::string(10'000, 'x'));
    CHECK(publish_batch(large).error == Error::memory_full);
    CHECK(topic->figures().window_keys == 0);
    memory.release(64U << 10U);
    CHECK_FALSE(publish_batch(large).error);
    CHECK(topic->figures().published == 1);
}
