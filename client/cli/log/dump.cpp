#include <algorithm>

#include <fmt/format.h>

#include "log/log_commands.hpp"
#include "log/rocksdb_records.hpp"
#include "message_log/segment/segment_dump.hpp"
#include "output.hpp"
#include "session.hpp"
#include "storage_words.hpp"

namespace leveret::cli {
namespace {

constexpr Offset no_end{~std::uint64_t{0}};

std::string attributes_text(std::uint8_t attributes) {
    using namespace record_layout;
    std::string text;
    const auto add = [&](std::uint8_t bit, std::string_view word) {
        if ((attributes & bit) != 0) {
            text += text.empty() ? "" : ",";
            text += word;
        }
    };
    add(has_key, "key");
    add(null_payload, "tombstone");
    add(more_in_batch, "more");
    add(control, "control");
    add(has_extension, "extension");
    return text.empty() ? "-" : text;
}

std::string hex_of(Bytes bytes) {
    std::string text;
    for (const std::byte byte : bytes) {
        fmt::format_to(std::back_inserter(text), "{:02x}", std::to_integer<unsigned>(byte));
    }
    return text;
}

/// Sixteen bytes a line, as hexadecimal numbers and as text.
void append_hex_lines(std::string& out, Bytes bytes) {
    constexpr std::size_t row_bytes = 16;
    for (std::size_t at = 0; at < bytes.size(); at += row_bytes) {
        const Bytes row = bytes.subspan(at, std::min(row_bytes, bytes.size() - at));
        fmt::format_to(std::back_inserter(out), "  {:06x} ", at);
        for (const std::byte byte : row) {
            fmt::format_to(std::back_inserter(out), " {:02x}", std::to_integer<unsigned>(byte));
        }
        out.append(3 * (row_bytes - row.size()) + 2, ' ');
        for (const std::byte byte : row) {
            const auto character = std::to_integer<char>(byte);
            out.push_back(character >= ' ' && character <= '~' ? character : '.');
        }
        out.push_back('\n');
    }
}

/// As JSON writes it, or as base64 where it is no UTF-8.
std::string quoted(Bytes bytes) {
    return is_utf8(as_text(bytes)) ? Json(as_text(bytes)).dump() : "base64:" + base64(bytes);
}

/// Prints records and what is missing between them.
class DumpPrinter {
  public:
    DumpPrinter(const DumpOptions& options, std::string topic, bool json, Output& output)
        : options_(options), topic_(std::move(topic)), json_(json), output_(output) {}

    [[nodiscard]] bool print(RecordView record, const std::string& path, std::optional<std::uint64_t> position) {
        json_ ? print_json(record, path, position) : print_text(record, path, position);
        output_.wrote();
        has_printed_ = true;
        return output_.is_open();
    }
    void lost(const OffsetRange& range, const std::string& where) {
        has_lost_ = true;
        output_.flush();  // in its place between the records, where both go to one terminal
        const std::uint64_t last = range.end.value - 1;
        say(last == range.first.value
                ? fmt::format("offset {} cannot be read: {}", last, where)
                : fmt::format("offsets {} to {} cannot be read: {}", range.first.value, last, where));
    }
    [[nodiscard]] bool has_lost() const { return has_lost_; }
    /// There was something to show, or to say.
    [[nodiscard]] bool has_told() const { return has_lost_ || has_printed_; }

  private:
    void print_text(RecordView record, const std::string& path, std::optional<std::uint64_t> position) {
        std::string& out = output_.buffer();
        fmt::format_to(std::back_inserter(out), "{} {} {} B {}", record.offset().value, format_time(record.timestamp()),
                       record.size(), attributes_text(record.attributes()));
        if (options_.headers_only) {
            fmt::format_to(std::back_inserter(out), " checksum={:08x} {}", record.checksum(), path);
            if (position) {
                fmt::format_to(std::back_inserter(out), ":{}", *position);
            }
        } else {
            if (const auto key = record.key()) {
                out += " key=" + quoted(as_bytes(*key));
            }
            for (const Header& header : record.headers()) {
                out += fmt::format(" {}={}", header.name, header.value ? quoted(*header.value) : "null");
            }
            out += ' ' + (record.is_tombstone() ? std::string("null") : quoted(record.payload()));
        }
        out.push_back('\n');
        if (options_.hex) {
            append_hex_lines(out, record.bytes());
        }
    }
    void print_json(RecordView record, const std::string& path, std::optional<std::uint64_t> position) {
        Json object;
        if (options_.headers_only) {
            object = {
                {"topic", topic_}, {"offset", record.offset().value}, {"timestamp", format_time(record.timestamp())}};
        } else {
            std::string text;
            append_json(text, topic_, record);
            object = Json::parse(text);
        }
        object["size"] = record.size();
        object["checksum"] = record.checksum();
        object["attributes"] = record.attributes();
        object["path"] = path;
        object["position"] = position ? Json(*position) : Json();
        if (options_.hex) {
            object["hex"] = hex_of(record.bytes());
        }
        output_.buffer() += object.dump() + '\n';
    }

    const DumpOptions& options_;
    const std::string topic_;
    const bool json_;
    Output& output_;
    bool has_printed_ = false;
    bool has_lost_ = false;
};

ExitCode dump_segments(const DataDirectory& directory, const std::string& partition, const OffsetRange& range,
                       DumpPrinter& printer) {
    DumpVisitor visitor;
    visitor.on_record = [&](const StoredRecord& stored) {
        return printer.print(stored.record, stored.path, stored.position);
    };
    visitor.on_lost = [&](const OffsetRange& lost, const std::string& path, const std::optional<ByteRange>& bytes) {
        printer.lost(lost, bytes ? fmt::format("{}, bytes {} to {}", path, bytes->begin, bytes->end)
                                 : fmt::format("{} does not have them", path));
    };
    const std::error_code error = dump_partition(directory.files(), partition, range, visitor);
    if (error) {
        say(fmt::format("{}: {}", partition, error.message()));
    }
    return error || printer.has_lost() ? ExitCode::failed : ExitCode::ok;
}

ExitCode dump_rocksdb(const DataDirectory& directory, const TopicOnDisk& topic, PartitionId partition,
                      const OffsetRange& range, DumpPrinter& printer) {
    const auto database = RocksDbRecords::open(directory.rocksdb_path());
    const auto extent = database ? database->extent(topic.id, partition) : tl::unexpected(database.error());
    if (!extent) {
        say(extent.error());
        return ExitCode::failed;
    }
    const OffsetRange wanted{std::max(range.first, extent->first), std::min(range.end, extent->end)};
    if (wanted.first < wanted.end) {
        RocksDbVisitor visitor;
        visitor.on_record = [&](RecordView record) { return printer.print(record, "rocksdb", std::nullopt); };
        visitor.on_lost = [&](const OffsetRange& lost, const std::string& why) { printer.lost(lost, why); };
        database->visit(topic.id, partition, wanted, visitor);
    }
    return printer.has_lost() ? ExitCode::failed : ExitCode::ok;
}

Json epochs_of(const PartitionMeta& meta) {
    Json epochs = Json::array();
    for (const EpochStart& start : meta.epochs) {
        epochs.push_back({{"epoch", start.epoch.value}, {"first", start.first.value}});
    }
    return epochs;
}

/// What a topic is, without its records; they are read all the same, as only they tell where a log ends.
void print_topic(const DataDirectory& directory, const TopicOnDisk& topic, const DumpOptions& options, bool json,
                 Output& output) {
    for (const PartitionId partition : topic.partitions) {
        const InspectedPartition found = inspect(directory, topic, partition, options.running);
        const std::string_view store = topic.is_rocksdb() ? "rocksdb" : "file";
        const std::optional<PartitionInspection>& log = found.log;
        if (json) {
            Json object{{"topic", topic.stored ? Json(topic.stored->name) : Json()},
                        {"id", topic.id.to_string()},
                        {"partition", partition.value},
                        {"store", store},
                        {"durability", topic.stored ? Json(word_of(topic.stored->settings.durability)) : Json()},
                        {"first", found.offsets.first.value},
                        {"next", found.offsets.end.value},
                        {"records", found.records},
                        {"bytes", found.bytes}};
            if (log) {
                object["segments"] = log->segments.size();
                object["synced"] = log->has_slot ? Json(log->meta.synced.offset.value) : Json();
                object["closed_cleanly"] = log->has_slot && log->meta.synced.closed_cleanly;
                object["epochs"] = epochs_of(log->meta);
            }
            output.line(object.dump());
            continue;
        }
        std::string line = fmt::format("{:<32} {} {} offsets [{}, {}) {}", topic.label(), topic.id.to_string(), store,
                                       found.offsets.first.value, found.offsets.end.value, format_bytes(found.bytes));
        if (log) {
            line += fmt::format(", {} segment{}, synced below {}", log->segments.size(),
                                log->segments.size() == 1 ? "" : "s",
                                log->has_slot ? fmt::format("{}", log->meta.synced.offset.value) : "?");
            for (const EpochStart& start : log->meta.epochs) {
                line += fmt::format(", epoch {} from {}", start.epoch.value, start.first.value);
            }
        }
        output.line(line);
    }
}

}  // namespace

ExitCode dump(const DumpOptions& options, bool json) {
    const auto directory = DataDirectory::open(options);
    if (!directory) {
        say(directory.error());
        return ExitCode::failed;
    }
    Output output;
    ExitCode code = ExitCode::ok;
    const bool wants_records = !options.topic.empty() || !options.id.empty();
    const OffsetRange range{{options.from.value_or(0)}, {options.to.value_or(no_end.value)}};
    for (const TopicOnDisk& topic : directory->topics()) {
        if (!wants_records) {
            print_topic(*directory, topic, options, json, output);
            continue;
        }
        DumpPrinter printer(options, topic.label(), json, output);
        for (const PartitionId partition : topic.partitions) {
            const ExitCode of_partition =
                topic.is_rocksdb() ? dump_rocksdb(*directory, topic, partition, range, printer)
                                   : dump_segments(*directory, topic.partition_directory(partition), range, printer);
            code = of_partition == ExitCode::ok ? code : of_partition;
            if (of_partition == ExitCode::ok && !printer.has_told()) {
                const OffsetRange there = inspect(*directory, topic, partition, options.running).offsets;
                say(fmt::format("{} has no such record: its offsets are [{}, {})", topic.label(), there.first.value,
                                there.end.value));
            }
        }
    }
    return finish(output, code);
}

}  // namespace leveret::cli
