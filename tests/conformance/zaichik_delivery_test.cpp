// What reaches a zaichik subscriber, and what happens to the topics of those who come and go.
#include <thread>

#include <catch2/catch.hpp>

#include "conformance/running_broker.hpp"
#include "conformance/zaichik_peer.hpp"

namespace leveret::test {
namespace {

constexpr std::uint64_t an_hour_ms = 3'600'000;

TEST_CASE("zaichik: a publisher gets its own messages") {
    const RunningBroker broker;
    ZaichikPeer peer(broker.port());
    peer.subscribe("a");
    peer.publish("a", "key", "message");
    CHECK(peer.next() == "a/key/message");
}

TEST_CASE("zaichik: names and keys of any letters") {
    const RunningBroker broker;
    ZaichikPeer peer(broker.port());
    peer.subscribe("зайчик");
    peer.subscribe("#test#default");
    peer.publish("зайчик", "ключ", "兔");
    CHECK(peer.next_and_commit() == "зайчик/ключ/兔");
    peer.publish("#test#default", "BTC-USDT", "1");
    CHECK(peer.next() == "#test#default/BTC-USDT/1");
}

TEST_CASE("zaichik: with a retention time what is retained comes first, then what is live, in order") {
    const RunningBroker broker;
    ZaichikPeer producer(broker.port());
    producer.create_topic("a", an_hour_ms);
    producer.publish("a", "1");
    producer.publish("a", "2");
    broker.wait_for(&Counters::records_published, 2);
    ZaichikPeer consumer(broker.port());
    consumer.subscribe("a");
    CHECK(consumer.next_and_commit() == "a/-/1");
    producer.publish("a", "3");
    CHECK(consumer.take(2) == "a/-/2 a/-/3 ");
}

TEST_CASE("zaichik: without a retention time a subscription begins with what comes from then on") {
    const RunningBroker broker;
    ZaichikPeer peer(broker.port());
    peer.publish("a", "before");
    peer.subscribe("a");
    peer.publish("a", "after");
    CHECK(peer.next() == "a/-/after");
}

TEST_CASE("zaichik: a key within the compaction window is dropped, keyless messages are not") {
    const RunningBroker broker;
    ZaichikPeer peer(broker.port());
    peer.create_topic("a", 0, an_hour_ms);
    peer.subscribe("a");
    peer.publish("a", "key", "1");
    peer.publish("a", "key", "dropped");
    peer.publish("a", "", "empty key");
    peer.publish("a", "", "dropped");
    peer.publish("a", "keyless");
    peer.publish("a", "keyless");
    CHECK(peer.take(4) == "a/key/1 a//empty key a/-/keyless a/-/keyless ");
}

TEST_CASE("zaichik: a busy topic does not keep a quiet one waiting") {
    const RunningBroker broker;
    ZaichikPeer peer(broker.port());
    peer.subscribe("busy");
    peer.subscribe("quiet");
    peer.publish("busy", "first");
    CHECK(peer.next() == "busy/-/first");
    for (int i = 0; i < 100; ++i) {
        peer.publish("busy", "more");
    }
    peer.publish("quiet", "hush");
    peer.commit();
    CHECK(peer.take(3).find("quiet/-/hush") != std::string::npos);
}

TEST_CASE("zaichik: who lags continues at the oldest that is left, and it is counted") {
    Limits limits;
    limits.topic_records_max = 4;
    const RunningBroker broker(limits);
    ZaichikPeer peer(broker.port());
    peer.subscribe("a");
    peer.publish("a", "0");
    CHECK(peer.next() == "a/-/0");
    for (int i = 1; i < 10; ++i) {
        peer.publish("a", std::to_string(i));
    }
    peer.commit();
    CHECK(peer.take(4) == "a/-/6 a/-/7 a/-/8 a/-/9 ");
    CHECK(broker.counters().records_missed.value() == 5);
}

TEST_CASE("zaichik: a message of five megabytes arrives whole") {
    const RunningBroker broker;
    ZaichikPeer peer(broker.port());
    std::string payload(5U << 20U, 'x');
    payload.replace(payload.size() / 2, 6, "middle");
    peer.subscribe("a");
    peer.publish("a", payload);
    CHECK((peer.next_and_commit() == "a/-/" + payload));
    peer.publish("a", "small");
    CHECK(peer.next() == "a/-/small");
}

TEST_CASE("zaichik: a peer that is gone takes nothing from its topic, and nobody else notices") {
    const RunningBroker broker;
    ZaichikPeer dead(broker.port());
    ZaichikPeer alive(broker.port());
    alive.create_topic("a", an_hour_ms);
    alive.subscribe("a");
    alive.publish("a", "1");
    CHECK(alive.next() == "a/-/1");
    dead.subscribe("a");
    CHECK(dead.next_and_commit() == "a/-/1");
    dead.socket().vanish();
    wait_until([&] { return broker.counters().connections.value() == 1; });
    alive.publish("a", "2");
    alive.commit();
    CHECK(alive.next() == "a/-/2");
    CHECK(broker.counters().records_delivered.value() == 3);
    CHECK(broker.counters().subscriptions.value() == 1);

    ZaichikPeer later(broker.port());
    later.subscribe("a");
    CHECK(later.take(2) == "a/-/1 a/-/2 ");
}

TEST_CASE("zaichik: frames that came before their sender's end are carried out") {
    const RunningBroker broker;
    {
        ZaichikPeer peer(broker.port());
        for (int i = 0; i < 1000; ++i) {
            peer.publish("a", "message");
        }
    }
    broker.wait_for(&Counters::connections_accepted, 1);
    broker.wait_for_no_connection();
    CHECK(broker.counters().records_published.value() == 1000);
}

TEST_CASE("zaichik: a half frame before its sender's end is forgotten") {
    const RunningBroker broker;
    ZaichikPeer peer(broker.port());
    peer.publish("a", "whole");
    std::vector<std::byte> bytes;
    zaichik::encode(zaichik::Publish{"a", std::nullopt, as_bytes("half")}, bytes);
    peer.send_bytes(Bytes(bytes).first(bytes.size() - 1));
    peer.socket().end_sending();
    CHECK(peer.is_closed());
    CHECK(broker.counters().records_published.value() == 1);
}

TEST_CASE("zaichik: the first settings that a topic gets stay, and nobody is told") {
    RunningBroker broker;
    ZaichikPeer peer(broker.port());
    peer.create_topic("a", 1000, 2000);
    peer.create_topic("a", 3000, 4000);
    peer.subscribe("a");
    peer.publish("a", "done");
    CHECK(peer.next() == "a/-/done");
    CHECK(broker.registry().find("a")->settings().retention_ttl_ms == 1000);
    CHECK(broker.registry().find("a")->settings().compaction_window_ms == 2000);
}

TEST_CASE("zaichik: a topic that a Subscribe has made keeps its settings, too") {
    RunningBroker broker;
    ZaichikPeer peer(broker.port());
    peer.subscribe("a");
    peer.create_topic("a", 1000);
    peer.publish("a", "done");
    CHECK(peer.next() == "a/-/done");
    CHECK(broker.registry().find("a")->settings().retention_ttl_ms == 0);
}

TEST_CASE("zaichik: connections that create a topic at the same moment get one and the same") {
    constexpr int creators = 4;
    constexpr int topics = 50;
    RunningBroker broker;
    std::vector<std::thread> threads;
    for (int creator = 1; creator <= creators; ++creator) {
        threads.emplace_back([&broker, creator] {
            ZaichikPeer peer(broker.port());
            for (int i = 0; i < topics; ++i) {
                const std::string topic = "topic " + std::to_string(i);
                peer.create_topic(topic, an_hour_ms * static_cast<std::uint64_t>(creator));
                peer.publish(topic, std::to_string(creator));
            }
            peer.close();
            static_cast<void>(peer.is_closed());
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(broker.registry().size() == topics);
    for (const TopicPtr& topic : broker.registry().list("", topics)) {
        CHECK(topic->figures().records == creators);
    }
}

}  // namespace
}  // namespace leveret::test
