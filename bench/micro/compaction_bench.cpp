// What a key costs in a compaction window. Items are records.
#include <algorithm>
#include <array>
#include <chrono>

#include <benchmark/benchmark.h>

#include "bench_topic.hpp"

using namespace leveret;
using namespace leveret::bench;

namespace {

constexpr std::chrono::microseconds length = std::chrono::seconds(1);

/// A window that holds this many keys while batches of new ones come and old ones are forgotten. Argument: keys.
void accept_new_keys(benchmark::State& state) {
    constexpr std::size_t batch_keys = 400;
    MemoryBudget memory(4ULL << 30U);
    const auto random = make_random(1);
    CompactionWindow window(memory, *random, 1U << 30U);
    const auto keys = static_cast<std::uint64_t>(state.range(0));
    std::array<std::array<std::uint64_t, 2>, batch_keys> numbers{};
    std::array<std::string_view, batch_keys> batch;
    std::array<CompactionWindow::Verdict, batch_keys> verdicts{};
    std::uint64_t key = 0;
    const auto accept_next = [&] {
        for (std::size_t i = 0; i < batch_keys; ++i) {
            numbers[i][0] = key++;
            batch[i] = as_text(std::as_bytes(std::span(numbers[i])));
        }
        const WindowTime now(std::chrono::microseconds(key * 1'000'000 / keys));
        benchmark::DoNotOptimize(window.accept(batch, now, length, verdicts));
    };
    while (key < keys) {
        accept_next();
    }
    for (auto _ : state) {
        accept_next();
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * batch_keys));
    state.counters["bytes_per_key"] = static_cast<double>(window.charged_bytes()) / static_cast<double>(window.keys());
}
BENCHMARK(accept_new_keys)->Arg(1'000)->Arg(100'000)->Arg(130'000)->Arg(10'000'000);  // 130'000 fill their table

/// The longest append of 400 new keys while a window grows to ten million of them: nothing may stop for long.
void grow(benchmark::State& state) {
    for (auto _ : state) {
        const BenchTopic bench({.compaction_window_ms = 3'600'000});
        BenchBatch draft(400, 128);
        std::chrono::nanoseconds longest{};
        for (std::uint64_t key = 0; key < 10'000'000; key += 400) {
            draft.write_keyed(key, 8);
            const SteadyTime before = system_clock().steady_now();
            bench.append(draft.batch());
            longest = std::max<std::chrono::nanoseconds>(longest, system_clock().steady_now() - before);
        }
        state.counters["longest_append_us"] = static_cast<double>(longest.count()) / 1000;
    }
    state.SetItemsProcessed(10'000'000 * static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(grow)->Unit(benchmark::kMillisecond)->Iterations(1);

/// Publishes keyed batches of which every record is a duplicate.
void publish_duplicates(benchmark::State& state) {
    const BenchTopic bench({.compaction_window_ms = 3'600'000});
    BenchBatch draft(400, 128);
    draft.write_keyed(0, 88);
    for (auto _ : state) {
        bench.append(draft.batch());
    }
    state.SetItemsProcessed(400 * static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(publish_duplicates);

}  // namespace
