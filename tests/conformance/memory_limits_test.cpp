// The one bound on the broker's memory, and what it gives back.
#include <catch2/catch.hpp>

#include "conformance/native_peer.hpp"
#include "conformance/running_broker.hpp"

namespace leveret::test {
namespace {

Limits with_memory(std::uint64_t bytes) {
    Limits limits;
    limits.memory_bytes_max = bytes;
    return limits;
}

TEST_CASE("memory: at the bound the largest topic loses its oldest, and publishing goes on") {
    const RunningBroker broker(with_memory(4U << 20U));
    NativePeer peer(broker.port());
    const std::uint32_t topic = peer.open("a");
    const std::string payload(10'000, 'x');
    for (int i = 0; i < 1000; ++i) {
        REQUIRE(peer.publish(topic, {payload}).said() == "published");
    }
    CHECK(broker.memory_used_bytes() <= 4U << 20U);
    CHECK(broker.counters().records_evicted.value() > 0);
}

TEST_CASE("memory: where every topic has only its newest block, those that have most lose it, and publishing goes on") {
    const RunningBroker broker(with_memory(2U << 20U));
    NativePeer peer(broker.port());
    const std::string payload(100'000, 'x');
    std::uint32_t topic = 0;
    for (int i = 0; i < 50; ++i) {
        topic = peer.open("topic " + std::to_string(i));
        REQUIRE(peer.publish(topic, {payload}).said() == "published");
    }
    CHECK(broker.counters().records_evicted.value() > 0);
    CHECK(broker.memory_used_bytes() <= 2U << 20U);
    const std::uint32_t subscription = peer.subscribe(topic, from_earliest());
    CHECK(peer.take(subscription, 1) == "0:" + payload);
}

TEST_CASE("memory: an idle topic gives back what has expired") {
    ManualClock clock;
    BrokerOptions options;
    options.clock = &clock;
    const RunningBroker broker(options);
    NativePeer peer(broker.port());
    peer.create("a", {.retention_ttl_ms = 10'000, .compaction_window_ms = 10'000});
    const std::uint32_t topic = peer.open("a");
    for (int i = 0; i < 100; ++i) {
        peer.publish(topic, DraftBatch().add("key " + std::to_string(i), std::string(10'000, 'x')));
    }
    CHECK(broker.memory_used_bytes() > 900'000);
    wait_until([&] {
        clock.advance(std::chrono::seconds(1));
        return broker.counters().records_expired.value() == 100;
    });
    wait_until([&] { return broker.memory_used_bytes() < 20'000; });
    CHECK(broker.counters().records_evicted.value() == 0);
}

TEST_CASE("memory: a connection that ends gives back what it had") {
    const RunningBroker broker;
    {
        NativePeer peer(broker.port());
        std::vector<std::byte> half_a_frame(3U << 20U);
        native::write_header(half_a_frame.data(), {.length = 5U << 20U, .type = native::FrameType::publish});
        peer.send_bytes(half_a_frame);
        wait_until([&] { return broker.memory_used_bytes() > 3U << 20U; });
    }
    broker.wait_for_no_connection();
    wait_until([&] { return broker.memory_used_bytes() == 0; });
}

}  // namespace
}  // namespace leveret::test
