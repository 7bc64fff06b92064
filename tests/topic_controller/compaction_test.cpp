#include <catch2/catch.hpp>

#include "topic_fixture.hpp"

using namespace leveret;
using namespace leveret::test;
using namespace std::chrono_literals;

namespace {

struct CompactedTopic : TopicFixture {
    CompactedTopic() { open({.compaction_window_ms = 1000}); }
    std::vector<RecordView> all_records() {
        read_all();
        std::vector<RecordView> records;
        for (const Slice& slice : gathered.slices()) {
            for (const RecordView record : Records(slice.records)) {
                records.push_back(record);
            }
        }
        return records;
    }
};

}  // namespace

TEST_CASE_METHOD(CompactedTopic, "TopicController: a duplicate key is dropped and named, and takes no offset") {
    CHECK(publish("k", "a").accepted == 1);
    const AppendResult dropped = publish("k", "b");
    CHECK_FALSE(dropped.error);
    CHECK(dropped.accepted == 0);
    CHECK(dropped.duplicates == std::vector<std::uint32_t>{0});
    CHECK(dropped.first == Offset{1});
    CHECK(read_all() == "a ");
    CHECK(topic->figures().duplicates == 1);
    CHECK(counters.records_duplicate.value() == 1);
}

TEST_CASE_METHOD(CompactedTopic,
                 "TopicController: exactly one window later a key is accepted again, and keyless always") {
    (void)publish("k", "a");
    clock.advance(999ms + 999us);
    CHECK(publish("k", "b").accepted == 0);
    CHECK(publish("keyless").accepted == 1);
    CHECK(publish("keyless").accepted == 1);
    clock.advance(1us);
    CHECK(publish("k", "c").accepted == 1);
}

TEST_CASE_METHOD(CompactedTopic, "TopicController: duplicates within a batch are dropped, the rest stays in order") {
    const DraftBatch draft = DraftBatch()
                                 .add("a", "1")
                                 .add("b", "2")
                                 .add("a", "3")
                                 .add({.payload = as_bytes("4")})
                                 .add("b", "5")
                                 .add("c", "6");
    const AppendResult result = publish_batch(draft);
    CHECK(result.duplicates == std::vector<std::uint32_t>{2, 4});
    CHECK(result.accepted == 4);
    CHECK(read_all() == "1 2 4 6 ");
    CHECK(offsets(gathered) == std::vector<std::uint64_t>{0, 1, 2, 3});
}

TEST_CASE_METHOD(CompactedTopic, "TopicController: what is left of a batch ends with a record that says so") {
    (void)publish_batch(DraftBatch().add("a", "1").add("b", "2").add("b", "3").add("a", "4"));
    const auto records = all_records();
    REQUIRE(records.size() == 2);
    CHECK(records[0].has(record_layout::more_in_batch));
    CHECK_FALSE(records[1].has(record_layout::more_in_batch));
    CHECK(has_valid_checksum(records[1]));
}

TEST_CASE_METHOD(CompactedTopic,
                 "TopicController: a batch whose new last record has a wrong checksum is refused whole") {
    DraftBatch draft = DraftBatch().add("a", "1").add("b", "2").add("a", "3");
    const std::size_t second_ends = draft.bytes().size() * 2 / 3;
    draft.mutable_bytes()[second_ends - 1] ^= std::byte{1};
    const AppendResult refused = publish_batch(draft);
    CHECK(refused.error == Error::bad_record);
    CHECK(refused.duplicates.empty());
    CHECK(topic->figures().window_keys == 0);
    CHECK(topic->figures().next == Offset{0});
}

TEST_CASE_METHOD(CompactedTopic, "TopicController: a full window refuses the batch whole, and takes none of its keys") {
    limits.window_keys_max = 2;
    open({.compaction_window_ms = 1000});
    (void)publish("a", "1");
    const AppendResult refused = publish_batch(DraftBatch().add("b", "2").add("c", "3"));
    CHECK(refused.error == Error::window_full);
    CHECK(counters.window_full.value() == 1);
    CHECK(topic->figures().window_keys == 1);
    CHECK(publish("b", "2").accepted == 1);
}

TEST_CASE_METHOD(CompactedTopic, "TopicController: the window lasts as long as ever where the wall clock is set") {
    for (const auto jump : {-1h, 1h, 1h, -1h}) {
        const std::string key = "k" + std::to_string(clock.wall_now().time_since_epoch().count());
        (void)publish(key, "a");
        clock.set_wall(clock.wall_now() + jump);
        clock.advance(999ms);
        CHECK(publish(key, "b").accepted == 0);
        clock.advance(1ms);
        CHECK(publish(key, "c").accepted == 1);
    }
}

TEST_CASE_METHOD(CompactedTopic,
                 "TopicController: what is old in the window is forgotten in time where the clock is set") {
    (void)publish("k", "a");
    (void)topic->expire(clock.wall_now());
    clock.set_wall(clock.wall_now() - 1h);
    const auto due = topic->expire(clock.wall_now());
    REQUIRE(due);
    CHECK(*due <= clock.wall_now() + 1s);
    clock.advance(1s);
    (void)topic->expire(clock.wall_now());
    CHECK(topic->figures().window_keys == 0);
}

TEST_CASE_METHOD(CompactedTopic, "TopicController: switched off, the window forgets and costs nothing") {
    (void)publish("k", "a");
    topic->configure({});
    CHECK(topic->figures().window_keys == 0);
    CHECK(publish("k", "b").accepted == 1);
    topic->configure({.compaction_window_ms = 1000});
    CHECK(publish("k", "c").accepted == 1);
}

TEST_CASE_METHOD(CompactedTopic, "TopicController: an idle topic forgets its keys by time and gives the memory back") {
    (void)publish("k", "a");
    const std::uint64_t with_window = topic->charged_bytes();
    REQUIRE(scheduled == std::vector<Timestamp>{clock.wall_now() + 1s});
    clock.advance(1s);
    CHECK_FALSE(topic->expire(clock.wall_now()));
    CHECK(topic->figures().window_keys == 0);
    CHECK(topic->charged_bytes() < with_window);
}
