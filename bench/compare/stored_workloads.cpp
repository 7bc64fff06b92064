#include <fmt/core.h>

#include "server_process.hpp"
#include "stored_run.hpp"
#include "stored_system.hpp"
#include "systems/bare.hpp"
#include "workloads.hpp"

namespace leveret::compare {
namespace {

constexpr std::size_t payload_bytes = 128;

const StoredSystem& stored_system(std::string_view name) {
    for (const auto& system : stored_systems()) {
        if (system->name() == name) {
            return *system;
        }
    }
    throw std::logic_error("no such system: " + std::string(name));
}

using Measure = std::function<RunResult(const StoredSystem&, const RunSettings&)>;

/// `measure` of these systems, by way of their libraries.
Workload workload(std::string name, std::string says, const std::vector<std::string>& systems, const Measure& measure) {
    Workload made{std::move(name), std::move(says), {}};
    for (const std::string& system : systems) {
        made.contenders.push_back({system, ClientKind::library, [system, measure](const RunSettings& settings) {
                                       return measure(stored_system(system), settings);
                                   }});
    }
    return made;
}

RunPlan publish_plan(Pace pace, Durability durability) {
    RunPlan plan;
    plan.work.topics = {"stored"};
    plan.work.payload_bytes = payload_bytes;
    plan.work.durability = durability;
    plan.work.outstanding = pace == Pace::one_answer_at_a_time ? 1 : 4096;
    plan.pace = pace;
    return plan;
}

Measure run_plan(const RunPlan& plan) {
    return [plan](const StoredSystem& system, const RunSettings& settings) {
        RunPlan planned = plan;
        planned.system = &system;
        return run(planned, settings);
    };
}

/// As many bytes as a record of ours has, header included, count as one record.
RunResult append_records(const RunSettings& settings) {
    const TemporaryFolder folder(settings.data_folder);
    RunResult result;
    const double bytes =
        append_rate(folder.path(), 256U << 10U, std::chrono::duration_cast<std::chrono::nanoseconds>(settings.seconds));
    result.acknowledged_per_second = bytes / (payload_bytes + record_layout::header_bytes);
    result.bytes_per_second = *result.acknowledged_per_second * payload_bytes;
    return result;
}

void add_acknowledged(std::vector<Workload>& workloads) {
    const std::vector<std::string> all{"leveret-file", "leveret-rocksdb",     "nats-jetstream",
                                       "redis-aof",    "nats-jetstream-best", "redis-aof-best"};
    for (const auto& [name, durability] : {std::pair{"sync", Durability::sync}, std::pair{"os", Durability::os}}) {
        workloads.push_back(workload(fmt::format("acknowledged-{}", name),
                                     fmt::format("acknowledged publishes, {}, 4,096 outstanding, 128 bytes", name), all,
                                     run_plan(publish_plan(Pace::as_fast_as_answered, durability))));
        workloads.back().contenders.push_back({"bare", ClientKind::raw, append_records});
    }
    workloads.push_back(workload("acknowledged-one", "acknowledged publishes, sync, one at a time, 128 bytes",
                                 {"leveret-file", "leveret-rocksdb", "nats-jetstream", "redis-aof"},
                                 run_plan(publish_plan(Pace::one_answer_at_a_time, Durability::sync))));
    workloads.back().contenders.push_back(
        {"bare", ClientKind::raw, [](const RunSettings& settings) {
             static const auto bare = make_bare_append();
             return run_plan(publish_plan(Pace::one_answer_at_a_time, Durability::sync))(*bare, settings);
         }});
}

const std::vector<std::string> replaying{"leveret-file", "leveret-rocksdb", "nats-jetstream", "redis-aof"};

void add_replay(std::vector<Workload>& workloads) {
    workloads.push_back(workload("replay", "one subscriber reads what is stored, after a restart, 128 bytes", replaying,
                                 measure_replay));
    workloads.back().contenders.push_back({"bare", ClientKind::raw, [](const RunSettings& settings) {
                                               static const auto relay = make_bare();
                                               RunPlan plan;
                                               plan.system = relay.get();
                                               plan.client = ClientKind::raw;
                                               plan.work.topics = {"relayed"};
                                               return run(plan, settings);
                                           }});
    for (const auto& [name, beside_replay] : {std::pair{"alone", false}, std::pair{"beside-replay", true}}) {
        workloads.push_back(workload(
            fmt::format("live-{}", name),
            "5,000 records a second on schedule on a stored topic" +
                std::string(beside_replay ? ", another subscriber reads all of it" : ""),
            replaying, [beside_replay = beside_replay](const StoredSystem& system, const RunSettings& settings) {
                return measure_live(system, beside_replay, settings);
            }));
        workloads.back().group = "live";
        workloads.back().seconds = 2.5;
    }
}

void add_recovery(std::vector<Workload>& workloads) {
    for (const std::size_t topics : {1U, 1000U}) {
        // A peer would take half an hour to be filled.
        workloads.push_back(
            workload(fmt::format("recovery-{}", topics),
                     fmt::format("a server starts on what is stored in {}", topics == 1 ? "one topic" : "1,000 topics"),
                     {"leveret-file"}, [topics](const StoredSystem& system, const RunSettings& settings) {
                         return measure_recovery(system, topics, settings);
                     }));
        workloads.back().runs = 1;  // 10 GB have to be written for it
    }
    workloads.push_back(workload("stored-topics", "memory of 1,000 stored topics that are idle", replaying,
                                 [](const StoredSystem& system, const RunSettings& settings) {
                                     return measure_stored_topics(system, 1000, settings);
                                 }));
    workloads.back().runs = 3;
}

}  // namespace

void add_stored_workloads(std::vector<Workload>& workloads) {
    add_acknowledged(workloads);
    add_replay(workloads);
    add_recovery(workloads);
}

}  // namespace leveret::compare
