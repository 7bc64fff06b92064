#include "run.hpp"

#include <stdexcept>
#include <thread>
#include <utility>

#include <fmt/core.h>

#include "child_processes.hpp"
#include "participants.hpp"
#include "raw.hpp"
#include "sample.hpp"
#include "stored_system.hpp"

namespace leveret::compare {
namespace {

constexpr std::chrono::seconds prepare_timeout{60};
constexpr std::chrono::seconds drain_timeout{30};     ///< without any delivery
constexpr std::chrono::milliseconds settle_time{20};  ///< for deliveries that should not come

void start_participants(const RunPlan& plan, const RunSettings& settings, std::uint16_t port, SharedRun& shared,
                        ChildProcesses& participants) {
    const std::optional<unsigned> processor = plan.placement.clients;
    if (plan.beside) {
        participants.start([&] { plan.beside(port, shared); }, processor);
    }
    if (plan.pace == Pace::one_at_a_time) {
        participants.start([&] { make_round_trips(plan, port, shared); }, processor);
        return;
    }
    if (plan.pace == Pace::as_fast_as_answered) {
        participants.start([&] { publish_for_answers(plan, port, shared); }, processor);
        return;
    }
    if (plan.pace == Pace::one_answer_at_a_time) {
        participants.start([&] { time_answers(plan, port, shared); }, processor);
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
    const Sample before = take_sample(shared, server);
    head.phase = Phase::measuring;
    std::this_thread::sleep_for(settings.seconds);
    const Sample after = take_sample(shared, server);
    result.server_memory_peak_bytes = server.resident_bytes_peak();
    if (plan.look) {
        plan.look(server.port(), result);
    }
    head.phase = Phase::draining;
    const bool is_one_process = plan.pace != Pace::as_fast_as_delivered && plan.pace != Pace::on_schedule;
    const std::size_t publishing = is_one_process ? 1 : plan.lanes;
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
    if (plan.pace == Pace::as_fast_as_answered || plan.pace == Pace::one_answer_at_a_time) {
        result.acknowledged_per_second = std::exchange(result.deliveries_per_second, std::nullopt);
    }
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

/// With its data in `data`, where it stores any.
ServerProcess start_server(const RunPlan& plan, const RunSettings& settings, std::optional<TemporaryFolder>& data) {
    if (dynamic_cast<const StoredSystem*>(plan.system) == nullptr) {
        return ServerProcess(*plan.system, plan.work, plan.placement.server);
    }
    data.emplace(settings.data_folder);
    return ServerProcess(*plan.system, plan.work, data->path());
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
        std::optional<TemporaryFolder> data;
        const ServerProcess server = start_server(plan, settings, data);
        for (std::size_t lane = 0; lane < plan.lanes; ++lane) {
            plan.system->prepare(server.port(), work_of_lane(plan, lane));
        }
        result = run_on(server, plan, settings);
    } catch (const std::exception& thrown) {
        result = {};
        result.failure = thrown.what();
    }
    return result;
}

RunResult run_on(const ServerProcess& server, const RunPlan& plan, const RunSettings& settings) {
    RunResult result;
    try {
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
