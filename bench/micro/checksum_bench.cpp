// CRC-32C: of a publisher's content, and the extension over what the broker stamps.
#include <vector>

#include <benchmark/benchmark.h>

#include "protocol/crc32c.hpp"

using namespace leveret;

namespace {

/// Argument: bytes.
void checksum(benchmark::State& state) {
    const std::vector<std::byte> bytes(static_cast<std::size_t>(state.range(0)), std::byte{'x'});
    for (auto _ : state) {
        benchmark::DoNotOptimize(crc32c(bytes));
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(checksum)->Arg(16)->Arg(128)->Arg(512)->Arg(1'024)->Arg(16'384);

/// What stamping adds to a publisher's checksum.
void checksum_of_stamped_fields(benchmark::State& state) {
    std::uint32_t previous = 0;
    std::uint64_t offset = 0;
    for (auto _ : state) {
        previous = crc32c_of_fields(160, offset++, 1'700'000'000'000'000, previous);
    }
    benchmark::DoNotOptimize(previous);
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(checksum_of_stamped_fields);

}  // namespace
