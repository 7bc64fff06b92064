// What the client library costs by itself: no socket, no broker. Items are records with a payload of 128 bytes.
#include <string>

#include <benchmark/benchmark.h>

#include "bench_frames.hpp"
#include "ready_client.hpp"

using namespace leveret;
using namespace leveret::bench;

namespace {

constexpr std::uint32_t records_per_frame = full_frame_bytes / record_bytes_of(128);

/// One-way; a frame is taken away, as a write would, whenever it is full.
void send(benchmark::State& state) {
    ReadyClient client;
    const std::string text(128, 'x');
    const Message message{std::string_view(text)};
    std::uint32_t queued_records = 0;
    for (auto _ : state) {
        if (client.publisher.send(message)) {
            state.SkipWithError("send() refused a record");
        }
        if (++queued_records == records_per_frame) {
            client.write_all();
            queued_records = 0;
        }
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(send);

/// Receives a full Deliver frame and walks through its records. Argument: whether checksums are verified.
void receive(benchmark::State& state) {
    ReadyClient client({.verify_checksums = state.range(0) != 0});
    const BenchBatch draft(records_per_frame, record_bytes_of(128));
    const KernelBytes frame(deliver_frame(ReadyClient::subscription_handle, draft.batch()));
    std::uint64_t records = 0;
    for (auto _ : state) {
        client.receive(frame);
        records += client.take_deliveries();
        client.write_all();  // the credit that it gives back
    }
    benchmark::DoNotOptimize(client.payload_bytes);
    state.SetItemsProcessed(static_cast<std::int64_t>(records));
}
BENCHMARK(receive)->ArgName("verify")->Arg(0)->Arg(1);

}  // namespace
