// What the commits of a stored topic promise.
#include <catch2/catch.hpp>

#include "stored_topic_fixture.hpp"

using namespace leveret;
using namespace leveret::test;

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: a commit that is refused has no effect") {
    publish_kept(0, 5);
    topic->commit("p", Offset{1}, [](std::error_code error) { CHECK_FALSE(error); });
    run();
    save_error = Error::disk_full;
    const std::uint64_t charged = topic->charged_bytes();
    for (const std::uint64_t offset : {2U, 3U}) {
        topic->commit("p", Offset{offset}, [](std::error_code error) { CHECK(error == Error::disk_full); });
        topic->commit("new", Offset{offset}, [](std::error_code error) { CHECK(error == Error::disk_full); });
    }
    run();
    CHECK(topic->position("p") == Offset{1});
    CHECK_FALSE(topic->position("new"));
    CHECK(topic->charged_bytes() == charged);
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: a refused commit does not take back a newer one") {
    publish_kept(0, 5);
    save_error = Error::disk_full;
    topic->commit("p", Offset{2}, [](std::error_code error) { CHECK(error == Error::disk_full); });
    save_error = {};
    topic->commit("p", Offset{4}, [](std::error_code error) { CHECK_FALSE(error); });
    run();
    CHECK(topic->position("p") == Offset{4});
    restart();
    CHECK(topic->position("p") == Offset{4});
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: a lower bound on positions does not lose those that are stored") {
    publish_kept(0, 5);
    for (const char* const name : {"a", "b", "c"}) {
        topic->commit(name, Offset{1}, [](std::error_code error) { CHECK_FALSE(error); });
    }
    run();
    limits.positions_per_topic_max = 1;
    restart();
    CHECK(topic->positions().size() == 3);
    topic->commit("c", Offset{2}, [](std::error_code error) { CHECK_FALSE(error); });
    topic->commit("d", Offset{2}, [](std::error_code error) { CHECK(error == Error::too_many_positions); });
    run();
    CHECK(topic->position("c") == Offset{2});
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: commits that wait for a log which cannot be opened are answered") {
    topic->close([](std::error_code) {});
    run();
    topic = std::make_shared<TopicController>(
        "topic", random->topic_id(), Epoch{1}, settings, true, Environment{limits, clock, *random, memory, counters},
        TopicController::ScheduleExpiry{}, TopicController::Reclaim{}, &catch_up_memory);
    std::error_code answer;
    topic->commit("reader", Offset{0}, [&](std::error_code error) { answer = error; });
    topic->attach(fail(Error::bad_log));
    CHECK(answer == Error::bad_log);
    CHECK(topic->opening_error() == Error::bad_log);
    topic.reset();
    log.reset();
}
