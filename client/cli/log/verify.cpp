#include <fmt/core.h>

#include "log/log_commands.hpp"
#include "output.hpp"
#include "session.hpp"
#include "words.hpp"

namespace leveret::cli {
namespace {

void print(Output& output, const LogFinding& finding, const TopicOnDisk* topic, bool json) {
    output.line(json ? json_of(finding, topic).dump() : text_of(finding));
}

std::string summary_text(const TopicOnDisk& topic, const InspectedPartition& found) {
    const std::size_t findings = found.findings.size();
    const std::string verdict = findings == 0   ? "all is well"
                                : findings == 1 ? "1 finding"
                                                : fmt::format("{} findings", findings);
    const std::string segments = found.log ? fmt::format(" in {} segment{}", found.log->segments.size(),
                                                         found.log->segments.size() == 1 ? "" : "s")
                                           : std::string(topic.is_rocksdb() ? " in RocksDB" : "");
    return fmt::format("{}: {} checked{}, {}, offsets [{}, {}): {}", topic.label(), counted(found.records, "record"),
                       segments, format_bytes(found.bytes), found.offsets.first.value, found.offsets.end.value,
                       verdict);
}

Json summary_json(const TopicOnDisk& topic, const InspectedPartition& found) {
    Json object{{"topic", topic.stored ? Json(topic.stored->name) : Json()},
                {"id", topic.id.to_string()},
                {"partition", found.partition.value},
                {"records", found.records},
                {"bytes", found.bytes},
                {"first", found.offsets.first.value},
                {"next", found.offsets.end.value}};
    if (found.log) {
        object["segments"] = found.log->segments.size();
        object["lost"] = Json::array();
        for (const OffsetRange& lost : found.log->lost) {
            object["lost"].push_back({{"first", lost.first.value}, {"end", lost.end.value}});
        }
    }
    object["findings"] = found.findings.size();
    return object;
}

}  // namespace

ExitCode verify(const LogOptions& options, bool json) {
    const auto directory = DataDirectory::open(options);
    if (!directory) {
        say(directory.error());
        return ExitCode::failed;
    }
    Output output;
    std::size_t findings = directory->findings().size();
    for (const LogFinding& finding : directory->findings()) {
        print(output, finding, nullptr, json);
    }
    for (const TopicOnDisk& topic : directory->topics()) {
        for (const PartitionId partition : topic.partitions) {
            const InspectedPartition found = inspect(*directory, topic, partition, options.running);
            for (const LogFinding& finding : found.findings) {
                print(output, finding, &topic, json);
            }
            output.line(json ? summary_json(topic, found).dump() : summary_text(topic, found));
            findings += found.findings.size();
        }
    }
    return finish(output, findings == 0 ? ExitCode::ok : ExitCode::failed);
}

}  // namespace leveret::cli
