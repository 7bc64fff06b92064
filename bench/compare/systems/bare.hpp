// Plain programs beside the brokers: a relay that reads 256 KiB at a time and waits for its writes, which a broker may
// beat, and what the disk does.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>

#include "bench/histogram.hpp"

namespace leveret::compare {

/// A relay without any idea of messages: one thread, epoll, what one read of up to 256 KiB brings from a publisher goes
/// to every subscriber. With one subscriber it is an echo across two sockets; with a hundred, a bare fan-out.
/// Returns only when it is killed.
void serve_relay(std::uint16_t port);

/// The program of make_bare_append(). Returns only when it is killed.
void serve_append(std::uint16_t port, const std::filesystem::path& file);

/// Bytes per second of appending to a file in pieces of `piece_bytes` for about `duration`, fdatasync at the end
/// included.
[[nodiscard]] double append_rate(const std::filesystem::path& folder, std::size_t piece_bytes,
                                 std::chrono::nanoseconds duration);
/// How long an append of 4 KiB with its fdatasync takes, again and again for about `duration`.
[[nodiscard]] cli::Histogram sync_latencies(const std::filesystem::path& folder, std::chrono::nanoseconds duration);
/// How late threads are that do nothing but sleep until something is due, each 50 µs, as many as there are processors:
/// what a latency on schedule has of the machine itself.
[[nodiscard]] cli::Histogram sleep_latencies(std::chrono::nanoseconds duration);

}  // namespace leveret::compare
