// One run: a fresh server, publishers and subscribers in processes of their own, and what was seen of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "system.hpp"

namespace leveret::compare {

enum class ClientKind { library, raw };

enum class Pace {
    as_fast_as_delivered,  ///< at most a window ahead of the slowest subscriber, so that nothing is lost
    on_schedule,           ///< at a fixed rate, whatever happens: latencies count from when a message was due
    one_at_a_time,         ///< the next when the one before has been delivered: one process publishes and subscribes
};

/// Which processors the server and the clients stay on.
struct Placement {
    std::optional<unsigned> server{};
    std::optional<unsigned> clients{};
};

struct RunPlan {
    const System* system = nullptr;
    ClientKind client = ClientKind::library;
    Work work{};                           ///< of one lane
    std::size_t lanes = 1;                 ///< pairs of a publisher and a subscriber, each with topics of its own
    std::size_t subscribers_per_lane = 1;  ///< connections, in one process
    Pace pace = Pace::as_fast_as_delivered;
    double rate = 0;                     ///< messages a second, on schedule
    std::uint64_t warm_up_messages = 0;  ///< delivered before measuring begins
    Placement placement{};
    std::size_t idle_connections = 0;
    std::size_t idle_topics = 0;
    /// Asked just before measuring ends, for what only one system knows.
    std::function<void(std::uint16_t port, struct RunResult& result)> look{};
};

struct RunSettings {
    std::chrono::duration<double> warm_up{0.3};
    std::chrono::duration<double> seconds{1};
    std::uint64_t window_bytes = 16U << 20U;  ///< payload and 32 bytes a message, not delivered yet
};

struct Latencies {
    std::uint64_t count = 0;
    std::int64_t p50_ns = 0;
    std::int64_t p90_ns = 0;
    std::int64_t p99_ns = 0;
    std::int64_t p999_ns = 0;
    std::int64_t max_ns = 0;
};
[[nodiscard]] Latencies latencies_of(const cli::Histogram& histogram);

struct RunResult {
    std::string failure;  ///< empty, or why nothing else here means anything
    /// Of all processors' time: what neither the server nor the clients used. Nothing where the run did not look: then
    /// its caller does.
    std::optional<double> other_busy_share{};
    std::optional<double> deliveries_per_second{};
    std::optional<double> bytes_per_second{};  ///< of payload, delivered
    std::optional<double> server_cpu_seconds_per_million{};
    std::optional<std::uint64_t> server_memory_peak_bytes{};
    std::optional<Latencies> latencies{};
    std::optional<double> memory_per_connection_bytes{};
    std::optional<double> memory_per_key_bytes{};
    std::optional<std::uint64_t> window_keys{};
};

/// Starts everything, measures, stops everything. A failure is in the result, never thrown.
[[nodiscard]] RunResult run(const RunPlan& plan, const RunSettings& settings);

/// Resident memory per connection of `count` that have subscribed to one topic and are idle.
[[nodiscard]] RunResult measure_idle_connections(const System& system, std::size_t count);

}  // namespace leveret::compare
