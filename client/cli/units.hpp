// Numbers as people write them: "10s", "64MiB", "2024-05-01T12:00:00Z", and back.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <tl/expected.hpp>

#include "leveret/client.hpp"

namespace leveret::cli {

/// A value, or a sentence that says what is wrong with the text.
template <class T>
using Parsed = tl::expected<T, std::string>;

/// "250us", "500ms", "10s", "5m", "2h", "7d", and sums such as "1h30m". "0" needs no unit; another bare number is an
/// error. What does not fit into microseconds is an error.
[[nodiscard]] Parsed<std::chrono::microseconds> parse_duration(std::string_view text);

/// "512", "512B", "10kB" (1000), "64KiB", "64K" (1024), and the same with M and G.
[[nodiscard]] Parsed<std::uint64_t> parse_bytes(std::string_view text);

/// "1000": digits and nothing else, from `least` on.
[[nodiscard]] Parsed<std::uint64_t> parse_number(std::string_view text, std::uint64_t least = 0);

/// "2024-05-01", "2024-05-01T12:00:00Z", fractions of a second, "+02:00" instead of "Z". Without either: UTC.
[[nodiscard]] Parsed<Timestamp> parse_time(std::string_view text);

/// "latest", "earliest", an offset, a time, or a duration before `now` ("-5m").
[[nodiscard]] Parsed<From> parse_from(std::string_view text, Timestamp now);

/// "2024-05-01T12:00:00.000000Z".
[[nodiscard]] std::string format_time(Timestamp time);

/// "512 B", "1.5 KiB", "64 MiB".
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

/// "250 us", "1.25 ms", "3.5 s".
[[nodiscard]] std::string format_duration(std::chrono::nanoseconds duration);

/// "1h30m": what parse_duration() reads back; "0" for none.
[[nodiscard]] std::string format_exact_duration(std::chrono::milliseconds duration);

// CLI11 options that read the texts above; a wrong one is a usage error with the sentence.
CLI::Option* add_duration(CLI::App& command, const std::string& name, std::optional<std::chrono::milliseconds>& into,
                          const std::string& help);
CLI::Option* add_bytes(CLI::App& command, const std::string& name, std::optional<std::uint64_t>& into,
                       const std::string& help);
CLI::Option* add_number(CLI::App& command, const std::string& name, std::optional<std::uint64_t>& into,
                        const std::string& help, std::uint64_t least = 0);
CLI::Option* add_from(CLI::App& command, From& into, const std::string& help);

}  // namespace leveret::cli
