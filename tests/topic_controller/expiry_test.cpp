#include <limits>

#include <catch2/catch.hpp>

#include "topic_fixture.hpp"

using namespace leveret;
using namespace leveret::test;
using namespace std::chrono_literals;

namespace {

struct ExpiringTopic : TopicFixture {
    ExpiringTopic() { open({.retention_ttl_ms = 1000}); }
};

}  // namespace

TEST_CASE_METHOD(ExpiringTopic,
                 "TopicController: a record is gathered until its time has come, and silently not after") {
    (void)publish("a");
    clock.advance(500ms);
    (void)publish("b");
    clock.advance(500ms - 1us);
    CHECK(read_from(Offset{0}) == "a b ");
    clock.advance(1us);
    CHECK(read_from(Offset{0}) == "b ");
    CHECK_FALSE(gathered.lagged());
    CHECK(topic->cursor_at_earliest().next == Offset{1});
}

TEST_CASE_METHOD(ExpiringTopic, "TopicController: a cursor passes over expired records to the end") {
    publish_numbers(0, 5);
    TopicCursor cursor = topic->cursor_at(Offset{2}).value();
    clock.advance(1s);
    CHECK(read(cursor).empty());
    CHECK(cursor.next == Offset{5});
    CHECK(topic->figures().missed == 0);
}

TEST_CASE_METHOD(ExpiringTopic, "TopicController: expired records use none of the records that a gather may bring") {
    publish_numbers(0, 3);
    clock.advance(1s);
    publish_numbers(3, 6);
    TopicCursor cursor = topic->cursor_at(Offset{0}).value();
    CHECK(read(cursor, 2) == "3 4 ");
}

TEST_CASE_METHOD(ExpiringTopic, "TopicController: asks once to be called when its oldest block has expired") {
    const Timestamp first = clock.wall_now();
    (void)publish("a");
    clock.advance(10ms);
    (void)publish("b");
    CHECK(scheduled == std::vector<Timestamp>{first + 1s});
    clock.set_wall(first + 1s);
    CHECK(topic->expire(clock.wall_now()) == first + 1s + 10ms);
    CHECK(topic->figures().expired == 1);
}

TEST_CASE_METHOD(ExpiringTopic,
                 "TopicController: an idle topic lets everything expire by time and gives all memory back") {
    for (int i = 0; i < 3000; ++i) {
        (void)publish(std::string(1000, 'x'));
    }
    REQUIRE(memory.used_bytes() > 3'000'000);
    clock.advance(1s);
    CHECK_FALSE(topic->expire(clock.wall_now()));
    CHECK(memory.used_bytes() == 0);
    CHECK(topic->figures().expired == 3000);
    CHECK(counters.records_expired.value() == 3000);
    CHECK(publish("after").first == Offset{3000});
}

TEST_CASE_METHOD(ExpiringTopic,
                 "TopicController: a bound beats the time limit, and what it evicts unexpired is counted so") {
    open({.retention_ttl_ms = 1000, .retention_records = 4});
    publish_numbers(0, 2);
    clock.advance(1s);
    publish_numbers(2, 6);
    CHECK(topic->figures().expired == 2);
    CHECK(topic->figures().evicted == 0);
    publish_numbers(6, 8);
    CHECK(topic->figures().expired == 2);
    CHECK(topic->figures().evicted == 2);
    CHECK(read_from(Offset{0}) == "4 5 6 7 ");
}

TEST_CASE_METHOD(ExpiringTopic, "TopicController: reclaiming takes what has expired first, and counts it as that") {
    publish_numbers(0, 3);
    clock.advance(1s);
    CHECK(topic->evict_oldest_block() > 0);
    CHECK(topic->figures().expired == 3);
    CHECK(topic->figures().evicted == 0);
}

TEST_CASE_METHOD(ExpiringTopic, "TopicController: the longest time limits never end and do not overflow") {
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    open({.retention_ttl_ms = most, .compaction_window_ms = most});
    (void)publish("k", "a");
    clock.advance(24h * 365 * 100);
    CHECK(publish("k", "b").accepted == 0);
    CHECK(read_all() == "a ");
    CHECK_FALSE(topic->expire(clock.wall_now()));
    CHECK(scheduled.empty());
}

TEST_CASE_METHOD(ExpiringTopic, "TopicController: a time limit set later holds for what is there, and is scheduled") {
    open();
    (void)publish("a");
    CHECK(scheduled.empty());
    const Timestamp stamped = clock.wall_now();
    clock.advance(10s);
    topic->configure({.retention_ttl_ms = 1000});
    CHECK(scheduled == std::vector<Timestamp>{stamped + 1s});
    CHECK(read_all().empty());
}

TEST_CASE_METHOD(ExpiringTopic, "TopicController: something due earlier than what is scheduled is scheduled anew") {
    (void)publish("a");
    topic->configure({.retention_ttl_ms = 500});
    CHECK(scheduled == std::vector<Timestamp>{clock.wall_now() + 1s, clock.wall_now() + 500ms});
}

TEST_CASE_METHOD(ExpiringTopic, "TopicController: nothing expires while the wall clock has been set back") {
    (void)publish("a");
    clock.set_wall(clock.wall_now() - 24h);
    CHECK(read_all() == "a ");
    CHECK(topic->expire(clock.wall_now()).has_value());
    CHECK(topic->figures().expired == 0);
}
