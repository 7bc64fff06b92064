// Where subscriptions begin, what they are told when records are gone, filters, Seek.
#include <catch2/catch.hpp>

#include "conformance/native_peer.hpp"
#include "conformance/running_broker.hpp"

namespace leveret::test {
namespace {

using native::FrameType;
using Kind = native::Start::Kind;

struct NativeSubscribe {
    NativeSubscribe() : NativeSubscribe(TopicSettings{}) {}
    explicit NativeSubscribe(const TopicSettings& settings) { peer.create("a", settings); }

    RunningBroker broker;
    NativePeer peer{broker.port()};
    std::uint32_t topic = peer.open("a");

    std::string refusal(const native::Subscribe& how) { return peer.request(FrameType::subscribe, how, topic).said(); }
    std::string seek(std::uint32_t subscription, const native::Start& start) {
        return peer.request(FrameType::seek, native::Seek{.start = start}, subscription).said();
    }
    Timestamp timestamp_of(std::uint64_t offset) {
        const native::Fetch fetch{.start = start_at(Kind::offset, offset)};
        const Answer answer = peer.request(FrameType::fetch, fetch, topic);
        return RecordView(answer.as<native::Fetched>().records.data()).timestamp();
    }
    std::uint32_t subscribe_to_keys(std::vector<std::string_view> keys) {
        native::Subscribe how = from_earliest();
        how.filter_keys = std::move(keys);
        return peer.subscribe(topic, how);
    }
};

struct KeepsFour : NativeSubscribe {
    KeepsFour() : NativeSubscribe({.retention_records = 4}) {}
};

TEST_CASE_METHOD(NativeSubscribe, "native subscribe: the latest is what comes from now on") {
    peer.publish_each(topic, {"old"});
    const std::uint32_t subscription = peer.subscribe(topic, from_latest());
    peer.publish_each(topic, {"new"});
    CHECK(peer.take(subscription, 1) == "1:new");
}

TEST_CASE_METHOD(NativeSubscribe, "native subscribe: the earliest is the oldest that is kept, then what is live") {
    peer.publish_each(topic, {"old"});
    const std::uint32_t subscription = peer.subscribe(topic, from_earliest());
    peer.publish_each(topic, {"new"});
    CHECK(peer.take(subscription, 2) == "0:old 1:new");
}

TEST_CASE_METHOD(NativeSubscribe, "native subscribe: an offset, up to the end and not beyond it") {
    peer.publish_each(topic, {"0", "1"});
    const std::uint32_t middle = peer.subscribe(topic, from(Kind::offset, 1));
    const std::uint32_t end = peer.subscribe(topic, from(Kind::offset, 2));
    peer.publish_each(topic, {"2"});
    CHECK(peer.take(middle, 2) == "1:1 2:2");
    CHECK(peer.take(end, 1) == "2:2");
    CHECK(refusal(from(Kind::offset, 4)) == "offset_out_of_range");
}

TEST_CASE_METHOD(NativeSubscribe, "native subscribe: a time is the first record stamped at or after it") {
    peer.publish_each(topic, {"0"});
    const auto first = static_cast<std::uint64_t>(timestamp_of(0).time_since_epoch().count());
    const std::uint32_t at = peer.subscribe(topic, from(Kind::timestamp, first));
    CHECK(peer.take(at, 1) == "0:0");
    const std::uint32_t in_a_year = peer.subscribe(topic, from(Kind::timestamp, first + 31'536'000'000'000));
    peer.publish_each(topic, {"1"});
    CHECK(peer.take(in_a_year, 1) == "1:1");  // no such record yet: the latest
}

TEST_CASE_METHOD(NativeSubscribe, "native subscribe: a position, or the fallback where nobody has committed it") {
    peer.publish_each(topic, {"0", "1"});
    const std::uint32_t earliest = peer.subscribe(topic, from_position("p", Kind::earliest));
    const std::uint32_t latest = peer.subscribe(topic, from_position("p", Kind::latest));
    CHECK(peer.commit(topic, "p", 1) == "ok");
    const std::uint32_t committed = peer.subscribe(topic, from_position("p"));
    peer.publish_each(topic, {"2"});
    CHECK(peer.take(earliest, 3) == "0:0 1:1 2:2");
    CHECK(peer.take(latest, 1) == "2:2");
    CHECK(peer.take(committed, 2) == "1:1 2:2");
}

TEST_CASE_METHOD(NativeSubscribe, "native subscribe: positions move with commits, also back, and not beyond the end") {
    peer.publish_each(topic, {"0", "1"});
    CHECK(peer.commit(topic, "p", 2) == "ok");
    CHECK(peer.commit(topic, "p", 1) == "ok");
    CHECK(peer.commit(topic, "p", 3) == "offset_out_of_range");
    CHECK(peer.commit(topic, "", 1) == "bad_position_name");
    const std::uint32_t subscription = peer.subscribe(topic, from_position("p"));
    CHECK(peer.take(subscription, 1) == "1:1");
}

TEST_CASE_METHOD(NativeSubscribe, "native subscribe: a one-way commit is silent, and counts") {
    peer.publish_each(topic, {"0", "1"});
    peer.post(FrameType::commit, native::Commit{.offset = {1}, .position = "p"}, topic, native::flags::one_way);
    const std::uint32_t subscription = peer.subscribe(topic, from_position("p"));
    CHECK(peer.take(subscription, 1) == "1:1");
}

TEST_CASE_METHOD(NativeSubscribe, "native subscribe: what cannot be is refused") {
    native::Subscribe how = from_latest();
    how.partition = {1};
    CHECK(refusal(how) == "unknown_partition");
    CHECK(refusal(from_position("")) == "bad_position_name");
    how = from_latest();
    how.flags = 2;
    CHECK(refusal(how) == "not_supported");
    how = from_latest();
    how.expected.id.bytes[0] = 1;
    CHECK(refusal(how) == "topic_changed");
}

TEST_CASE_METHOD(KeepsFour, "native subscribe: Lagged says exactly what was missed, and deliveries go on behind it") {
    native::Subscribe one_record = from_earliest();
    one_record.credit_records = 1;
    const std::uint32_t subscription = peer.subscribe(topic, one_record);
    peer.publish_each(topic, {"0"});
    CHECK(peer.take(subscription, 1) == "0:0");
    peer.publish_each(topic, {"1", "2", "3", "4", "5", "6", "7", "8", "9"});
    peer.grant(subscription, 100);
    CHECK(peer.take(subscription, 5) == "lagged(1,6) 6:6 7:7 8:8 9:9");
    CHECK(broker.counters().records_missed.value() == 5);
}

TEST_CASE_METHOD(KeepsFour, "native subscribe: an offset that is gone is told as missed") {
    peer.publish_each(topic, {"0", "1", "2", "3", "4", "5"});
    const std::uint32_t subscription = peer.subscribe(topic, from(Kind::offset, 0));
    CHECK(peer.take(subscription, 5) == "lagged(0,2) 2:2 3:3 4:4 5:5");
}

TEST_CASE_METHOD(NativeSubscribe, "native subscribe: a filter lets exactly its keys through") {
    const std::uint32_t subscription = subscribe_to_keys({"usd", "", "eur"});
    peer.publish(topic, DraftBatch().add("eur", "1").add("eurs", "x").add("eu", "x").add("", "2"));
    peer.publish(topic, DraftBatch{"keyless"}.add("usd", "3").add("EUR", "x"));
    CHECK(peer.take(subscription, 3) == "0:1 3:2 5:3");
    CHECK(peer.is_silent(subscription));
}

TEST_CASE_METHOD(NativeSubscribe, "native subscribe: a filter has at most 64 keys") {
    std::vector<std::string> names;
    for (int i = 0; i < 65; ++i) {
        names.push_back("key " + std::to_string(i));
    }
    native::Subscribe how = from_latest();
    how.filter_keys.assign(names.begin(), names.end());
    CHECK(refusal(how) == "too_many_filter_keys");
    how.filter_keys.pop_back();
    const std::uint32_t subscription = peer.subscribe(topic, how);
    peer.publish(topic, DraftBatch().add("key 64", "x").add("key 63", "y"));
    CHECK(peer.take(subscription, 1) == "1:y");
}

TEST_CASE_METHOD(NativeSubscribe,
                 "native subscribe: a filtered subscription's credit is spent on what it wants alone") {
    native::Subscribe how = from_earliest();
    how.filter_keys = {"k"};
    how.credit_records = 1;
    const std::uint32_t subscription = peer.subscribe(topic, how);
    peer.publish(topic, DraftBatch().add("x", "0").add("k", "1").add("x", "2").add("k", "3"));
    CHECK(peer.take(subscription, 1) == "1:1");
    CHECK(peer.is_silent(subscription));
    peer.grant(subscription, 1);
    CHECK(peer.take(subscription, 1) == "3:3");
}

TEST_CASE_METHOD(NativeSubscribe, "native subscribe: several subscriptions to one topic have places of their own") {
    peer.publish_each(topic, {"0"});
    const std::uint32_t one = peer.subscribe(topic, from_earliest());
    const std::uint32_t two = peer.subscribe(topic, from_latest());
    peer.publish_each(topic, {"1"});
    CHECK(peer.take(one, 2) == "0:0 1:1");
    CHECK(peer.take(two, 1) == "1:1");
}

TEST_CASE_METHOD(NativeSubscribe, "native subscribe: nothing comes after Unsubscribe") {
    const std::uint32_t subscription = peer.subscribe(topic);
    CHECK(peer.unsubscribe(subscription) == "ok");
    peer.publish_each(topic, {"0"});
    CHECK(peer.is_silent(subscription));
    CHECK(peer.unsubscribe(subscription) == "unknown_subscription");
}

TEST_CASE_METHOD(NativeSubscribe, "native subscribe: Seek goes on elsewhere, back and forth") {
    peer.publish_each(topic, {"0", "1", "2"});
    const std::uint32_t subscription = peer.subscribe(topic, from_earliest());
    CHECK(peer.take(subscription, 3) == "0:0 1:1 2:2");
    CHECK(seek(subscription, start_at(Kind::offset, 1)) == "subscribed");
    CHECK(peer.take(subscription, 2) == "1:1 2:2");
    CHECK(seek(subscription, start_at(Kind::earliest)) == "subscribed");
    CHECK(peer.take(subscription, 3) == "0:0 1:1 2:2");
    CHECK(seek(subscription, start_at(Kind::offset, 9)) == "offset_out_of_range");
    CHECK(peer.is_silent(subscription));
}

TEST_CASE_METHOD(NativeSubscribe, "native subscribe: what is stalled at Seek's answer is of the new place") {
    native::Subscribe one_record = from_earliest();
    one_record.credit_records = 1;
    peer.publish_each(topic, {"0", "1", "2"});
    const std::uint32_t subscription = peer.subscribe(topic, one_record);
    CHECK(peer.take(subscription, 1) == "0:0");
    CHECK(seek(subscription, start_at(Kind::offset, 2)) == "subscribed");
    peer.grant(subscription, 9);
    CHECK(peer.take(subscription, 1) == "2:2");
}

}  // namespace
}  // namespace leveret::test
