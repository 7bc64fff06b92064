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
    as_fast_as_answered,   ///< nobody subscribes; answers to publishes are counted as deliveries. StoredSystem only
    one_answer_at_a_time,  ///< the same, the next when the one before has been answered
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
    double rate = 0;                              ///< messages a second, on schedule
    std::uint64_t warm_up_messages = 0;           ///< delivered before measuring begins
    std::optional<std::uint64_t> window_bytes{};  ///< instead of the settings' window, where that is less
    Placement placement{};
    std::size_t idle_connections = 0;
    std::size_t idle_topics = 0;
    /// Asked just before measuring ends, for what only one system knows.
    std::function<void(std::uint16_t port, struct RunResult& result)> look{};
    /// What one more process does meanwhile: it calls get_ready() (participants.hpp) and ends when the run is over.
    std::function<void(std::uint16_t port, class SharedRun& shared)> beside{};
};

struct RunSettings {
    std::chrono::duration<double> warm_up{0.3};
    std::chrono::duration<double> seconds{1};
    std::uint64_t window_bytes = 16U << 20U;  ///< payload and 32 bytes a message, not delivered yet
    std::filesystem::path data_folder{};      ///< stored workloads keep their data in folders of their own in it
    std::uint64_t replay_records = 2'000'000;
    std::uint64_t recovery_bytes = 10'000'000'000;  ///< of records, their headers included
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
    std::optional<double> acknowledged_per_second{};
    std::optional<double> ready_after_stop_seconds{};  ///< from the server's start until it has answered
    std::optional<double> ready_after_kill_seconds{};
    std::optional<double> memory_per_topic_bytes{};            ///< that was published to, and is idle
    std::optional<double> memory_per_restarted_topic_bytes{};  ///< that nobody has used since the server started
};

/// Starts everything, measures, stops everything. A failure is in the result, never thrown.
[[nodiscard]] RunResult run(const RunPlan& plan, const RunSettings& settings);

/// The same on a server that runs already and has the topics.
[[nodiscard]] RunResult run_on(const class ServerProcess& server, const RunPlan& plan, const RunSettings& settings);

/// Resident memory per connection of `count` that have subscribed to one topic and are idle.
[[nodiscard]] RunResult measure_idle_connections(const System& system, std::size_t count);

}  // namespace leveret::compare
