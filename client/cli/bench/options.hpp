// What a benchmark is asked to do.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "command.hpp"

namespace leveret::cli {

struct BenchOptions {
    const char* mode = "throughput";  ///< as the reports call it
    CommonOptions common;
    std::size_t publishers = 1;
    std::size_t subscribers = 1;
    std::size_t topics = 1;
    std::size_t payload_bytes = 128;
    double seconds = 5;
    std::optional<std::uint64_t> messages;  ///< of all publishers; ends the run before `seconds` would
    std::uint64_t window_bytes = 16U << 20U;
    std::size_t frame_bytes = 64U << 10U;  ///< of one Publish frame
    std::size_t threads = 0;               ///< 0: one for each publisher and subscriber
    bool one_way = false;
    bool raw = false;
    double rate = 20'000;  ///< latency: records per second, of all publishers
    // roundtrip
    bool baseline = false;
    bool pin = false;
    std::optional<int> server_pid;
    // idle
    std::size_t connections = 1'000;
    bool zaichik = false;
};

/// Each subscriber reads topic `index % topics`; where topics outnumber subscribers, a subscriber reads several. The
/// same goes for publishers.
[[nodiscard]] constexpr bool works_on(std::size_t index, std::size_t workers, std::size_t topic,
                                      std::size_t topics) noexcept {
    return workers < topics ? topic % workers == index : index % topics == topic;
}

/// What each topic of a run is told to keep: several windows, so that whole blocks may go.
[[nodiscard]] std::uint64_t topic_bytes_for(const BenchOptions& options) noexcept;

/// Bytes of a record without key and headers, as it lies in a frame.
[[nodiscard]] std::size_t record_bytes_of(const BenchOptions& options) noexcept;

// The modes.
[[nodiscard]] ExitCode bench_throughput(const BenchOptions& options);
[[nodiscard]] ExitCode bench_raw_throughput(const BenchOptions& options);
[[nodiscard]] ExitCode bench_latency(const BenchOptions& options);
[[nodiscard]] ExitCode bench_roundtrip(const BenchOptions& options);
[[nodiscard]] ExitCode bench_idle(const BenchOptions& options);

}  // namespace leveret::cli
