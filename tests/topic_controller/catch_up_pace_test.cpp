// Who reads logs takes pauses while others publish, and only then.
#include <catch2/catch.hpp>

#include "stored_topic_fixture.hpp"

using namespace leveret;
using namespace leveret::test;
using namespace std::chrono_literals;

namespace {

struct CountingReader final : PacedReader {
    int went_on = 0;
    void go_on() noexcept override { ++went_on; }
};

struct PaceFixture : StoredTopicFixture {
    std::shared_ptr<CatchUpPace> pace = make_pace();
    CatchUpMemory paced_memory{4U << 20U, nullptr, pace.get()};
    std::vector<std::shared_ptr<CountingReader>> readers;

    std::shared_ptr<CatchUpPace> make_pace() {
        return std::make_shared<CatchUpPace>(Environment{limits, clock, *random, memory, counters},
                                             context.get_executor());
    }
    /// Somebody, on any topic.
    void others_publish() {
        (void)pace->look_for_read_bytes();
        counters.records_published.add(1);
    }
    std::shared_ptr<CountingReader> pausing_reader() {
        readers.push_back(std::make_shared<CountingReader>());
        CHECK(pace->pause(readers.back()));
        return readers.back();
    }
    [[nodiscard]] int went_on() const {
        int count = 0;
        for (const auto& each : readers) {
            count += each->went_on;
        }
        return count;
    }
    void advance(std::chrono::microseconds by) {
        run();  // the timer is set on the strand
        clock.advance(by);
        run();
    }
    /// Publishes, and puts all of it where only the log has it.
    void store(int first, int last) {
        publish_kept(first, last);
        empty_buffer();
    }
    TopicCursor paced_cursor() {
        TopicCursor cursor = topic->cursor_at_earliest();
        cursor.catch_up = std::make_shared<CatchUp>(paced_memory);
        paced_memory.enter(cursor.catch_up);
        return cursor;
    }
};

}  // namespace

TEST_CASE_METHOD(PaceFixture, "CatchUpPace: while nobody publishes readers do not pause, and read much at once") {
    CHECK_FALSE(pace->pause(std::make_shared<CountingReader>()));
    CHECK(pace->look_for_read_bytes() == CatchUpPace::read_bytes);
    CHECK(counters.catch_up_pauses.value() == 0);
}

TEST_CASE_METHOD(PaceFixture, "CatchUpPace: while somebody publishes readers take turns, one in each pause") {
    others_publish();
    CHECK(pace->look_for_read_bytes() == CatchUpPace::paced_read_bytes);
    for (int i = 0; i < 3; ++i) {
        pausing_reader();
    }
    advance(limits.catch_up_pause - 1us);
    CHECK(went_on() == 0);
    for (std::size_t i = 0; i < readers.size(); ++i) {
        advance(1us);
        CHECK(readers[i]->went_on == 1);
        CHECK(went_on() == static_cast<int>(i) + 1);
        advance(limits.catch_up_pause - 1us);
    }
    CHECK(went_on() == 3);
    CHECK(counters.catch_up_pauses.value() == 3);
}

TEST_CASE_METHOD(PaceFixture, "CatchUpPace: soon after the last publish readers go on as fast as they can") {
    others_publish();
    CHECK(pace->look_for_read_bytes() == CatchUpPace::paced_read_bytes);
    clock.advance(CatchUpPace::live_for - 1us);
    CHECK(pace->look_for_read_bytes() == CatchUpPace::paced_read_bytes);
    clock.advance(1us);
    CHECK(pace->look_for_read_bytes() == CatchUpPace::read_bytes);
    CHECK_FALSE(pace->pause(std::make_shared<CountingReader>()));
}

TEST_CASE_METHOD(PaceFixture, "CatchUpPace: all who pause go on together when nobody publishes any more") {
    limits.catch_up_pause = CatchUpPace::live_for;
    others_publish();
    for (int i = 0; i < 3; ++i) {
        pausing_reader();
    }
    advance(limits.catch_up_pause);
    CHECK(went_on() == 3);
    CHECK(counters.catch_up_pauses.value() == 1);
}

TEST_CASE_METHOD(PaceFixture, "CatchUpPace: what was published long before a reader came says nothing about now") {
    counters.records_published.add(1'000'000);
    CHECK(pace->look_for_read_bytes() == CatchUpPace::read_bytes);
    clock.advance(1h);
    counters.records_published.add(1'000'000);
    CHECK(pace->look_for_read_bytes() == CatchUpPace::read_bytes);
}

TEST_CASE_METHOD(PaceFixture, "CatchUpPace: with catch_up_pause 0 nobody pauses") {
    limits.catch_up_pause = 0us;
    others_publish();
    CHECK(pace->look_for_read_bytes() == CatchUpPace::read_bytes);
    CHECK_FALSE(pace->pause(std::make_shared<CountingReader>()));
}

TEST_CASE_METHOD(PaceFixture, "CatchUpPace: a reader that has gone takes no turn") {
    others_publish();
    pausing_reader();
    const auto last = pausing_reader();
    readers.clear();
    advance(limits.catch_up_pause);
    CHECK(last->went_on == 1);
}

TEST_CASE_METHOD(PaceFixture, "CatchUpPace: at a stop everybody goes on, and nobody pauses any more") {
    limits.catch_up_pause = 1s;
    others_publish();
    for (int i = 0; i < 3; ++i) {
        pausing_reader();
    }
    run();
    pace->stop();
    run();
    CHECK(went_on() == 3);
    others_publish();
    CHECK_FALSE(pace->pause(std::make_shared<CountingReader>()));
}

TEST_CASE_METHOD(PaceFixture, "CatchUpPace: may go while readers pause, whatever is on its way to it") {
    others_publish();
    pausing_reader();
    SECTION("the timer is to be set") {}
    SECTION("the timer is set") {
        run();
    }
    SECTION("the timer has fired") {
        run();
        clock.advance(limits.catch_up_pause);
    }
    SECTION("it was told to stop") {
        pace->stop();
    }
    pace.reset();
    run();
    advance(1s);
    CHECK(went_on() == 0);
}

TEST_CASE_METHOD(PaceFixture,
                 "CatchUpPace: a replay beside a publisher gets a small part in each pause, and all of it") {
    const int last = 6000;  // more than 32 bytes each
    store(0, last);
    TopicCursor cursor = paced_cursor();
    others_publish();
    std::string text;
    std::uint64_t pauses = 0;
    for (; text.size() < numbers(0, last).size(); ++pauses) {
        REQUIRE(pauses < 10);
        text += read_on(cursor);
        others_publish();
        advance(limits.catch_up_pause);
    }
    CHECK(text == numbers(0, last));
    CHECK(counters.catch_up_pauses.value() > 2);
}

TEST_CASE_METHOD(PaceFixture,
                 "CatchUpPace: readers of a topic that grows get nearer to its end, however many they are") {
    constexpr int stored = 8000;
    constexpr int grown_per_pause = 200;  // ten readers and one part of 1,900 in each pause: not enough by turns alone
    store(0, stored);
    std::vector<TopicCursor> cursors;
    for (int i = 0; i < 10; ++i) {
        cursors.push_back(paced_cursor());
    }
    std::vector<std::string> texts(cursors.size());
    int end = stored;
    for (int pauses = 0; pauses < 60; ++pauses) {
        others_publish();
        store(end, end + grown_per_pause);
        end += grown_per_pause;
        for (std::size_t i = 0; i < cursors.size(); ++i) {
            texts[i] += read_on(cursors[i]);
        }
        advance(limits.catch_up_pause);
    }
    CHECK(counters.catch_up_pauses.value() > 0);
    for (std::size_t i = 0; i < cursors.size(); ++i) {
        const int next = static_cast<int>(cursors[i].next.value);
        CHECK(end - next < stored / 2);
        CHECK(texts[i] == numbers(0, next));
    }
}

TEST_CASE_METHOD(PaceFixture,
                 "CatchUpPace: a reader that pauses lets go of what it holds for others, and loses nothing") {
    store(0, 6000);
    TopicCursor cursor = paced_cursor();
    others_publish();
    REQUIRE(topic->arm(reader, cursor));
    run();
    CHECK(paced_memory.budget().used_bytes() > 0);
    cursor.catch_up->let_go();
    CHECK(paced_memory.budget().used_bytes() == 0);
    advance(limits.catch_up_pause);
    CHECK(reader->woken > 0);
    clock.advance(1s);
    CHECK(read_on(cursor) == numbers(0, 6000));
}

TEST_CASE_METHOD(PaceFixture, "CatchUpPace: a reader that goes while it pauses leaves nothing behind") {
    store(0, 6000);
    TopicCursor cursor = paced_cursor();
    others_publish();
    REQUIRE(topic->arm(reader, cursor));
    run();
    cursor.catch_up.reset();
    CHECK(paced_memory.budget().used_bytes() <= Block::allocation_bytes_for(CatchUpPace::paced_read_bytes));  // a spare
    advance(limits.catch_up_pause);
    CHECK(reader->woken == 0);
}
