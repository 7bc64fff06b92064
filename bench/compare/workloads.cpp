#include "workloads.hpp"

#include <fmt/core.h>

#include "one_outstanding.hpp"
#include "server_process.hpp"
#include "systems/bare.hpp"
#include "systems/leveret.hpp"

namespace leveret::compare {
namespace {

const std::vector<std::string> brokers{"leveret", "nats", "redis", "mosquitto"};

const System* find_system(std::string_view name) {
    for (const auto& system : all_systems()) {
        if (system->name() == name) {
            return system.get();
        }
    }
    return nullptr;
}

Contender contender(const std::string& name, ClientKind client, RunPlan plan) {
    plan.system = find_system(name);
    plan.client = client;
    return {name, client, [plan](const RunSettings& settings) { return run(plan, settings); }};
}

/// `plan` for these systems, by library and raw.
Workload workload(std::string name, std::string says, const RunPlan& plan, const std::vector<std::string>& systems,
                  bool with_bare) {
    Workload made{std::move(name), std::move(says), {}};
    for (const ClientKind client : {ClientKind::library, ClientKind::raw}) {
        for (const std::string& system : systems) {
            made.contenders.push_back(contender(system, client, plan));
        }
    }
    if (with_bare) {
        made.contenders.push_back(contender("bare", ClientKind::raw, plan));
    }
    return made;
}

std::vector<std::string> topics(std::size_t count) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i) {
        names.push_back(fmt::format("topic-{}", i));
    }
    return names;
}

RunPlan plan_of(std::size_t payload_bytes) {
    RunPlan plan;
    plan.work.topics = topics(1);
    plan.work.payload_bytes = payload_bytes;
    return plan;
}

void add_throughput(std::vector<Workload>& workloads) {
    std::vector<std::string> systems = brokers;
    systems.emplace_back("redis-streams");
    for (const std::size_t size : {16U, 128U, 1024U, 16384U}) {
        workloads.push_back(workload(fmt::format("throughput-{}", size),
                                     fmt::format("one publisher, one subscriber, {} bytes", size), plan_of(size),
                                     systems, true));
    }
}

/// Where the server has time to poll, it stands beside one that sleeps at once.
std::vector<std::string> with_no_polling() {
    std::vector<std::string> systems = brokers;
    systems.emplace_back("leveret-no-polling");
    return systems;
}

void add_fanout(std::vector<Workload>& workloads) {
    for (const std::size_t subscribers : {10U, 100U, 1000U}) {
        RunPlan plan = plan_of(128);
        plan.subscribers_per_lane = subscribers;
        if (subscribers >= 100) {
            plan.window_bytes = 1U << 20U;  // 16 MiB to each are seconds of anybody's deliveries, and minutes of some
        }
        // A window of messages to a thousand subscribers takes Mosquitto a minute to deliver.
        const std::vector<std::string> systems =
            subscribers < 1000 ? brokers : std::vector<std::string>{"leveret", "nats", "redis"};
        workloads.push_back(workload(fmt::format("fanout-{}", subscribers),
                                     fmt::format("one publisher, {} subscribers, 128 bytes", subscribers), plan,
                                     systems, true));
    }
}

void add_eight_topics(std::vector<Workload>& workloads) {
    RunPlan plan = plan_of(128);
    plan.lanes = 8;
    workloads.push_back(
        workload("eight-topics", "eight publishers, eight subscribers, a topic each, 128 bytes", plan, brokers, false));
}

void add_round_trips(std::vector<Workload>& workloads) {
    const std::vector<std::pair<std::string, Placement>> placements{
        {"apart", {.server = 1, .clients = 0}}, {"together", {.server = 0, .clients = 0}}, {"unpinned", {}}};
    for (const auto& [name, placement] : placements) {
        RunPlan plan = plan_of(128);
        plan.pace = Pace::one_at_a_time;
        plan.work.paced = true;
        plan.work.one_at_a_time = true;
        plan.placement = placement;
        workloads.push_back(workload("round-trip-" + name, "one message at a time, 128 bytes, processors: " + name,
                                     plan, with_no_polling(), true));
        workloads.back().runs = name == "unpinned" ? 7 : 9;
        workloads.back().seconds = 0.6;
    }
}

void add_open_loop(std::vector<Workload>& workloads) {
    for (const auto& [name, rate] : {std::pair{"20k", 20'000.0}, std::pair{"200k", 200'000.0}}) {
        RunPlan plan = plan_of(128);
        plan.pace = Pace::on_schedule;
        plan.work.paced = true;
        plan.rate = rate;
        workloads.push_back(workload(fmt::format("open-loop-{}", name),
                                     fmt::format("{} messages a second on schedule, 128 bytes", name), plan,
                                     with_no_polling(), true));
        workloads.back().seconds = 1.5;
    }
}

void add_idle_connections(std::vector<Workload>& workloads) {
    Workload idle{"idle-connections", "5,000 connections that have subscribed to one topic", {}};
    for (const std::string& name : brokers) {
        const System* const system = find_system(name);
        idle.contenders.push_back(
            {name, ClientKind::raw, [system](const RunSettings&) { return measure_idle_connections(*system, 5'000); }});
    }
    workloads.push_back(std::move(idle));
    workloads.push_back({"idle-connections-zaichik",
                         "9,000 connections in the zaichik dialect that have subscribed to one topic",
                         {{"leveret", ClientKind::raw, [](const RunSettings&) {
                               return measure_idle_connections(*make_leveret_zaichik(), 9'000);
                           }}}});
}

void add_leveret_only(std::vector<Workload>& workloads, std::string group, std::string name, std::string says,
                      ClientKind client, const RunPlan& plan) {
    workloads.push_back(
        {group + "-" + std::move(name), std::move(says), {contender("leveret", client, plan)}, std::move(group)});
}

/// All of it beside one base: the same plan measured three times differs by as much as is asked for.
void add_growth(std::vector<Workload>& workloads) {
    const auto add = [&](std::string name, std::string says, const RunPlan& plan) {
        add_leveret_only(workloads, "growth", std::move(name), std::move(says), ClientKind::raw, plan);
        workloads.back().runs = 9;
    };
    add("base", "one busy topic, which retains 64 MiB, the default", plan_of(128));
    for (const std::size_t idle : {100U, 10'000U}) {
        RunPlan plan = plan_of(128);
        plan.idle_topics = idle;
        add(fmt::format("topics-{}", idle), fmt::format("one busy topic beside {} idle ones", idle), plan);
    }
    for (const auto& [name, retained] : {std::pair{"1m", 1'000'000U}, std::pair{"10m", 10'000'000U}}) {
        RunPlan plan = plan_of(128);
        plan.work.retained_bytes = std::uint64_t{retained} * (128 + record_layout::header_bytes);
        plan.warm_up_messages = retained;
        add(fmt::format("retained-{}", name), fmt::format("a topic that retains {} records", retained), plan);
    }
    RunPlan plan = plan_of(128);
    plan.idle_connections = 10'000;
    add("idle-10000", "one busy topic beside 10,000 idle connections", plan);
}

void add_round_robin(std::vector<Workload>& workloads) {
    RunPlan plan = plan_of(128);
    plan.work.topics = topics(10'000);
    workloads.push_back(workload("round-robin-10000", "one publisher to 10,000 topics in turn, one subscriber of all",
                                 plan, brokers, false));
    workloads.back().runs = 9;
}

/// A window's length in milliseconds is what can be set; how many keys it then holds is measured.
void add_compaction_window(std::vector<Workload>& workloads) {
    const std::vector<std::tuple<std::string, std::uint64_t, std::uint64_t>> windows{
        {"off", 0, 0}, {"1ms", 1, 0}, {"100k", 18, 0}, {"10m", 3'000, 16'000'000}};
    for (const auto& [name, window_ms, warm_up_messages] : windows) {
        RunPlan plan = plan_of(128);
        plan.work.distinct_keys = true;
        plan.work.window_ms = window_ms;
        plan.warm_up_messages = warm_up_messages;
        if (window_ms > 0) {
            plan.look = look_at_window;
        }
        add_leveret_only(workloads, "window", name,
                         fmt::format("keys all distinct, compaction window of {} ms", window_ms), ClientKind::library,
                         plan);
        workloads.back().runs = 11;
    }
}

void add_one_outstanding(std::vector<Workload>& workloads) {
    workloads.push_back({"zaichik-stream",
                         "the zaichik dialect: a Commit, then the next delivery; bare: an echo of as many bytes",
                         {{"leveret", ClientKind::raw, [](const RunSettings&) { return run_zaichik_stream(); }},
                          {"bare", ClientKind::raw, [](const RunSettings&) { return run_echo_stream(); }}}});
}

/// Eight pairs, so that the server is never idle: what a message costs it then is its own work, and not the machine's
/// falling asleep and waking up.
void add_zaichik_eight_topics(std::vector<Workload>& workloads) {
    static const std::unique_ptr<System> zaichik = make_leveret_zaichik();
    RunPlan plan = plan_of(128);
    plan.system = zaichik.get();
    plan.client = ClientKind::raw;
    plan.lanes = 8;
    plan.work.retention_ms = 3'600'000;  // so that a subscriber, which nothing is confirmed to, misses none
    workloads.push_back(
        {"zaichik-eight-topics",
         "the zaichik dialect: eight publishers, eight subscribers, a topic each, 128 bytes",
         {{"leveret", ClientKind::raw, [plan](const RunSettings& settings) { return run(plan, settings); }}}});
}

void add_machine(std::vector<Workload>& workloads) {
    workloads.push_back({"sleep",
                         "threads that only sleep until something is due, each 50 µs",
                         {{"bare", ClientKind::raw, [](const RunSettings& settings) {
                               RunResult result;
                               result.latencies = latencies_of(sleep_latencies(
                                   std::chrono::duration_cast<std::chrono::nanoseconds>(settings.seconds)));
                               return result;
                           }}}});
    workloads.push_back({"append",
                         "a file is appended to in pieces of 256 KiB, then synced",
                         {{"bare", ClientKind::raw, [](const RunSettings& settings) {
                               RunResult result;
                               const TemporaryFolder folder(settings.data_folder);
                               result.bytes_per_second =
                                   append_rate(folder.path(), 256U << 10U,
                                               std::chrono::duration_cast<std::chrono::nanoseconds>(settings.seconds));
                               return result;
                           }}}});
    workloads.push_back(
        {"fdatasync",
         "4 KiB appended to a file and synced, one after the other",
         {{"bare", ClientKind::raw, [](const RunSettings& settings) {
               RunResult result;
               const TemporaryFolder folder(settings.data_folder);
               result.latencies = latencies_of(sync_latencies(
                   folder.path(), std::chrono::duration_cast<std::chrono::nanoseconds>(settings.seconds)));
               return result;
           }}}});
}

}  // namespace

std::vector<Workload> all_workloads() {
    std::vector<Workload> workloads;
    add_throughput(workloads);
    add_fanout(workloads);
    add_eight_topics(workloads);
    add_round_trips(workloads);
    add_open_loop(workloads);
    add_idle_connections(workloads);
    add_growth(workloads);
    add_round_robin(workloads);
    add_compaction_window(workloads);
    add_one_outstanding(workloads);
    add_zaichik_eight_topics(workloads);
    add_machine(workloads);
    add_stored_workloads(workloads);
    return workloads;
}

}  // namespace leveret::compare
