#include <limits>

#include <catch2/catch.hpp>

#include "topic_fixture.hpp"

using namespace leveret;
using namespace leveret::test;
using namespace std::chrono_literals;

TEST_CASE_METHOD(TopicFixture, "TopicController: records get consecutive offsets, and one time per append") {
    open();
    CHECK(publish_batch({"a", "b"}).first == Offset{0});
    clock.advance(1s);
    const AppendResult result = publish_batch({"c"});
    CHECK(result.first == Offset{2});
    CHECK(result.accepted == 1);
    CHECK(read_all() == "a b c ");
    CHECK(offsets(gathered) == std::vector<std::uint64_t>{0, 1, 2});
    CHECK(topic->figures().published == 3);
    CHECK(counters.records_published.value() == 3);
}

TEST_CASE_METHOD(TopicFixture, "TopicController: several batches in one append get a result each, in order") {
    open();
    const DraftBatch first{"a", "b"};
    const DraftBatch second{"c"};
    const std::array<Batch, 2> batches{first.batch(), second.batch()};
    int calls = 0;
    topic->append(batches, [&](std::span<AppendResult> results) {
        ++calls;
        REQUIRE(results.size() == 2);
        CHECK(results[0].first == Offset{0});
        CHECK(results[1].first == Offset{2});
    });
    CHECK(calls == 1);
    CHECK(read_all() == "a b c ");
}

TEST_CASE_METHOD(TopicFixture, "TopicController: an append from within an append's answer works") {
    open();
    const DraftBatch draft{"a"};
    const Batch batch = draft.batch();
    topic->append({&batch, 1}, [&](std::span<AppendResult> results) {
        CHECK(publish("b").first == Offset{1});
        CHECK(results.front().first == Offset{0});
    });
    CHECK(read_all() == "a b ");
}

TEST_CASE_METHOD(TopicFixture, "TopicController: timestamps do not go back when the wall clock does") {
    open();
    (void)publish("a");
    const Timestamp before = clock.wall_now();
    clock.set_wall(before - 1h);
    (void)publish("b");
    read_all();
    for (const Slice& slice : gathered.slices()) {
        for (const RecordView record : Records(slice.records)) {
            CHECK(record.timestamp() == before);
        }
    }
}

TEST_CASE_METHOD(TopicFixture, "TopicController: keeps the publisher's checksum verifiable, right or wrong") {
    open();
    (void)publish_batch({"right"});
    DraftBatch wrong{"wrong"};
    wrong.mutable_bytes().back() ^= std::byte{1};
    CHECK_FALSE(publish_batch(wrong).error);
    read_all();
    std::vector<bool> valid;
    for (const RecordView record : Records(gathered.slices().front().records)) {
        valid.push_back(has_valid_checksum(record));
    }
    CHECK(valid == std::vector<bool>{true, false});
}

TEST_CASE_METHOD(TopicFixture, "TopicController: cursors start at the latest, the earliest, an offset or a time") {
    open();
    publish_numbers(0, 3);
    clock.advance(1s);
    publish_numbers(3, 6);
    CHECK(topic->cursor_at_latest().next == Offset{6});
    CHECK(topic->cursor_at_earliest().next == Offset{0});
    CHECK(read_from(Offset{4}) == "4 5 ");
    CHECK(topic->cursor_at_time(clock.wall_now()).next == Offset{3});
    CHECK(topic->cursor_at_time(clock.wall_now() + 1us).next == Offset{6});
    CHECK(topic->cursor_at(Offset{6}).has_value());
    CHECK(topic->cursor_at(Offset{7}).error() == Error::offset_out_of_range);
}

TEST_CASE_METHOD(TopicFixture, "TopicController: a cursor goes on where it stopped") {
    open();
    publish_numbers(0, 3);
    TopicCursor cursor = topic->cursor_at_earliest();
    CHECK(read(cursor, 2) == "0 1 ");
    CHECK(read(cursor) == "2 ");
    CHECK(read(cursor).empty());
    publish_numbers(3, 4);
    CHECK(read(cursor) == "3 ");
}

TEST_CASE_METHOD(TopicFixture, "TopicController: a deleted topic takes and shows nothing, and gives its memory back") {
    open({.compaction_window_ms = 1000});
    (void)publish("key", "a");
    gathered.clear();
    topic->mark_deleted();
    CHECK(topic->is_deleted());
    CHECK(publish("b").error == Error::topic_deleted);
    CHECK(read_all().empty());
    CHECK(topic->commit("p", Offset{0}) == Error::topic_deleted);
    CHECK(memory.used_bytes() == 0);
    CHECK(topic->charged_bytes() == 0);
}

TEST_CASE_METHOD(TopicFixture, "TopicController: after trimming, cursors below learn what they missed") {
    open();
    publish_numbers(0, 5);
    CHECK(topic->trim(Offset{6}) == Error::offset_out_of_range);
    CHECK_FALSE(topic->trim(Offset{3}));
    CHECK(read_from(Offset{1}) == "3 4 ");
    CHECK(gathered.lagged()->from == Offset{1});
    CHECK(gathered.lagged()->to == Offset{3});
    CHECK(topic->figures().missed == 2);
    CHECK(topic->figures().evicted == 0);
    CHECK(topic->figures().first == Offset{3});
}
