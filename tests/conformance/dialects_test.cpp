// Both dialects on one port, and topics that they share.
#include <catch2/catch.hpp>

#include "conformance/native_peer.hpp"
#include "conformance/running_broker.hpp"
#include "conformance/zaichik_peer.hpp"

namespace leveret::test {
namespace {

struct Dialects {
    RunningBroker broker;
    ZaichikPeer zaichik{broker.port()};
    NativePeer native{broker.port()};
    std::uint32_t topic = native.open("a");
};

TEST_CASE_METHOD(Dialects, "dialects: what one publishes the other receives") {
    const std::uint32_t subscription = native.subscribe(topic);
    zaichik.subscribe("a");
    zaichik.publish("a", "key", "from zaichik");
    CHECK(zaichik.next_and_commit() == "a/key/from zaichik");
    CHECK(native.take(subscription, 1) == "0:from zaichik");
    native.publish(topic, DraftBatch().add("key", "from native"));
    CHECK(native.take(subscription, 1) == "1:from native");
    CHECK(zaichik.next() == "a/key/from native");
}

TEST_CASE_METHOD(Dialects, "dialects: a record of a zaichik publisher has a checksum that holds") {
    static_cast<void>(native.subscribe(topic));
    zaichik.publish("a", "key", "message");
    const std::vector<std::byte> delivered = native.next_delivered_bytes();
    const auto record = check_record(delivered);
    REQUIRE(record);
    CHECK(has_valid_checksum(*record));
    CHECK(record->key() == "key");
}

TEST_CASE_METHOD(Dialects, "dialects: a key that is no UTF-8 is left out for a zaichik subscriber, and counted") {
    zaichik.subscribe("a");
    broker.wait_for(&Counters::subscriptions, 1);
    native.publish(topic, DraftBatch().add("\xC3\x28", "message"));
    CHECK(zaichik.next_and_commit() == "a/-/message");
    CHECK(broker.counters().deliveries_recoded.value() == 1);
    native.publish(topic, DraftBatch().add("ключ", "message"));
    CHECK(zaichik.next() == "a/ключ/message");
}

TEST_CASE_METHOD(Dialects, "dialects: a tombstone reaches a zaichik subscriber with an empty payload") {
    zaichik.subscribe("a");
    broker.wait_for(&Counters::subscriptions, 1);
    native.publish(topic, DraftBatch().add({.key = "key", .tombstone = true}));
    CHECK(zaichik.next() == "a/key/");
}

TEST_CASE_METHOD(Dialects, "dialects: a topic that one has configured keeps its settings against the other") {
    native.create("b", {.retention_ttl_ms = 1});
    zaichik.create_topic("b", 2);
    zaichik.create_topic("c", 3);
    zaichik.subscribe("c");
    zaichik.publish("c", "done");
    CHECK(zaichik.next() == "c/-/done");
    CHECK(broker.registry().find("b")->settings().retention_ttl_ms == 1);
    CHECK(native.create("c", {.retention_ttl_ms = 4}) == "topic_exists");
    CHECK(native.create("c", {.retention_ttl_ms = 3}) == "ok");
}

}  // namespace
}  // namespace leveret::test
