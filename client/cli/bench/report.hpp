// What a benchmark prints.
#pragma once

#include <cstdint>
#include <string>

#include "bench/bench_server.hpp"
#include "bench/histogram.hpp"
#include "record_text.hpp"

namespace leveret::cli {

/// What the publishers and subscribers of one run saw, added up.
struct RunResult {
    std::uint64_t published = 0;
    std::uint64_t publish_failed = 0;
    std::uint64_t delivered = 0;
    std::uint64_t missed = 0;
    std::uint64_t out_of_order = 0;
    std::uint64_t corrupt = 0;
    std::uint64_t not_delivered = 0;      ///< expected, and neither delivered nor missed when the run was given up
    std::chrono::nanoseconds elapsed{0};  ///< from the first publish to the last delivery
    Histogram delivery_latency;
    Histogram acknowledgement_latency;
    Histogram send_delay;  ///< how late the benchmark itself sent, where it keeps a schedule
    std::string failure;   ///< the first thing that went wrong, as a sentence

    [[nodiscard]] bool is_lossless() const noexcept {
        return publish_failed + missed + out_of_order + corrupt + not_delivered == 0 && failure.empty();
    }
};

/// {"p50_us":…,"p99_us":…,"p999_us":…,"max_us":…,"samples":…}
[[nodiscard]] Json json_of(const Histogram& histogram);
/// "p50 45 us   p99 120 us   p99.9 1.2 ms   max 3 ms"
[[nodiscard]] std::string text_of(const Histogram& histogram);

/// Prints the run and says whether it lost nothing: `ok`, else `failed`, with a word on standard error.
[[nodiscard]] ExitCode report_run(const BenchOptions& options, const RunResult& result, const ServerFigures& before,
                                  const ServerFigures& after);

}  // namespace leveret::cli
