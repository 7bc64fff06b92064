#include "run.hpp"

#include <array>
#include <fstream>
#include <stdexcept>
#include <thread>

#include <fmt/core.h>
#include <unistd.h>

#include "child_processes.hpp"
#include "participants.hpp"
#include "raw.hpp"
#include "server_process.hpp"

namespace leveret::compare {
namespace {

constexpr std::chrono::seconds prepare_timeout{60};
constexpr std::chrono::seconds drain_timeout{30};     ///< without any delivery
constexpr std::chrono::milliseconds settle_time{20};  ///< for deliveries that should not come
constexpr std::chrono::milliseconds look_interval{2};

/// Waits for something that the participants do; throws where one of them fails, or it takes too long.
void wait_until(SharedRun& shared, const char* what, std::chrono::seconds timeout, const std::function<bool()>& is_so) {
    const auto deadline = SteadyClock::now() + timeout;
    while (!is_so()) {
        if (shared.head().failures > 0) {
            throw std::runtime_error(shared.head().failure.data());
        }
        if (SteadyClock::now() > deadline) {
            throw std::runtime_error(fmt::format("{} took more than {} s", what, timeout.count()));
        }
        std::this_thread::sleep_for(look_interval);
    }
}

/// The state of the counters at one moment.
struct Sample {
    SteadyClock::time_point time;
    std::uint64_t deliveries;
    std::chrono::nanoseconds server;
    std::chrono::nanoseconds ours;
    std::chrono::nanoseconds machine;
};

Sample take_sample(SharedRun& shared, const ChildProcesses& participants, const ServerProcess& server) {
    Sample sample{
        SteadyClock::now(), shared.deliveries(), processor_time_of(server.process()), {}, machine_busy_time()};
    sample.ours = sample.server + participants.processor_time() + processor_time_of(::getpid());
    return sample;
}

void compare_samples(const Sample& before, const Sample& after, std::size_t payload_bytes, RunResult& result) {
    const std::chrono::duration<double> elapsed = after.time - before.time;
    const auto deliveries = static_cast<double>(after.deliveries - before.deliveries);
    result.deliveries_per_second = deliveries / elapsed.count();
    result.bytes_per_second = *result.deliveries_per_second * static_cast<double>(payload_bytes);
    const std::chrono::duration<double> server = after.server - before.server;
    if (deliveries > 0) {
        result.server_cpu_seconds_per_million = server.count() / deliveries * 1e6;
    }
    const std::chrono::duration<double> others = (after.machine - before.machine) - (after.ours - before.ours);
    const auto processors = static_cast<double>(std::thread::hardware_concurrency());
    result.other_busy_share = std::max(0.0, others.count() / (elapsed.count() * processors));
}

void start_participants(const RunPlan& plan, const RunSettings& settings, std::uint16_t port, SharedRun& shared,
                        ChildProcesses& participants) {
    const std::optional<unsigned> processor = plan.placement.clients;
    if (plan.pace == Pace::one_at_a_time) {
        participants.start([&] { make_round_trips(plan, port, shared); }, processor);
        return;
    }
    for (std::size_t lane = 0; lane < plan.lanes; ++lane) {
        participants.start([&] { subscribe_in_lane(plan, port, lane, shared); }, processor);
        participants.start([&] { publish_in_lane(plan, settings, port, lane, shared); }, processor);
    }
}

void measure(const RunPlan& plan, const RunSettings& settings, const ServerProcess& server, SharedRun& shared,
             ChildProcesses& participants, RunResult& result) {
    SharedRun::Head& head = shared.head();
    wait_until(shared, "connecting", prepare_timeout, [&] { return head.ready == participants.count(); });
    head.phase = Phase::warm_up;
    std::this_thread::sleep_for(settings.warm_up);
    wait_until(shared, "the warm-up", prepare_timeout, [&] { return shared.deliveries() >= plan.warm_up_messages; });
    const Sample before = take_sample(shared, participants, server);
    head.phase = Phase::measuring;
    std::this_thread::sleep_for(settings.seconds);
    const Sample after = take_sample(shared, participants, server);
    result.server_memory_peak_bytes = server.resident_bytes_peak();
    if (plan.look) {
        plan.look(server.port(), result);
    }
    head.phase = Phase::draining;
    const std::size_t publishing = plan.pace == Pace::one_at_a_time ? 1 : plan.lanes;
    for (std::uint64_t delivered = ~std::uint64_t{0}; delivered != shared.deliveries();) {
        delivered = shared.deliveries();
        wait_until(shared, "the next delivery of what was published", drain_timeout, [&] {
            return (head.finished == publishing && shared.everything_is_delivered()) || shared.deliveries() > delivered;
        });
    }
    std::this_thread::sleep_for(settle_time);
    if (!shared.nothing_is_delivered_twice()) {
        throw std::runtime_error("more was delivered than was published");
    }
    head.phase = Phase::over;
    participants.wait_for_their_end();
    compare_samples(before, after, plan.work.payload_bytes, result);
}

void check_deliveries(SharedRun& shared, RunResult& result) {
    SharedRun::Head& head = shared.head();
    if (head.failures > 0) {
        throw std::runtime_error(head.failure.data());
    }
    if (head.out_of_order + head.corrupt > 0) {
        throw std::runtime_error(fmt::format("{} messages were out of order, {} were corrupt", head.out_of_order.load(),
                                             head.corrupt.load()));
    }
    if (head.latencies.count > 0) {
        result.latencies = head.latencies;
    }
}

Work idle_topics(const RunPlan& plan) {
    Work work;
    for (std::size_t i = 0; i < plan.idle_topics; ++i) {
        work.topics.push_back(fmt::format("idle-{}", i));
    }
    return work;
}

}  // namespace

Latencies latencies_of(const cli::Histogram& histogram) {
    return {histogram.count(),
            histogram.quantile(0.5).count(),
            histogram.quantile(0.9).count(),
            histogram.quantile(0.99).count(),
            histogram.quantile(0.999).count(),
            histogram.max().count()};
}

RunResult run(const RunPlan& plan, const RunSettings& settings) {
    RunResult result;
    try {
        const ServerProcess server(*plan.system, plan.work, plan.placement.server);
        for (std::size_t lane = 0; lane < plan.lanes; ++lane) {
            plan.system->prepare(server.port(), work_of_lane(plan, lane));
        }
        // Whoever subscribes to a topic has it exist.
        const IdleConnections with_topics(*plan.system, server.port(), idle_topics(plan), plan.idle_topics > 0 ? 1 : 0);
        const IdleConnections idle(*plan.system, server.port(), {.topics = {"idle"}}, plan.idle_connections);
        SharedRun shared(plan.lanes, plan.subscribers_per_lane);
        ChildProcesses participants(shared);
        start_participants(plan, settings, server.port(), shared, participants);
        measure(plan, settings, server, shared, participants, result);
        check_deliveries(shared, result);
    } catch (const std::exception& thrown) {
        result = {};
        result.failure = thrown.what();
    }
    return result;
}

RunResult measure_idle_connections(const System& system, std::size_t count) {
    RunResult result;
    try {
        const Work work{.topics = {"idle"}};
        const ServerProcess server(system, work, std::nullopt);
        constexpr std::size_t first = 100;  // what is allocated once is there when these are
        const IdleConnections warm(system, server.port(), work, first);
        const std::uint64_t before = server.settled_bytes();
        const IdleConnections idle(system, server.port(), work, count - first);
        const std::uint64_t after = server.settled_bytes();
        result.memory_per_connection_bytes = static_cast<double>(after - before) / static_cast<double>(count - first);
        result.server_memory_peak_bytes = server.resident_bytes_peak();
    } catch (const std::exception& thrown) {
        result.failure = thrown.what();
    }
    return result;
}

}  // namespace leveret::compare
