// The compaction window of a stored topic after a restart: filled again from its log.
#include <catch2/catch.hpp>

#include "stored_topic_fixture.hpp"

using namespace leveret;
using namespace leveret::test;
using namespace std::chrono_literals;

namespace {

struct WindowFixture : StoredTopicFixture {
    /// Starts again while others leave only so much of the memory in which logs are read; it says what they hold.
    std::uint64_t restart_beside_others(std::uint64_t bytes_left) {
        stop();
        MemoryBudget& budget = catch_up_memory.budget();
        const std::uint64_t others = budget.bytes_max() - budget.used_bytes() - bytes_left;
        REQUIRE(budget.try_charge(others));
        start();
        CHECK_FALSE(begin_publish(DraftBatch().add("key", "b"))->taken);
        return others;
    }
};

}  // namespace

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: the compaction window survives a restart") {
    settings.compaction_window_ms = 1000;
    restart();
    REQUIRE(begin_publish(DraftBatch().add("old", "a"))->result);
    clock.advance(600ms);
    REQUIRE(begin_publish(DraftBatch().add("young", "b"))->result);
    clock.advance(600ms);
    restart();
    CHECK(begin_publish(DraftBatch().add("young", "c"))->result->accepted == 0);
    CHECK(begin_publish(DraftBatch().add("old", "d"))->result->accepted == 1);
}

TEST_CASE_METHOD(StoredTopicFixture,
                 "StoredTopic: a clock that was ahead before a restart does not make the window longer") {
    settings.compaction_window_ms = 1000;
    restart();
    REQUIRE(begin_publish(DraftBatch().add("old", "a"))->result);
    clock.advance(600ms);
    REQUIRE(begin_publish(DraftBatch().add("young", "b"))->result);
    clock.set_wall(clock.wall_now() - 24h);
    restart();
    CHECK(begin_publish(DraftBatch().add("young", "c"))->result->accepted == 0);
    clock.advance(400ms);
    CHECK(begin_publish(DraftBatch().add("old", "d"))->result->accepted == 1);
    CHECK(begin_publish(DraftBatch().add("young", "e"))->result->accepted == 0);
    clock.advance(600ms);
    CHECK(begin_publish(DraftBatch().add("young", "f"))->result->accepted == 1);
}

TEST_CASE_METHOD(WindowFixture,
                 "StoredTopic: the compaction window is filled again when there is memory for it, and nothing is left "
                 "behind") {
    settings.compaction_window_ms = 1000;
    restart();
    REQUIRE(begin_publish(DraftBatch().add("key", "a"))->result);
    const std::uint64_t others = restart_beside_others(0);
    catch_up_memory.budget().release(others);
    run();
    CHECK(begin_publish(DraftBatch().add("key", "b"))->result->accepted == 0);
    const std::weak_ptr<MessageLog> gone = log;
    stop();
    CHECK(gone.expired());
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: a compaction window that never ends survives a restart, too") {
    settings.compaction_window_ms = GENERATE(std::uint64_t{1'000} * 86'400 * 365 * 100, ~std::uint64_t{0});
    restart();
    REQUIRE(begin_publish(DraftBatch().add("old", "a"))->result);
    clock.advance(24h * 365);
    restart();
    CHECK(begin_publish(DraftBatch().add("old", "b"))->result->accepted == 0);
    CHECK(begin_publish(DraftBatch().add("new", "c"))->result->accepted == 1);
}

TEST_CASE_METHOD(WindowFixture, "StoredTopic: the compaction window is filled as it was, whatever happens meanwhile") {
    settings.compaction_window_ms = 1000;
    restart();
    REQUIRE(begin_publish(DraftBatch().add("old", "a"))->result);
    clock.advance(600ms);
    const std::uint64_t others = restart_beside_others(0);
    (void)topic->expire(clock.wall_now());
    topic->configure(settings);
    catch_up_memory.budget().release(others);
    run();
    clock.advance(399ms);
    CHECK(begin_publish(DraftBatch().add("old", "b"))->result->accepted == 0);
    clock.advance(1ms);
    CHECK(begin_publish(DraftBatch().add("old", "c"))->result->accepted == 1);
}

TEST_CASE_METHOD(WindowFixture, "StoredTopic: the compaction window waits for memory for a large record, too") {
    settings.compaction_window_ms = 1000;
    restart();
    REQUIRE(begin_publish(DraftBatch().add("key", std::string(300U << 10U, 'x')))->result);
    const std::uint64_t others = restart_beside_others(600U << 10U);
    catch_up_memory.budget().release(others);
    run();
    CHECK(begin_publish(DraftBatch().add("key", "b"))->result->accepted == 0);
}
