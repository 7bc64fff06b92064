#include "stored_run.hpp"

#include <algorithm>
#include <stdexcept>
#include <thread>

#include <fmt/core.h>
#include <unistd.h>

#include "child_processes.hpp"
#include "filled_folder.hpp"
#include "participants.hpp"
#include "sample.hpp"

namespace leveret::compare {
namespace {

constexpr std::chrono::minutes replay_timeout{10};
constexpr std::chrono::seconds delivery_timeout{30};
constexpr double live_rate = 5'000;

/// `measure`, its failure in the result.
RunResult guarded(const std::function<void(RunResult&)>& measure) {
    RunResult result;
    try {
        measure(result);
    } catch (const std::exception& thrown) {
        result = {};
        result.failure = thrown.what();
    }
    return result;
}

/// Reads the topic from its first record until `sink` has taken all it takes, or `is_over`.
void read_all(const StoredSystem& system, std::uint16_t port, Sink& sink, const std::function<bool()>& is_over) {
    auto subscriber = system.subscriber(port, filled_work(), {&sink, 1});
    auto deadline = SteadyClock::now() + delivery_timeout;
    for (std::uint64_t delivered = 0; !sink.is_full() && !is_over();) {
        subscriber->receive(std::chrono::milliseconds(1));
        if (sink.delivered() != delivered) {
            delivered = sink.delivered();
            deadline = SteadyClock::now() + delivery_timeout;
        } else if (SteadyClock::now() > deadline) {
            throw std::runtime_error(fmt::format("nothing came after {} records", delivered));
        }
    }
    subscriber.reset();  // its threads have ended: the sink is ours
    if (sink.out_of_order() + sink.corrupt() > 0) {
        throw std::runtime_error(
            fmt::format("{} records were out of order, {} were corrupt", sink.out_of_order(), sink.corrupt()));
    }
}

/// Another subscriber's part in a run: reads all records, again and again.
void replay_until_the_end(const StoredSystem& system, std::uint64_t records, std::uint16_t port, SharedRun& shared) {
    get_ready(shared);
    while (shared.phase() != Phase::over) {
        std::atomic<std::uint64_t> delivered = 0;
        Sink sink(1, 0, delivered, records);
        read_all(system, port, sink, [&] { return shared.phase() == Phase::over; });
    }
}

std::vector<std::string> names(std::size_t topics) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < topics; ++i) {
        all.push_back(fmt::format("stored-{}", i));
    }
    return all;
}

/// How a server started.
struct Start {
    double seconds;            ///< until it had said that it has all records
    double others_busy_share;  ///< of all processors' time meanwhile
};

/// Starts a server on `folder`, which has `expected` records. What `then` does with it takes no part in the result.
Start start_on(const StoredSystem& system, const Work& work, const std::filesystem::path& folder,
               std::uint64_t expected, const std::function<void(ServerProcess&)>& then) {
    const auto start = SteadyClock::now();
    const OthersTime before = others_time();
    ServerProcess server(system, work, folder);
    const std::uint64_t found = wait_for_stored_records(system, server, work, expected);
    const std::chrono::duration<double> elapsed = SteadyClock::now() - start;
    const double others = others_share(before, others_time());
    if (found != expected) {
        throw std::runtime_error(fmt::format("{} records were stored, {} are there", expected, found));
    }
    then(server);
    return {elapsed.count(), others};
}

}  // namespace

RunResult measure_replay(const StoredSystem& system, const RunSettings& settings) {
    return guarded([&](RunResult& result) {
        const std::uint64_t records = settings.replay_records;
        const ServerProcess server(system, filled_work(), filled_folder(system, settings));
        wait_for_stored_records(system, server, filled_work(), records);
        SharedRun shared(1, 1);
        ChildProcesses children(shared);
        children.start(
            [&] {
                Sink sink(1, 0, shared.delivered(0).front().value, records);
                get_ready(shared);
                read_all(system, server.port(), sink, [] { return false; });
                ++shared.head().finished;
                while (shared.phase() != Phase::over) {
                    std::this_thread::sleep_for(std::chrono::milliseconds(1));
                }
            },
            std::nullopt);
        wait_until(shared, "connecting", delivery_timeout, [&] { return shared.head().ready == 1; });
        const Sample before = take_sample(shared, server);
        shared.head().phase = Phase::measuring;
        wait_until(shared, "the replay", replay_timeout, [&] { return shared.deliveries() >= records; });
        const Sample after = take_sample(shared, server);
        // Its records were in order.
        wait_until(shared, "the end", delivery_timeout, [&] { return shared.head().finished == 1; });
        result.server_memory_peak_bytes = server.resident_bytes_peak();
        shared.head().phase = Phase::over;
        children.wait_for_their_end();
        compare_samples(before, after, filled_work().payload_bytes, result);
    });
}

RunResult measure_live(const StoredSystem& system, bool beside_replay, const RunSettings& settings) {
    return guarded([&](RunResult& result) {
        const ServerProcess server(system, filled_work(), filled_folder(system, settings));
        wait_for_stored_records(system, server, filled_work(), settings.replay_records);
        RunPlan plan;
        plan.system = &system;
        plan.work.topics = {"stored"};  // with the number of its lane, it is filled_work()'s
        plan.work.from_latest = true;
        plan.work.paced = true;
        plan.pace = Pace::on_schedule;
        plan.rate = live_rate;
        if (beside_replay) {
            plan.beside = [&](std::uint16_t port, SharedRun& shared) {
                replay_until_the_end(system, settings.replay_records, port, shared);
            };
        }
        result = run_on(server, plan, settings);
    });
}

RunResult measure_recovery(const StoredSystem& system, std::size_t topics, const RunSettings& settings) {
    return guarded([&](RunResult& result) {
        const TemporaryFolder folder(settings.data_folder);
        const Work work{.topics = names(topics)};
        const std::uint64_t each = std::max<std::uint64_t>(
            settings.recovery_bytes / (work.payload_bytes + record_layout::header_bytes) / topics, 1);
        const std::uint64_t more = std::min<std::uint64_t>(each, 1000);
        {
            ServerProcess server(system, work, folder.path());
            system.prepare(server.port(), work);
            fill_topics(system, server.port(), work, each);
            server.stop_cleanly();
        }
        write_back();
        const Start clean = start_on(system, work, folder.path(), each * topics, [&](ServerProcess& server) {
            fill_topics(system, server.port(), work, more);
            server.kill();  // every topic has been written to since it was opened
        });
        write_back();
        const Start killed = start_on(system, work, folder.path(), (each + more) * topics, [&](ServerProcess& server) {
            result.server_memory_peak_bytes = server.resident_bytes_peak();
        });
        result.ready_after_stop_seconds = clean.seconds;
        result.ready_after_kill_seconds = killed.seconds;
        result.other_busy_share = std::max(clean.others_busy_share, killed.others_busy_share);
    });
}

RunResult measure_stored_topics(const StoredSystem& system, std::size_t topics, const RunSettings& settings) {
    return guarded([&](RunResult& result) {
        const TemporaryFolder folder(settings.data_folder);
        const Work one{.topics = {"first"}};
        const Work many{.topics = names(topics)};
        constexpr std::uint64_t records = 100;
        const auto per_topic = [&](std::uint64_t before, std::uint64_t after) {
            return static_cast<double>(after - std::min(before, after)) / static_cast<double>(topics);
        };
        std::uint64_t before = 0;
        {
            ServerProcess server(system, one, folder.path());
            system.prepare(server.port(), one);
            fill_topics(system, server.port(), one, records);  // what is allocated once is there then
            before = server.settled_bytes();
            system.prepare(server.port(), many);
            fill_topics(system, server.port(), many, records);
            result.memory_per_topic_bytes = per_topic(before, server.settled_bytes());
            server.stop_cleanly();
        }
        const ServerProcess server(system, many, folder.path());
        wait_for_stored_records(system, server, many, records * topics);
        result.memory_per_restarted_topic_bytes = per_topic(before, server.settled_bytes());
        result.server_memory_peak_bytes = server.resident_bytes_peak();
    });
}

}  // namespace leveret::compare
