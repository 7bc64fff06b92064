// The commands of `leveret log`: each has a file of its own.
#pragma once

#include <optional>

#include "command.hpp"
#include "log/data_directory.hpp"
#include "message_log/segment/positions_inspection.hpp"
#include "record_text.hpp"

namespace leveret::cli {

struct DumpOptions : LogOptions {
    std::optional<std::uint64_t> from;
    std::optional<std::uint64_t> to;  ///< the first offset that is not shown
    bool headers_only = false;
    bool hex = false;
};

struct RepairOptions : LogOptions {
    bool apply = false;
    std::string name;  ///< of a topic whose topic.json is lost
};

[[nodiscard]] ExitCode dump(const DumpOptions& options, bool json);
[[nodiscard]] ExitCode verify(const LogOptions& options, bool json);
[[nodiscard]] ExitCode repair(const RepairOptions& options, bool json);

/// Everything there is to know about a topic's files.
struct InspectedPartition {
    PartitionId partition{};
    std::optional<PartitionInspection> log;  ///< of segment files
    PositionsInspection positions;
    std::vector<LogFinding> findings;  ///< those of both, and those that concern neither
    OffsetRange offsets{};
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;

    [[nodiscard]] std::string positions_path(const TopicOnDisk& topic) const {
        return topic.partition_directory(partition) + "/positions";
    }
};
[[nodiscard]] InspectedPartition inspect(const DataDirectory& directory, const TopicOnDisk& topic,
                                         PartitionId partition, bool is_in_use);

/// One line for people: path, bytes, offsets, what is wrong, what a repair does about it.
[[nodiscard]] std::string text_of(const LogFinding& finding);
[[nodiscard]] Json json_of(const LogFinding& finding, const TopicOnDisk* topic);

}  // namespace leveret::cli
