// Who reads logs takes pauses while others publish, and only then.
#include <catch2/catch.hpp>

#include "stored_topic_fixture.hpp"

using namespace leveret;
using namespace leveret::test;
using namespace std::chrono_literals;

namespace {

struct PaceFixture : StoredTopicFixture {
    CatchUpMemory paced_memory{4U << 20U, nullptr, &pace};
    CatchUpPace pace{Environment{limits, clock, *random, memory, counters}, context.get_executor()};
    int went_on = 0;

    void others_publish(std::uint64_t records = 1) {
        (void)pace.read_bytes_now();
        counters.records_published.add(records);
    }
    void pass(std::uint64_t records, std::uint64_t published_meanwhile) {
        pace.pass(records, published_meanwhile, [this] { ++went_on; });
    }
    void advance(std::chrono::microseconds by) {
        run();  // the timer is set on the strand
        clock.advance(by);
        run();
    }
};

}  // namespace

TEST_CASE_METHOD(PaceFixture, "CatchUpPace: while nobody publishes readers do not pause, and read much at once") {
    pass(1000, 0);
    pass(1000, 0);
    CHECK(went_on == 2);
    CHECK(pace.read_bytes_now() == CatchUpPace::read_bytes);
    CHECK(counters.catch_up_pauses.value() == 0);
}

TEST_CASE_METHOD(PaceFixture, "CatchUpPace: while somebody publishes readers take turns, one in each pause") {
    others_publish();
    CHECK(pace.read_bytes_now() == CatchUpPace::paced_read_bytes);
    pass(1000, 1);
    pass(1000, 1);
    pass(1000, 1);
    advance(limits.catch_up_pause - 1us);
    CHECK(went_on == 0);
    for (int readers = 1; readers <= 3; ++readers) {
        advance(1us);
        CHECK(went_on == readers);
        advance(limits.catch_up_pause - 1us);
        CHECK(went_on == readers);
    }
    CHECK(counters.catch_up_pauses.value() == 3);
}

TEST_CASE_METHOD(PaceFixture, "CatchUpPace: a second after the last publish readers go on as fast as they can") {
    others_publish();
    CHECK(pace.read_bytes_now() == CatchUpPace::paced_read_bytes);
    clock.advance(CatchUpPace::live_for - 1us);
    CHECK(pace.read_bytes_now() == CatchUpPace::paced_read_bytes);
    clock.advance(1us);
    CHECK(pace.read_bytes_now() == CatchUpPace::read_bytes);
    pass(1000, 0);
    CHECK(went_on == 1);
}

TEST_CASE_METHOD(PaceFixture, "CatchUpPace: what was published long before a reader came says nothing about now") {
    (void)pace.read_bytes_now();
    clock.advance(1h);
    counters.records_published.add(1'000'000);
    CHECK(pace.read_bytes_now() == CatchUpPace::read_bytes);
}

TEST_CASE_METHOD(PaceFixture, "CatchUpPace: a reader that would not keep up with what is published does not pause") {
    others_publish();
    pass(1000, 500);
    CHECK(went_on == 1);
    pass(1000, 499);
    CHECK(went_on == 1);
    advance(limits.catch_up_pause);
    CHECK(went_on == 2);
}

TEST_CASE_METHOD(PaceFixture, "CatchUpPace: with catch_up_pause 0 nobody pauses") {
    limits.catch_up_pause = 0us;
    others_publish();
    CHECK(pace.read_bytes_now() == CatchUpPace::read_bytes);
    pass(1000, 0);
    CHECK(went_on == 1);
}

TEST_CASE_METHOD(PaceFixture,
                 "CatchUpPace: a replay beside a publisher gets one small part in each pause, and all of it") {
    const int last = 3000;  // each record has more than 32 bytes
    publish_kept(0, last);
    empty_buffer();
    TopicCursor cursor = topic->cursor_at_earliest();
    cursor.catch_up = std::make_shared<CatchUp>(paced_memory);
    others_publish();
    const std::string first = read_on(cursor);  // its first part: more was published before than it has read
    CHECK(first.size() < numbers(0, last).size());
    std::string text = first;
    for (int pauses = 1; text.size() < numbers(0, last).size(); ++pauses) {
        REQUIRE(pauses < 10);
        others_publish();
        advance(limits.catch_up_pause);
        CHECK(counters.catch_up_pauses.value() == static_cast<std::uint64_t>(pauses));
        text += read_on(cursor);
    }
    CHECK(text == numbers(0, last));
    CHECK(counters.catch_up_pauses.value() > 0);
}

TEST_CASE_METHOD(PaceFixture, "CatchUpPace: may go while readers pause") {
    publish_kept(0, 10);
    empty_buffer();
    CatchUpMemory small(1U << 20U, nullptr, nullptr);
    {
        CatchUpPace other(Environment{limits, clock, *random, memory, counters}, context.get_executor());
        (void)other.read_bytes_now();
        counters.records_published.add(1);
        other.pass(1000, 0, [block = small.allocate(1000, Offset{})] { FAIL("after its end"); });
        CHECK(small.budget().used_bytes() > 0);
        run();
    }
    CHECK(small.budget().used_bytes() == 0);
    clock.advance(1s);
    run();
}
