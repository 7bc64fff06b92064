// Publishing in the native dialect: acknowledgements, atomic batches, duplicates, one-way.
#include <catch2/catch.hpp>

#include "conformance/native_peer.hpp"
#include "conformance/running_broker.hpp"

namespace leveret::test {
namespace {

using native::FrameType;

struct NativePublish {
    RunningBroker broker;
    NativePeer peer{broker.port()};
    std::uint32_t topic = peer.open("a");

    std::string published(const DraftBatch& batch) { return text(peer.publish(topic, batch).as<native::Published>()); }
    std::uint64_t end() {
        const Answer answer = peer.request(FrameType::open_topic, native::TopicName{"a"});
        return answer.as<native::TopicOpened>().next.value;
    }
};

struct NativeWindow : NativePublish {
    NativeWindow() { peer.create("a", {.compaction_window_ms = 3'600'000}); }
};

TEST_CASE_METHOD(NativePublish, "native publish: an acknowledgement says the first offset and how many were taken") {
    CHECK(published({"x"}) == "0+1");
    CHECK(published({"y", "z"}) == "1+2");
    CHECK(published({"w"}) == "3+1");
}

TEST_CASE_METHOD(NativePublish,
                 "native publish: a batch with a wrong record is refused whole, with the record's index") {
    DraftBatch batch{"good", "good", "wrong", "good"};
    // The third record's layout, a byte that only 1 is known for.
    const std::size_t record = record_bytes({.payload = as_bytes("good")});
    batch.mutable_bytes()[2 * record + record_layout::layout_at] = std::byte{9};
    const Answer answer = peer.publish(topic, batch);
    CHECK(answer.said() == "bad_record");
    CHECK(answer.error().detail == 2);
    CHECK(end() == 0);
}

TEST_CASE_METHOD(NativePublish, "native publish: more or fewer records than were announced are refused") {
    CHECK(peer.publish(topic, {"x", "y"}, {.record_count = 1}).said() == "bad_record");
    CHECK(peer.publish(topic, {"x", "y"}, {.record_count = 3}).said() == "bad_record");
    CHECK(end() == 0);
}

TEST_CASE_METHOD(NativePublish, "native publish: control records are refused") {
    DraftBatch batch{"x"};
    batch.mutable_bytes()[record_layout::attributes_at] = std::byte{record_layout::control};
    CHECK(peer.publish(topic, batch).said() == "bad_record");
}

TEST_CASE_METHOD(NativePublish, "native publish: what is reserved for later is not supported") {
    CHECK(peer.publish(topic, {"x"}, {.producer_id = 1}).said() == "not_supported");
    CHECK(peer.publish(topic, {"x"}, {.durability = Durability::sync}).said() == "not_supported");
    CHECK(peer.publish(topic, {"x"}, {.partition = {1}}).said() == "unknown_partition");
    CHECK(end() == 0);
}

TEST_CASE_METHOD(NativeWindow, "native publish: duplicates within the window are listed, the others taken") {
    CHECK(published(DraftBatch().add("k1", "a").add("k2", "b")) == "0+2");
    CHECK(published(DraftBatch().add("k1", "c").add("k3", "d").add("k3", "e").add({.payload = as_bytes("f")})) ==
          "2+2 without 0,2");
    CHECK(published(DraftBatch().add("k1", "g")) == "4+0 without 0");
    CHECK(broker.counters().records_duplicate.value() == 3);
}

TEST_CASE_METHOD(NativePublish, "native publish: one-way is silent where it succeeds, and an Error where it fails") {
    peer.post_publish(topic, {"silent"}, native::flags::one_way);
    const Correlation failing = peer.post_publish(topic, {"x"}, native::flags::one_way, {.partition = {1}});
    const Answer answer = peer.next_answer();
    CHECK(answer.said() == "unknown_partition");
    CHECK(answer.header.correlation == failing);
    CHECK(end() == 1);
}

TEST_CASE_METHOD(NativePublish, "native publish: topics that take turns in one connection keep their orders") {
    const std::uint32_t other = peer.open("b");
    const std::uint32_t in_a = peer.subscribe(topic);
    const std::uint32_t in_b = peer.subscribe(other);
    for (const std::string_view payload : {"0", "1", "2", "3"}) {
        peer.post_publish(topic, {payload}, native::flags::one_way);
        peer.post_publish(other, {payload}, native::flags::one_way);
    }
    CHECK(peer.take(in_a, 4) == "0:0 1:1 2:2 3:3");
    CHECK(peer.take(in_b, 4) == "0:0 1:1 2:2 3:3");
}

TEST_CASE_METHOD(NativePublish, "native publish: a record arrives as its publisher wrote it, and vouches for itself") {
    const std::vector<Header> headers{{"trace", as_bytes("42")}, {"flag", std::nullopt}};
    const DraftBatch batch =
        DraftBatch().add({.payload = as_bytes("message"), .key = "\xFF not UTF-8", .headers = headers});
    static_cast<void>(peer.subscribe(topic));
    peer.publish(topic, batch);
    NativePeer late(broker.port());
    const std::uint32_t topic_of_late = late.open("a");
    static_cast<void>(late.subscribe(topic_of_late, from_earliest()));
    const std::vector<std::byte> delivered = late.next_delivered_bytes();
    REQUIRE(delivered.size() == batch.bytes().size());
    const auto content = [](Bytes bytes) { return as_text(bytes.subspan(record_layout::attributes_at)); };
    CHECK(content(delivered) == content(batch.bytes()));
    const auto record = check_record(delivered);
    REQUIRE(record);
    CHECK(has_valid_checksum(*record));
    CHECK(record->timestamp() > Timestamp{});
}

TEST_CASE_METHOD(NativePublish,
                 "native publish: a checksum that was wrong from the start is not made good on the way") {
    DraftBatch batch{"message"};
    batch.mutable_bytes().back() ^= std::byte{1};
    peer.publish(topic, batch);
    static_cast<void>(peer.subscribe(topic, from_earliest()));
    const std::vector<std::byte> delivered = peer.next_delivered_bytes();
    CHECK_FALSE(has_valid_checksum(RecordView(delivered.data())));
}

}  // namespace
}  // namespace leveret::test
