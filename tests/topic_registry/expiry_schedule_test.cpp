#include "topic_registry/expiry_schedule.hpp"

#include <catch2/catch.hpp>

#include "registry_fixture.hpp"

using namespace leveret;
using namespace leveret::test;
using namespace std::chrono_literals;

TEST_CASE_METHOD(RegistryFixture,
                 "TopicRegistry: idle topics let their records expire in time and give the memory back") {
    const TopicPtr first = topic("first", {.retention_ttl_ms = 1000});
    const TopicPtr second = topic("second", {.retention_ttl_ms = 3000});
    (void)publish(*first, 100);
    (void)publish(*second, 100);
    advance(1s - 1us);
    CHECK(first->figures().records == 1);
    advance(1us);
    CHECK(first->charged_bytes() == 0);
    CHECK(second->figures().records == 1);
    advance(2s);
    CHECK(second->charged_bytes() == 0);
    CHECK(counters.records_expired.value() == 2);
}

TEST_CASE_METHOD(RegistryFixture, "TopicRegistry: idle topics forget their compaction window in time") {
    const TopicPtr compacted = topic("t", {.compaction_window_ms = 1000});
    for (int i = 0; i < 10'000; ++i) {
        (void)publish(*compacted, 1, std::to_string(i));
    }
    const std::uint64_t with_window = compacted->charged_bytes();
    advance(1s);
    CHECK(compacted->figures().window_keys == 0);
    CHECK(compacted->charged_bytes() < with_window);
}

TEST_CASE_METHOD(RegistryFixture, "TopicRegistry: a topic that is used again after it had expired expires again") {
    const TopicPtr expiring = topic("t", {.retention_ttl_ms = 1000});
    for (int round = 0; round < 3; ++round) {
        (void)publish(*expiring, 100);
        CHECK(expiring->figures().records == 1);
        advance(1s);
        CHECK(expiring->figures().records == 0);
    }
}

TEST_CASE_METHOD(RegistryFixture, "TopicRegistry: many topics that are due at once all expire") {
    std::vector<TopicPtr> topics;
    for (int i = 0; i < 500; ++i) {
        topics.push_back(topic("t" + std::to_string(i), {.retention_ttl_ms = 1000}));
        (void)publish(*topics.back(), 100);
    }
    advance(1s);
    CHECK(counters.records_expired.value() == 500);
}

TEST_CASE_METHOD(RegistryFixture, "TopicRegistry: a wall clock that jumps ahead is noticed within a minute") {
    const TopicPtr expiring = topic("t", {.retention_ttl_ms = 24 * 3'600'000});
    (void)publish(*expiring, 100);
    run();
    clock.set_wall(clock.wall_now() + 48h);
    advance(1min);
    CHECK(expiring->figures().records == 0);
}

namespace {

struct ScheduleFixture : RegistryFixture {
    std::optional<ExpirySchedule> schedule;
    ScheduleFixture() { schedule.emplace(clock, io.get_executor()); }
    /// One whose own wish to be scheduled goes nowhere.
    TopicPtr expiring_topic() {
        auto made = std::make_shared<TopicController>(
            "t", random->topic_id(), Epoch{1}, TopicSettings{.retention_ttl_ms = 1000}, true,
            Environment{limits, clock, *random, memory, counters}, nullptr, nullptr);
        (void)publish(*made, 100);
        return made;
    }
};

}  // namespace

TEST_CASE_METHOD(ScheduleFixture, "ExpirySchedule: holds one entry per topic, the earliest") {
    const TopicPtr expiring = expiring_topic();
    schedule->schedule(expiring, clock.wall_now() + 5s);
    schedule->schedule(expiring, clock.wall_now() + 1s);
    schedule->schedule(expiring, clock.wall_now() + 9s);
    CHECK(schedule->size() == 1);
    advance(1s);
    CHECK(expiring->figures().records == 0);
    CHECK(schedule->size() == 0);
}

TEST_CASE_METHOD(ScheduleFixture, "ExpirySchedule: comes again for what had not expired yet") {
    const TopicPtr expiring = expiring_topic();
    schedule->schedule(expiring, clock.wall_now() + 300ms);
    advance(300ms);
    CHECK(expiring->figures().records == 1);
    CHECK(schedule->size() == 1);
    advance(700ms);
    CHECK(expiring->figures().records == 0);
}

TEST_CASE_METHOD(ScheduleFixture, "ExpirySchedule: does not keep topics alive, and survives their end") {
    TopicPtr expiring = expiring_topic();
    schedule->schedule(expiring, clock.wall_now() + 1s);
    expiring.reset();
    CHECK(memory.used_bytes() == 0);
    advance(1s);
    CHECK(schedule->size() == 0);
}

TEST_CASE_METHOD(ScheduleFixture, "ExpirySchedule: forgets a topic that was removed") {
    const TopicPtr expiring = expiring_topic();
    schedule->schedule(expiring, clock.wall_now() + 1s);
    schedule->remove(*expiring);
    CHECK(schedule->size() == 0);
    advance(1s);
    CHECK(expiring->figures().records == 1);
}

TEST_CASE_METHOD(ScheduleFixture, "ExpirySchedule: nothing happens after it has gone, whether or not its strand runs") {
    const TopicPtr expiring = expiring_topic();
    schedule->schedule(expiring, clock.wall_now() + 1s);
    SECTION("the strand runs") {
        schedule.reset();
        advance(1s);
    }
    SECTION("an alarm is on its way") {
        run();
        clock.advance(1s);
        schedule.reset();
        run();
    }
    SECTION("the strand never runs again") {
        schedule.reset();
    }
    CHECK(expiring->figures().records == 1);
}
