// crash_rounds: as many rounds as one likes. tests/crash/run.sh starts it.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>

#include <CLI/CLI.hpp>

#include "crash/crash_rounds.hpp"

using namespace leveret;
using namespace leveret::test;

int main(int argc, char** argv) {
    CrashOptions options;
    options.rounds = 100;
    std::string store = "file";
    std::string durability = "sync";
    bool keeps_data = false;
    const std::map<std::string, Store> stores{{"file", Store::file}, {"rocksdb", Store::rocksdb}};
    const std::map<std::string, Durability> durabilities{
        {"os", Durability::os}, {"interval", Durability::interval}, {"sync", Durability::sync}};
    CLI::App app("Kills leveret-server again and again under load and compares what is left with what was promised.");
    app.add_option("--rounds", options.rounds, "rounds [100]");
    app.add_option("--store", store, "file or rocksdb [file]")->check(CLI::IsMember({"file", "rocksdb"}));
    app.add_option("--mode", durability, "sync, interval or os [sync]")
        ->check(CLI::IsMember({"sync", "interval", "os"}));
    app.add_option("--seed", options.seed, "chooses what is sent and when the server is killed [1]");
    app.add_option("--data-dir", options.data_dir, "a new directory [a temporary one]");
    app.add_flag("--keep", keeps_data, "leave the data directory, which is left in any case where something is wrong");
    CLI11_PARSE(app, argc, argv);
    options.store = stores.at(store);
    options.durability = durabilities.at(durability);
    if (options.data_dir.empty()) {
        std::string pattern = (std::filesystem::temp_directory_path() / "leveret-crash-XXXXXX").string();
        options.data_dir = ::mkdtemp(pattern.data());
    }

    constexpr std::uint64_t rounds_per_line = 50;
    const CrashSummary summary = CrashRounds(options).run([&options](const CrashSummary& so_far) {
        if (so_far.rounds % rounds_per_line == 0) {
            std::fprintf(stderr, "%s\n", so_far.line(options).c_str());
        }
    });
    for (const std::string& text : summary.problems) {
        std::fprintf(stderr, "%s\n", text.c_str());
    }
    std::printf("%s\n", summary.line(options).c_str());
    if (!summary.problems.empty()) {
        std::fprintf(stderr, "the data directory is left in %s\n", options.data_dir.c_str());
    } else if (!keeps_data) {
        std::filesystem::remove_all(options.data_dir);
    }
    return summary.problems.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
}
