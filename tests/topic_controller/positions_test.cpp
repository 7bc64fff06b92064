#include <catch2/catch.hpp>

#include "topic_fixture.hpp"

using namespace leveret;
using namespace leveret::test;

TEST_CASE_METHOD(TopicFixture, "TopicController: a position is where the last commit left it") {
    open();
    publish_numbers(0, 5);
    CHECK_FALSE(topic->position("p"));
    CHECK_FALSE(topic->commit("p", Offset{4}));
    CHECK_FALSE(topic->commit("p", Offset{2}));
    CHECK(topic->position("p") == Offset{2});
    CHECK(topic->commit("p", Offset{6}) == Error::offset_out_of_range);
    CHECK(topic->position("p") == Offset{2});
    CHECK_FALSE(topic->commit("p", Offset{5}));
}

TEST_CASE_METHOD(TopicFixture, "TopicController: positions are listed by name") {
    open();
    publish_numbers(0, 5);
    CHECK_FALSE(topic->commit("b", Offset{1}));
    CHECK_FALSE(topic->commit("a", Offset{2}));
    CHECK(topic->positions() == std::vector<std::pair<std::string, Offset>>{{"a", Offset{2}}, {"b", Offset{1}}});
}

TEST_CASE_METHOD(TopicFixture, "TopicController: beyond the bound only known positions can be committed") {
    limits.positions_per_topic_max = 1;
    open();
    (void)publish("a");
    CHECK_FALSE(topic->commit("p", Offset{0}));
    CHECK(topic->commit("q", Offset{0}) == Error::too_many_positions);
    CHECK_FALSE(topic->commit("p", Offset{1}));
    CHECK(counters.positions_refused.value() == 1);
}

TEST_CASE_METHOD(TopicFixture, "TopicController: positions are charged to the budget") {
    open();
    REQUIRE(memory.try_charge(memory.bytes_max() - 200));
    CHECK_FALSE(topic->commit("p", Offset{0}));
    CHECK(topic->charged_bytes() > 0);
    CHECK(topic->commit("q", Offset{0}) == Error::memory_full);
    topic.reset();
    CHECK(memory.used_bytes() == memory.bytes_max() - 200);
}
