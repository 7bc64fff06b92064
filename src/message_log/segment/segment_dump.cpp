#include "message_log/segment/segment_dump.hpp"

#include <algorithm>

#include "message_log/segment/segment_names.hpp"
#include "message_log/uninterrupted.hpp"

namespace leveret {
namespace {

using Found = SegmentScanner::Found;

constexpr std::size_t index_bytes_max = 64U << 20U;

class Dump {
  public:
    Dump(Files& files, const std::string& directory, const OffsetRange& range, const DumpVisitor& visitor)
        : files_(files), directory_(directory), range_(range), visitor_(visitor), next_(range.first) {}

    std::error_code run();

  private:
    [[nodiscard]] std::error_code dump(Offset base, Offset limit, bool is_last);
    [[nodiscard]] Offset log_start();
    [[nodiscard]] IndexEntry start_in(Offset base, std::uint64_t bytes);
    [[nodiscard]] std::error_code visit(File& file, const std::string& path, const SegmentScanner::Record& record);
    void lose(Offset end, const std::string& path, const std::optional<ByteRange>& bytes);

    Files& files_;
    const std::string& directory_;
    const OffsetRange range_;
    const DumpVisitor& visitor_;
    Offset next_;
    bool is_done_ = false;
    std::vector<std::byte> bytes_;
};

std::error_code Dump::run() {
    const auto entries = uninterrupted([&] { return files_.list(directory_); });
    if (!entries) {
        return entries.error();
    }
    std::vector<Offset> bases;
    for (const Files::Entry& entry : *entries) {
        if (const auto base = base_in_name(entry.name, ".log")) {
            bases.push_back(*base);
        }
    }
    if (!bases.empty()) {
        next_ = std::max({next_, bases.front(), log_start()});
    }
    for (std::size_t i = 0; i < bases.size() && !is_done_ && bases[i] < range_.end; ++i) {
        const bool is_last = i + 1 == bases.size();
        const Offset next_base = is_last ? range_.end : bases[i + 1];
        if (next_base <= next_) {
            continue;
        }
        lose(bases[i], directory_, std::nullopt);
        if (const std::error_code error = dump(bases[i], std::min(next_base, range_.end), is_last)) {
            return error;
        }
        if (!is_last) {
            lose(next_base, directory_ + '/' + log_name(bases[i]), std::nullopt);
        }
    }
    return {};
}

/// Records below `limit`.
std::error_code Dump::dump(Offset base, Offset limit, bool is_last) {
    const std::string path = directory_ + '/' + log_name(base);
    const auto file = uninterrupted([&] { return files_.open(path, Files::Open::read); });
    if (!file) {
        return file.error();
    }
    const auto size = uninterrupted([&] { return (*file)->size(); });
    if (!size) {
        return size.error();
    }
    SegmentScanner scanner(**file, start_in(base, *size), *size);
    while (!is_done_) {
        const auto found = scanner.next();
        if (!found) {
            return found.error();
        }
        if (*found == Found::end) {
            return {};
        }
        if (*found == Found::record) {
            const SegmentScanner::Record& record = scanner.record();
            if (record.place.offset >= limit) {
                return {};
            }
            const std::error_code error = record.place.offset < next_ ? std::error_code() : visit(**file, path, record);
            if (error) {
                return error;
            }
        } else if (const DamagedRange& damage = scanner.damage(); damage.end > damage.first || !is_last) {
            const Offset end = damage.end > damage.first ? std::min(damage.end, limit) : limit;
            lose(end, path, ByteRange{damage.position, damage.position_end});
        }
    }
    return {};
}

/// Where nobody knows it, the log begins with its first segment.
Offset Dump::log_start() {
    const auto content = read_file(files_, directory_ + '/' + std::string(meta_name), meta_bytes);
    const auto decoded = content ? decode_meta(*content) : tl::unexpected(content.error());
    return decoded ? decoded->meta.log_start : Offset{};
}

/// At or before the first record that is wanted, if the index knows.
IndexEntry Dump::start_in(Offset base, std::uint64_t bytes) {
    const IndexEntry first{.offset = base, .timestamp = Timestamp::min()};
    if (next_ <= base) {
        return first;
    }
    const auto content = read_file(files_, directory_ + '/' + index_name(base), index_bytes_max);
    const auto index = content ? SegmentIndex::decode(*content, base, bytes) : std::nullopt;
    auto near = index ? index->find_offset(next_).value_or(first) : first;
    near.timestamp = Timestamp::min();
    return near;
}

std::error_code Dump::visit(File& file, const std::string& path, const SegmentScanner::Record& record) {
    bytes_.resize(record.bytes);
    const auto got = read_all(file, record.place.position, bytes_);
    if (!got) {
        return got.error();
    }
    if (check_stored_record(Bytes(bytes_).first(*got), record.place.offset) != StoredCheck::valid) {
        return std::make_error_code(std::errc::io_error);  // it was right a moment ago
    }
    next_ = {record.place.offset.value + 1};
    is_done_ = !visitor_.on_record({path, record.place.position, RecordView(bytes_.data())});
    return {};
}

/// Everything from where we are up to `end`.
void Dump::lose(Offset end, const std::string& path, const std::optional<ByteRange>& bytes) {
    end = std::min(end, range_.end);
    if (!is_done_ && next_ < end) {
        visitor_.on_lost({next_, end}, path, bytes);
        next_ = end;
    }
}

}  // namespace

std::error_code dump_partition(Files& files, const std::string& directory, const OffsetRange& range,
                               const DumpVisitor& visitor) {
    return Dump(files, directory, range, visitor).run();
}

}  // namespace leveret
