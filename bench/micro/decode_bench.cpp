// Frames from a full read buffer of the broker. Items are frames.
#include <benchmark/benchmark.h>

#include "bench_frames.hpp"

using namespace leveret;
using namespace leveret::bench;

namespace {

constexpr std::size_t read_bytes = 256U << 10U;
constexpr std::size_t frame_bytes_max = 8U << 20U;

/// As many copies of `frame` as a read buffer holds.
ByteVector full_buffer(const ByteVector& frame) {
    ByteVector bytes;
    while (bytes.size() + frame.size() <= read_bytes) {
        test::append(bytes, frame);
    }
    return bytes;
}

/// Headers and Publish bodies; the records in them are another benchmark's. Argument: records in a frame.
void decode_native(benchmark::State& state) {
    const BenchBatch draft(static_cast<std::uint32_t>(state.range(0)), record_bytes_of(128));
    const ByteVector bytes = full_buffer(publish_frame(1, draft.batch()));
    std::int64_t frames = 0;
    for (auto _ : state) {
        for (Bytes rest(bytes); !rest.empty(); ++frames) {
            const auto frame = native::decode(rest, frame_bytes_max).value();
            benchmark::DoNotOptimize(native::Publish::decode(frame->body).value());
            rest = rest.subspan(frame->header.length);
        }
    }
    state.SetItemsProcessed(frames);
}
BENCHMARK(decode_native)->Arg(1)->Arg(400);

/// Argument: bytes of the payload.
void decode_zaichik(benchmark::State& state) {
    const ByteVector payload(static_cast<std::size_t>(state.range(0)), std::byte{'x'});
    const ByteVector bytes = full_buffer(zaichik_frame(zaichik::Publish{"topic", "key", payload}));
    std::int64_t frames = 0;
    for (auto _ : state) {
        for (Bytes rest(bytes); !rest.empty(); ++frames) {
            const auto decoded = zaichik::decode(rest, frame_bytes_max).value();
            benchmark::DoNotOptimize(decoded->frame);
            rest = rest.subspan(decoded->bytes);
        }
    }
    state.SetItemsProcessed(frames);
}
BENCHMARK(decode_zaichik)->Arg(0)->Arg(128);

}  // namespace
