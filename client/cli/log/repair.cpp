#include <chrono>

#include <fmt/core.h>

#include "log/log_commands.hpp"
#include "message_log/segment/segment_repair.hpp"
#include "output.hpp"
#include "session.hpp"

namespace leveret::cli {
namespace {

/// Above all that were given out, as a server chooses them.
Epoch fresh_epoch() {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
    return {static_cast<std::uint32_t>(seconds.count())};
}

/// Prints what is found or done, and counts what stays.
class RepairRun {
  public:
    RepairRun(const RepairOptions& options, const DataDirectory& directory, bool json, Output& output)
        : options_(options), directory_(directory), json_(json), output_(output) {}

    void tell(const LogFinding& finding, const TopicOnDisk* topic) {
        output_.line(json_ ? json_of(finding, topic).dump() : text_of(finding));
        ++findings_;
        has_told_ = true;
    }
    void repair(const TopicOnDisk& topic, PartitionId partition) {
        const InspectedPartition found = inspect(directory_, topic, partition, false);
        for (const LogFinding& finding : found.findings) {
            tell(finding, &topic);
        }
        if (topic.is_rocksdb() && !found.findings.empty()) {
            say(fmt::format("{} is kept by RocksDB, which has its own tool for its files: ldb repair --db={}",
                            topic.label(), directory_.rocksdb_path()));
        }
        if (found.findings.empty() || !options_.apply) {
            return;
        }
        RepairSteps steps;
        std::error_code error;
        if (found.log) {
            error = repair_partition(directory_.files(), *found.log, fresh_epoch(), steps);
        }
        if (!error) {
            error = repair_positions(directory_.files(), found.positions_path(topic), found.positions, steps);
        }
        end(topic, steps, error);
        const std::size_t left = inspect(directory_, topic, partition, false).findings.size();
        findings_ -= found.findings.size() - std::min(left, found.findings.size());
    }
    /// Gives a topic whose topic.json cannot be read its name back.
    void name_topic(const TopicOnDisk& topic) {
        const std::string path = TopicCatalogue::directory_of(topic.id) + "/topic.json";
        if (!options_.apply) {
            say(fmt::format("{} would be written anew, with the name '{}' and the server's default settings", path,
                            options_.name));
            return;
        }
        RepairSteps steps;
        const auto kept = copy_aside(directory_.files(), path);
        if (kept) {
            steps.push_back("kept " + path + " as " + *kept);
        }
        std::error_code error;
        if (!kept && kept.error() != std::errc::no_such_file_or_directory) {
            error = kept.error();
        } else {
            StoredTopic stored{.id = topic.id, .name = options_.name};
            stored.settings.store = Store::file;
            stored.settings.durability = Durability::sync;
            error = TopicCatalogue(directory_.files()).save(stored);
            steps.push_back("wrote " + path);
        }
        end(topic, steps, error);
        findings_ -= error ? 0 : std::min<std::size_t>(findings_, 1);
    }
    [[nodiscard]] ExitCode finish() {
        if (!has_told_ && options_.name.empty()) {
            say("nothing to repair");
        }
        if (!options_.apply && findings_ > 0) {
            say("nothing was changed: --apply does it");
        }
        return cli::finish(output_, findings_ == 0 && !has_failed_ ? ExitCode::ok : ExitCode::failed);
    }

  private:
    void end(const TopicOnDisk& topic, const RepairSteps& steps, std::error_code error) {
        for (const std::string& step : steps) {
            output_.line(json_ ? Json{{"topic", topic.label()}, {"done", step}}.dump() : "done: " + step);
        }
        if (error) {
            has_failed_ = true;
            say(fmt::format("the repair of {} ended early: {}", topic.label(), error.message()));
        }
    }

    const RepairOptions& options_;
    const DataDirectory& directory_;
    const bool json_;
    Output& output_;
    std::size_t findings_ = 0;  ///< that are still there
    bool has_told_ = false;     ///< of any
    bool has_failed_ = false;
};

}  // namespace

ExitCode repair(const RepairOptions& options, bool json) {
    const auto directory = DataDirectory::open(options);
    if (!directory) {
        say(directory.error());
        return ExitCode::failed;
    }
    if (!options.name.empty() && directory->topics().front().stored) {
        say(fmt::format("this topic has a name: {}", directory->topics().front().label()));
        return ExitCode::failed;
    }
    Output output;
    RepairRun run(options, *directory, json, output);
    for (const LogFinding& finding : directory->findings()) {
        run.tell(finding, nullptr);
    }
    if (!options.name.empty()) {
        run.name_topic(directory->topics().front());
    }
    for (const TopicOnDisk& topic : directory->topics()) {
        for (const PartitionId partition : topic.partitions) {
            run.repair(topic, partition);
        }
    }
    return run.finish();
}

}  // namespace leveret::cli
