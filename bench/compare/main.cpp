// The side-by-side comparison: runs workloads with every system in turn and writes what was measured as JSON.
// bench/compare.sh calls it, and makes tables and pictures of the result.
#include <algorithm>
#include <array>
#include <ctime>
#include <fstream>
#include <functional>
#include <iostream>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "others.hpp"
#include "server_process.hpp"
#include "stored_system.hpp"
#include "systems/bare.hpp"
#include "workloads.hpp"

namespace leveret::compare {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
    std::vector<std::string> workloads{};  ///< beginnings of names; none: all
    std::vector<std::string> systems{};    ///< none: all
    std::vector<std::string> clients{};    ///< none: both
    std::optional<unsigned> runs{};        ///< none: what each workload says
    std::optional<double> seconds{};       ///< the same
    double warm_up_seconds = 0.3;
    std::uint64_t window_bytes = RunSettings().window_bytes;
    double busy_share_max = 0.05;
    std::string data_folder{};  ///< empty: data, beside the folder of this program
    std::uint64_t replay_records = RunSettings().replay_records;
    std::uint64_t recovery_bytes = RunSettings().recovery_bytes;
    std::string output = "results.json";
    std::uint32_t order_seed = 1;
    bool list = false;
};

std::string name_of(ClientKind client) {
    return client == ClientKind::raw ? "raw" : "library";
}

/// Of the source that this program lies in; empty where that is no checkout.
std::string revision() {
    const std::string folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    return output_of("git -c safe.directory='*' -C '" + folder + "' describe --always --dirty --abbrev=10 2>/dev/null");
}

Json machine() {
    utsname names{};
    ::uname(&names);
    return {{"processor", output_of("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1")},
            {"cores", std::thread::hardware_concurrency()},
            {"memory_bytes", static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                                 static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE))},
            {"kernel", names.release},
            {"tcp", output_of("cat /proc/sys/net/ipv4/tcp_congestion_control 2>/dev/null")},
            {"system", output_of(". /etc/os-release && echo \"$PRETTY_NAME\"")},
            {"revision", revision()}};
}

Json systems() {
    const TemporaryFolder folder;  // where a server's settings are a file, it is written
    Json list = Json::array();
    const auto add = [&](const System& system) {
        list.push_back({{"name", system.name()},
                        {"version", system.version()},
                        {"server", system.server(0, folder.path(), {}).summary},
                        {"durability", system.durability()}});
    };
    for (const auto& system : all_systems()) {
        add(*system);
    }
    for (const auto& system : stored_systems()) {
        add(*system);
    }
    return list;
}

Json json_of(const Latencies& latencies) {
    return {{"p50", latencies.p50_ns},   {"p90", latencies.p90_ns}, {"p99", latencies.p99_ns},
            {"p999", latencies.p999_ns}, {"max", latencies.max_ns}, {"count", latencies.count}};
}

Json json_of(const RunResult& result) {
    Json object{{"failure", result.failure}, {"other_busy_share", result.other_busy_share.value_or(0)}};
    const auto add = [&](const char* name, const auto& value) {
        if (value) {
            object[name] = *value;
        }
    };
    add("deliveries_per_second", result.deliveries_per_second);
    add("bytes_per_second", result.bytes_per_second);
    add("server_cpu_seconds_per_million", result.server_cpu_seconds_per_million);
    add("server_memory_peak_bytes", result.server_memory_peak_bytes);
    add("memory_per_connection_bytes", result.memory_per_connection_bytes);
    add("memory_per_key_bytes", result.memory_per_key_bytes);
    add("window_keys", result.window_keys);
    add("acknowledged_per_second", result.acknowledged_per_second);
    add("ready_after_stop_seconds", result.ready_after_stop_seconds);
    add("ready_after_kill_seconds", result.ready_after_kill_seconds);
    add("memory_per_topic_bytes", result.memory_per_topic_bytes);
    add("memory_per_restarted_topic_bytes", result.memory_per_restarted_topic_bytes);
    if (result.latencies) {
        object["latency_ns"] = json_of(*result.latencies);
    }
    return object;
}

std::string text_of(const RunResult& result) {
    if (!result.failure.empty()) {
        return "failed: " + result.failure;
    }
    std::string text;
    if (result.deliveries_per_second) {
        text += fmt::format(" {:>12.0f} deliveries/s", *result.deliveries_per_second);
    }
    if (result.acknowledged_per_second) {
        text += fmt::format(" {:>12.0f} acknowledged/s", *result.acknowledged_per_second);
    }
    if (result.server_cpu_seconds_per_million) {
        text += fmt::format(" {:>7.4f} CPU-s/M", *result.server_cpu_seconds_per_million);
    }
    if (result.latencies) {
        text += fmt::format(
            "  p50 {:.1f} p99 {:.1f} p99.9 {:.1f} us", static_cast<double>(result.latencies->p50_ns) / 1e3,
            static_cast<double>(result.latencies->p99_ns) / 1e3, static_cast<double>(result.latencies->p999_ns) / 1e3);
    }
    if (result.memory_per_connection_bytes) {
        text += fmt::format(" {:.0f} bytes a connection", *result.memory_per_connection_bytes);
    }
    if (result.window_keys && result.memory_per_key_bytes) {
        text += fmt::format(" {} keys of {:.0f} bytes", *result.window_keys, *result.memory_per_key_bytes);
    }
    if (result.ready_after_stop_seconds && result.ready_after_kill_seconds) {
        text += fmt::format(" ready after {:.3f} s, killed {:.3f} s", *result.ready_after_stop_seconds,
                            *result.ready_after_kill_seconds);
    }
    if (result.memory_per_topic_bytes && result.memory_per_restarted_topic_bytes) {
        text += fmt::format(" {:.0f} bytes a topic, {:.0f} after a restart", *result.memory_per_topic_bytes,
                            *result.memory_per_restarted_topic_bytes);
    }
    if (!result.deliveries_per_second && !result.acknowledged_per_second && result.bytes_per_second) {
        text += fmt::format(" {:.0f} MB/s", *result.bytes_per_second / 1e6);
    }
    return text + fmt::format("  (others busy {:.1f} %)", result.other_busy_share.value_or(0) * 100);
}

/// "fanout" wants fanout-10, fanout-100 and fanout-1000; "fanout-10" only itself.
bool is_wanted(const std::vector<std::string>& wanted, const std::string& name) {
    return wanted.empty() || std::any_of(wanted.begin(), wanted.end(), [&](const std::string& one) {
               return name == one || name.starts_with(one + "-");
           });
}

bool is_wanted(const Options& options, const Contender& contender) {
    return (options.systems.empty() ||
            std::find(options.systems.begin(), options.systems.end(), contender.system) != options.systems.end()) &&
           is_wanted(options.clients, name_of(contender.client));
}

/// Throws where one of `wanted` is nobody's name.
void check_known(const char* what, const std::vector<std::string>& wanted, const std::set<std::string>& known) {
    for (const std::string& one : wanted) {
        if (std::none_of(known.begin(), known.end(), [&](const auto& name) { return is_wanted({one}, name); })) {
            throw std::invalid_argument(
                fmt::format("there is no {} {}; there are: {}", what, one, fmt::join(known, ", ")));
        }
    }
}

/// Throws where nothing would be measured: that would look like success.
void check_known(const Options& options) {
    std::set<std::string> workloads;
    std::set<std::string> systems;
    bool is_any_wanted = false;
    for (const Workload& workload : all_workloads()) {
        workloads.insert(workload.name);
        for (const Contender& contender : workload.contenders) {
            systems.insert(contender.system);
            is_any_wanted =
                is_any_wanted || (is_wanted(options.workloads, workload.name) && is_wanted(options, contender));
        }
    }
    check_known("workload", options.workloads, workloads);
    check_known("system", options.systems, systems);
    if (!is_any_wanted) {
        throw std::invalid_argument("none of these workloads is one of these systems' and clients'");
    }
}

/// Runs `contender` until a run was not disturbed, at most three times; all of them are in the result.
void run_contender(const Workload& workload, const Contender& contender, unsigned run, const Options& options,
                   Json& runs) {
    RunSettings settings;
    settings.seconds = std::chrono::duration<double>(options.seconds.value_or(workload.seconds));
    settings.warm_up = std::chrono::duration<double>(options.warm_up_seconds);
    settings.window_bytes = options.window_bytes;
    settings.data_folder = options.data_folder;
    settings.replay_records = options.replay_records;
    settings.recovery_bytes = options.recovery_bytes;
    bool is_disturbed = true;
    for (int tries = 0; tries < 3 && is_disturbed; ++tries) {
        const OthersTime before = others_time();
        RunResult result = contender.run(settings);
        if (!result.other_busy_share) {
            result.other_busy_share = others_share(before, others_time());
        }
        is_disturbed = *result.other_busy_share > options.busy_share_max;
        Json object{{"workload", workload.name},
                    {"system", contender.system},
                    {"client", name_of(contender.client)},
                    {"run", run},
                    {"runs_wanted", options.runs.value_or(workload.runs)},
                    {"seconds", settings.seconds.count()},
                    {"dropped", is_disturbed}};
        object.update(json_of(result));
        runs.push_back(std::move(object));
        std::cerr << fmt::format("{:<26} {:<14} {:<8} {}{}\n", workload.name, contender.system,
                                 name_of(contender.client), text_of(result), is_disturbed ? " dropped" : "");
    }
}

/// A contender and the workload that it is one of.
struct Turn {
    const Workload* workload;
    const Contender* contender;
};

/// Those of `workloads`, neighbours that are compared with each other, which are wanted.
std::vector<Turn> turns_of(std::span<const Workload> workloads, const Options& options) {
    std::vector<Turn> turns;
    for (const Workload& workload : workloads) {
        if (!is_wanted(options.workloads, workload.name)) {
            continue;
        }
        std::cerr << fmt::format("--- {}: {}\n", workload.name, workload.says);
        for (const Contender& contender : workload.contenders) {
            if (is_wanted(options, contender)) {
                turns.push_back({&workload, &contender});
            }
        }
    }
    return turns;
}

/// Calls `so_far` with all runs whenever a group of workloads is done.
void run_all(const Options& options, const std::function<void(const Json&)>& so_far) {
    const std::vector<Workload> workloads = all_workloads();
    std::mt19937 order(options.order_seed);
    Json runs = Json::array();
    for (auto begin = workloads.begin(), end = begin; begin != workloads.end(); begin = end) {
        const auto is_other = [&](const Workload& one) { return one.group.empty() || one.group != begin->group; };
        end = std::find_if(begin + 1, workloads.end(), is_other);
        std::vector<Turn> turns = turns_of(std::span(begin, end), options);
        for (unsigned run = 1; run <= options.runs.value_or(begin->runs); ++run) {
            std::shuffle(turns.begin(), turns.end(), order);  // nobody always has the same neighbour
            for (const Turn& turn : turns) {
                run_contender(*turn.workload, *turn.contender, run, options, runs);
            }
        }
        so_far(runs);
    }
}

Json document(const Options& options) {
    const std::time_t now = std::time(nullptr);
    std::array<char, 16> date{};
    std::strftime(date.data(), date.size(), "%F", std::gmtime(&now));
    return {{"machine", machine()},
            {"date", date.data()},
            {"settings",
             {{"warm_up_seconds", options.warm_up_seconds},
              {"window_bytes", options.window_bytes},
              {"busy_share_max", options.busy_share_max},
              {"replay_records", options.replay_records},
              {"recovery_bytes", options.recovery_bytes},
              {"order_seed", options.order_seed}}},
            {"systems", systems()},
            {"runs", Json::array()}};
}

void list_workloads() {
    for (const Workload& workload : all_workloads()) {
        std::cout << fmt::format("{:<26} {:>2} runs of {:>3} s: {}\n", workload.name, workload.runs, workload.seconds,
                                 workload.says);
    }
}

/// Thousands of connections need as many descriptors, here and in the servers, which inherit the limit.
void raise_descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

void add_options(CLI::App& app, Options& options) {
    app.add_option("--workloads", options.workloads, "Only these; fanout is all whose names begin with fanout-")
        ->delimiter(',');
    app.add_option("--systems", options.systems, "Only these")->delimiter(',');
    app.add_option("--clients", options.clients, "library, raw")
        ->delimiter(',')
        ->check(CLI::IsMember({"library", "raw"}));
    app.add_option("--runs", options.runs, "Runs of each, interleaved; default: what each workload has, see --list");
    app.add_option("--seconds", options.seconds, "Measured in each run; default: what each workload has, see --list");
    app.add_option("--warm-up", options.warm_up_seconds, "Seconds before")->capture_default_str();
    app.add_option("--window-bytes", options.window_bytes, "How far a publisher may be ahead of the slowest subscriber")
        ->capture_default_str();
    app.add_option("--busy-share-max", options.busy_share_max,
                   "A run is dropped where others used more of the processors")
        ->capture_default_str();
    app.add_option(
        "--data-dir", options.data_folder,
        "Stored data is kept in folders of their own in this one; default: data, beside this program's folder");
    app.add_option("--replay-records", options.replay_records, "Records that are stored to be read again")
        ->capture_default_str();
    app.add_option("--recovery-bytes", options.recovery_bytes, "Bytes of records on which servers are started again")
        ->capture_default_str();
    app.add_option("--output", options.output, "File for the results")->capture_default_str();
    app.add_option("--order-seed", options.order_seed, "In each round of runs the systems come in another order")
        ->capture_default_str();
    app.add_flag("--list", options.list, "Print the workloads and stop");
}

int compare(const Options& options) {
    if (options.list) {
        list_workloads();
        return 0;
    }
    check_known(options);
    if (!std::ofstream(options.output, std::ios::app)) {
        throw std::runtime_error("cannot write " + options.output);  // not after an hour
    }
    Json results = document(options);
    bool is_written = true;
    run_all(options, [&](const Json& runs) {
        results["runs"] = runs;
        std::ofstream file(options.output);
        file << results.dump(1) << '\n';
        is_written = is_written && file.flush().good();
    });
    if (!is_written) {
        std::cerr << "cannot write " << options.output << '\n';
        return 1;
    }
    const auto has_failed = [](const Json& one) { return !one["failure"].get<std::string>().empty(); };
    const auto failed = std::count_if(results["runs"].begin(), results["runs"].end(), has_failed);
    std::cerr << fmt::format("{} runs, {} of them failed; {}\n", results["runs"].size(), failed, options.output);
    constexpr int some_failed = 3;
    return failed == 0 ? 0 : some_failed;
}

}  // namespace
}  // namespace leveret::compare

int main(int argc, char** argv) {
    using namespace leveret::compare;
    CLI::App app("Leveret beside other brokers, and beside programs that only relay, echo or append.");
    Options options;
    add_options(app, options);
    std::uint16_t relay_port = 0;
    std::uint16_t append_port = 0;
    auto* const relay = app.add_subcommand("serve-relay", "Be the bare relay that the others are compared with");
    relay->add_option("port", relay_port, "Port on 127.0.0.1")->required();
    std::string append_file;
    auto* const append = app.add_subcommand("serve-append", "Be the bare program that appends, syncs and answers");
    append->add_option("port", append_port, "Port on 127.0.0.1")->required();
    append->add_option("file", append_file, "Where to append")->required();
    CLI11_PARSE(app, argc, argv);
    if (options.data_folder.empty()) {
        options.data_folder = std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "data";
    }
    raise_descriptor_limit();
    try {
        if (relay->parsed()) {
            serve_relay(relay_port);
        }
        if (append->parsed()) {
            serve_append(append_port, append_file);
        }
        return compare(options);
    } catch (const std::exception& thrown) {
        std::cerr << "compare: " << thrown.what() << '\n';
        return 1;
    }
}
