// What a record costs on its way through a topic. Items are records, so the time of one is 1 s / items_per_second.
#include <benchmark/benchmark.h>

#include "bench_topic.hpp"

using namespace leveret;
using namespace leveret::bench;

namespace {

constexpr std::size_t frame_bytes_max = 8U << 20U;

void count_records(benchmark::State& state, std::uint64_t records_per_iteration) {
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) *
                            static_cast<std::int64_t>(records_per_iteration));
}

/// A publish: the structure is checked, the records are copied and stamped. Arguments: records per batch, bytes per
/// record.
void publish(benchmark::State& state) {
    const BenchTopic bench;
    const BenchBatch draft(static_cast<std::uint32_t>(state.range(0)), static_cast<std::size_t>(state.range(1)));
    const Batch batch = draft.batch();
    for (auto _ : state) {
        std::uint32_t bad_index = 0;
        if (check_batch(batch.records, batch.record_count, frame_bytes_max, &bad_index)) {
            state.SkipWithError("the batch is wrong");
        }
        bench.append(batch);
    }
    count_records(state, batch.record_count);
}
BENCHMARK(publish)->Args({1, 128})->Args({400, 128})->Args({400, 64})->Args({64, 1024})->Args({4, 65'536});

void check(benchmark::State& state) {
    const BenchBatch draft(static_cast<std::uint32_t>(state.range(0)), 128);
    const Batch batch = draft.batch();
    for (auto _ : state) {
        std::uint32_t bad_index = 0;
        benchmark::DoNotOptimize(check_batch(batch.records, batch.record_count, frame_bytes_max, &bad_index));
    }
    count_records(state, batch.record_count);
}
BENCHMARK(check)->Arg(400);

void stamp(benchmark::State& state) {
    BenchBatch draft(400, 128);
    const Batch batch = draft.batch();
    for (auto _ : state) {
        std::uint64_t offset = 0;
        for (const RecordView record : Records(batch.records)) {
            stamp_record(const_cast<std::byte*>(record.bytes().data()), Offset{offset++}, Timestamp{});
        }
    }
    count_records(state, batch.record_count);
}
BENCHMARK(stamp);

/// A reader that goes round and round through a full buffer. Argument: bytes per gather.
void gather(benchmark::State& state) {
    const BenchTopic bench;
    const BenchBatch draft(400, 128);
    for (std::size_t bytes = 0; bytes < bench.limits.topic_bytes_max; bytes += draft.batch().records.size()) {
        bench.append(draft.batch());
    }
    TopicCursor cursor = bench.topic->cursor_at_earliest();
    Gathered gathered;
    std::uint64_t records = 0;
    for (auto _ : state) {
        bench.topic->gather(cursor, static_cast<std::size_t>(state.range(0)), ~std::uint64_t{0}, gathered);
        records += gathered.records();
        if (gathered.empty()) {
            cursor = bench.topic->cursor_at_earliest();
        }
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(records));
}
BENCHMARK(gather)->Arg(128)->Arg(4'096)->Arg(65'536)->Arg(262'144);

/// Publishes a batch and delivers it to a reader who looks at every record's first bytes, as a write to a socket would.
/// Argument: 0, or bytes retained when it begins.
void publish_and_gather(benchmark::State& state) {
    const BenchTopic bench({.retention_bytes = 1U << 30U});
    const BenchBatch draft(400, 128);
    while (bench.topic->charged_bytes() < static_cast<std::uint64_t>(state.range(0))) {
        bench.append(draft.batch());
    }
    TopicCursor cursor = bench.topic->cursor_at_latest();
    Gathered gathered;
    for (auto _ : state) {
        bench.append(draft.batch());
        bench.topic->gather(cursor, 262'144, ~std::uint64_t{0}, gathered);
        benchmark::DoNotOptimize(gathered.bytes());
    }
    count_records(state, 400);
}
BENCHMARK(publish_and_gather)->Arg(0)->Arg(1U << 29U);

}  // namespace
