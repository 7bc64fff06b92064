#include <string>

#include <catch2/catch.hpp>

#include "subscription_manager/manager_fixture.hpp"

using namespace leveret;
using namespace leveret::test;
using native::FrameType;

namespace {

/// How many bytes of records came before the first Deliver frame of `subscription`.
std::size_t bytes_before(const std::vector<ReceivedFrame>& frames, std::uint32_t subscription) {
    std::size_t bytes = 0;
    for (const ReceivedFrame& frame : frames) {
        if (frame.header.type == FrameType::deliver) {
            if (frame.header.handle == subscription) {
                return bytes;
            }
            bytes += frame.body.size();
        }
    }
    return std::string::npos;
}

void fill(ManagerWorld& world, std::string_view topic, std::size_t bytes) {
    for (std::size_t published = 0; published < bytes; published += 10'000) {
        world.publish(topic, std::string(10'000, 'x'));
    }
}

}  // namespace

TEST_CASE("NativeManager: a quiet topic has its turn soon while a busy one has megabytes to deliver") {
    ManagerWorld world;
    NativeClient client(world);
    const std::uint32_t busy = client.subscribe_to("busy");
    const std::uint32_t quiet = client.subscribe_to("quiet");
    client.stop_writing();
    fill(world, "busy", 4U << 20U);
    world.publish("quiet", "hello");
    client.go_on_writing();
    const auto frames = client.received();
    CHECK(bytes_before(frames, quiet) < 128U << 10U);
    CHECK(bytes_before(frames, busy) == 0);
}

TEST_CASE("NativeManager: a single busy topic gets whole writes") {
    ManagerWorld world;
    NativeClient client(world);
    client.subscribe_to("busy");
    client.stop_writing();
    fill(world, "busy", 2U << 20U);
    client.batches_written = 0;
    client.go_on_writing();
    CHECK(client.batches_written < 20);
}

TEST_CASE("NativeManager: ten thousand topics with a record each are all delivered") {
    constexpr int topics = 10'000;
    ManagerWorld world;
    NativeClient client(world);
    for (int i = 0; i < topics; ++i) {
        client.subscribe_to("topic " + std::to_string(i));
    }
    client.stop_writing();
    for (int i = 0; i < topics; ++i) {
        world.publish("topic " + std::to_string(i), "record");
    }
    client.go_on_writing();
    std::size_t delivered = 0;
    for (const ReceivedFrame& frame : client.received()) {
        delivered += frame.header.type == FrameType::deliver && frame.payloads() == "record " ? 1 : 0;
    }
    CHECK(delivered == topics);
}

TEST_CASE("NativeManager: one write has about as many bytes in flight as it may") {
    ManagerWorld world;
    world.limits.deliver_bytes_max = 64U << 10U;
    NativeClient client(world);
    for (int i = 0; i < 10; ++i) {
        client.subscribe_to("topic " + std::to_string(i));
        fill(world, "topic " + std::to_string(i), 100'000);
    }
    WriteBatch batch;
    client.stop_writing();
    fill(world, "topic 0", 100'000);
    fill(world, "topic 1", 100'000);
    world.run();
    client.manager->collect(batch);
    CHECK(batch.bytes() < 2 * world.limits.deliver_bytes_max);
}
