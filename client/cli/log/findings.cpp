#include <fmt/core.h>

#include "log/log_commands.hpp"
#include "log/rocksdb_records.hpp"

namespace leveret::cli {
namespace {

/// Reads every record of a partition that RocksDB keeps.
void inspect_rocksdb(const DataDirectory& directory, const TopicOnDisk& topic, InspectedPartition& found) {
    const auto find = [&](const std::string& what, std::optional<OffsetRange> offsets = std::nullopt) {
        found.findings.push_back({.path = "rocksdb", .offsets = offsets, .what = what});
    };
    const auto database = RocksDbRecords::open(directory.rocksdb_path());
    if (!database) {
        return find(database.error());
    }
    const auto extent = database->extent(topic.id, found.partition);
    if (!extent) {
        return find(extent.error());
    }
    found.offsets = {extent->first, extent->end};
    std::optional<Timestamp> last;
    const auto on_record = [&](RecordView record) {
        if (last && record.timestamp() < *last) {
            find("a record is stamped before the one before it",
                 OffsetRange{record.offset(), {record.offset().value + 1}});
        }
        last = record.timestamp();
        ++found.records;
        found.bytes += record.size();
        return true;
    };
    const auto on_lost = [&](const OffsetRange& lost, const std::string& why) {
        find(fmt::format("{} record{} cannot be read: {}", lost.count(), lost.count() == 1 ? "" : "s", why), lost);
    };
    database->visit(topic.id, found.partition, found.offsets, {on_record, on_lost});
}

}  // namespace

InspectedPartition inspect(const DataDirectory& directory, const TopicOnDisk& topic, PartitionId partition,
                           bool is_in_use) {
    InspectedPartition found;
    found.partition = partition;
    if (topic.is_rocksdb()) {
        inspect_rocksdb(directory, topic, found);
    } else if (auto log =
                   inspect_partition(directory.files(), topic.partition_directory(partition), partition, is_in_use)) {
        found.findings = log->findings;
        found.records = log->records();
        found.bytes = log->bytes();
        found.offsets = {log->meta.log_start, log->end()};
        found.log = std::move(*log);
    } else {
        found.findings.push_back(
            {.path = topic.partition_directory(partition), .what = "cannot be read: " + log.error().message()});
    }
    const auto end = is_in_use ? std::nullopt : std::optional(found.offsets.end);
    found.positions = inspect_positions(directory.files(), found.positions_path(topic), end);
    found.findings.insert(found.findings.end(), found.positions.findings.begin(), found.positions.findings.end());
    return found;
}

std::string text_of(const LogFinding& finding) {
    std::string text = finding.path;
    if (finding.bytes) {
        text += fmt::format(", bytes {} to {}", finding.bytes->begin, finding.bytes->end);
    }
    if (finding.offsets && finding.offsets->count() == 1) {
        text += fmt::format(", offset {}", finding.offsets->first.value);
    } else if (finding.offsets) {
        text += fmt::format(", offsets {} to {}", finding.offsets->first.value, finding.offsets->end.value - 1);
    }
    text += ": " + finding.what;
    return text + (finding.remedy.empty() ? ". A repair leaves it as it is" : ". Repair: " + finding.remedy);
}

Json json_of(const LogFinding& finding, const TopicOnDisk* topic) {
    Json object{{"path", finding.path}};
    if (topic != nullptr) {
        object["topic"] = topic->stored ? Json(topic->stored->name) : Json();
        object["id"] = topic->id.to_string();
    }
    if (finding.bytes) {
        object["position"] = finding.bytes->begin;
        object["position_end"] = finding.bytes->end;
    }
    if (finding.offsets) {
        object["first"] = finding.offsets->first.value;
        object["end"] = finding.offsets->end.value;
    }
    object["finding"] = finding.what;
    object["repair"] = finding.remedy.empty() ? Json() : Json(finding.remedy);
    return object;
}

}  // namespace leveret::cli
