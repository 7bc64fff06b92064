// What a SubscriptionManager does for a delivery: from a topic into a WriteBatch. Items are records.
#include <benchmark/benchmark.h>

#include "bench_frames.hpp"
#include "subscription_manager/manager_fixture.hpp"

using namespace leveret;
using namespace leveret::bench;

namespace {

/// A topic whose buffer is full of records with a payload of 128 bytes.
void fill_topic(test::ManagerWorld& world) {
    const TopicPtr topic = world.create_topic("topic", {.retention_ttl_ms = 3'600'000});
    const BenchBatch draft(400, record_bytes_of(128));
    const Batch batch = draft.batch();
    for (std::size_t bytes = 0; bytes < world.limits.topic_bytes_max; bytes += batch.records.size()) {
        topic->append({&batch, 1}, [](std::span<AppendResult>) {});
    }
}

void count_delivered(benchmark::State& state, const test::ManagerWorld& world) {
    state.SetItemsProcessed(static_cast<std::int64_t>(world.counters.records_delivered.value()));
}

/// A subscriber that goes round and round through a full buffer. Argument: bytes per write.
void deliver_native(benchmark::State& state) {
    test::ManagerWorld world;
    world.limits.deliver_bytes_max = static_cast<std::size_t>(state.range(0));
    fill_topic(world);
    test::NativeClient client(world);
    const std::uint32_t topic = client.open("topic");
    client.stop_writing();
    client.send(test::subscribe(topic, test::from_earliest()));
    const auto to_earliest = test::frame(native::FrameType::seek, native::Seek{.start = test::from_earliest().start}, 0,
                                         1 /* the first subscription's handle */);
    WriteBatch batch;
    for (auto _ : state) {
        client.manager->collect(batch);
        if (batch.empty()) {
            client.send(to_earliest);
        }
        batch.consume(batch.bytes());
    }
    count_delivered(state, world);
}
BENCHMARK(deliver_native)->Arg(1'024)->Arg(65'536)->Arg(262'144);

/// A Commit, and the record that it asks for.
void deliver_zaichik(benchmark::State& state) {
    test::ManagerWorld world;
    fill_topic(world);
    const ByteVector subscribe = zaichik_frame(zaichik::Subscribe{"topic"});
    const ByteVector commit = zaichik_frame(zaichik::Commit{});
    test::ZaichikClient client(world, zaichik::Subscribe{"topic"});
    client.stop_writing();
    WriteBatch batch;
    for (auto _ : state) {
        benchmark::DoNotOptimize(client.manager->receive(commit));
        client.manager->collect(batch);
        if (batch.empty()) {
            client.send(subscribe);  // from the earliest again
        }
        batch.consume(batch.bytes());
    }
    count_delivered(state, world);
}
BENCHMARK(deliver_zaichik);

}  // namespace
