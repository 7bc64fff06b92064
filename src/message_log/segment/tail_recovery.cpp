#include "message_log/segment/tail_recovery.hpp"

#include <algorithm>

#include "message_log/segment/segment_names.hpp"
#include "message_log/uninterrupted.hpp"

namespace leveret {
namespace {

using Found = SegmentScanner::Found;

constexpr std::size_t copy_bytes = 1U << 20U;

/// Up to where the segment is good: behind the last whole batch.
struct GoodEnd {
    std::uint64_t position = 0;
    Offset offset{};
    IndexEntry last_record{};
    bool has_record = false;
};

/// Writes [begin, end) of `from` into `to`, at `at`.
std::error_code copy(File& from, std::uint64_t begin, std::uint64_t end, File& to, std::uint64_t at) {
    std::vector<std::byte> buffer(static_cast<std::size_t>(std::min<std::uint64_t>(copy_bytes, end - begin)));
    while (begin < end) {
        const auto piece = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), end - begin));
        const auto got = read_all(from, begin, piece);
        if (!got) {
            return got.error();
        }
        if (*got == 0) {
            return std::make_error_code(std::errc::io_error);
        }
        const Bytes run = piece.first(*got);
        if (const std::error_code error = write_all(to, at, {&run, 1})) {
            return error;
        }
        begin += *got;
        at += *got;
    }
    return {};
}

class TailRecovery {
  public:
    TailRecovery(PartitionPlace& place, const TailLimits& limits) : place_(place), limits_(limits) {
        good_.offset = limits.base;
        tail_.segment = {.base = limits.base, .end = limits.base};
    }

    Result<RecoveredTail> run();

  private:
    [[nodiscard]] std::error_code scan(File& file);
    void take(const SegmentScanner::Record& record);
    [[nodiscard]] bool take_damage(const DamagedRange& damage);
    void keep_up_to(std::uint64_t position);
    void end_in_rot(Offset first, std::uint64_t position);
    void end_scan(const SegmentScanner& scanner);
    [[nodiscard]] std::error_code mend(File& file);
    [[nodiscard]] std::error_code keep_aside(File& file);

    PartitionPlace& place_;
    const TailLimits limits_;
    RecoveredTail tail_;
    GoodEnd good_;
    IndexEntry newest_{};
    bool has_records_behind_cut_ = false;
};

Result<RecoveredTail> TailRecovery::run() {
    Files& files = place_.context().files;
    const std::string path = place_.path(log_name(limits_.base));
    const auto file = uninterrupted([&] { return files.open(path, Files::Open::write); });
    if (!file) {
        return tl::unexpected(file.error());
    }
    if (const std::error_code error = scan(**file)) {
        return tl::unexpected(error);
    }
    tail_.index.cut(good_.position);
    tail_.last_record = good_.last_record;
    tail_.segment.end = good_.offset;
    tail_.segment.bytes = tail_.continues_at ? limits_.bytes : good_.position;
    if (good_.has_record) {
        tail_.segment.last_timestamp = good_.last_record.timestamp;
    }
    if (const std::error_code error = mend(**file)) {
        return tl::unexpected(error);
    }
    return std::move(tail_);
}

std::error_code TailRecovery::scan(File& file) {
    SegmentScanner scanner(file, {.offset = limits_.base, .timestamp = Timestamp::min()}, limits_.bytes);
    while (true) {
        const auto found = scanner.next();
        if (!found) {
            return found.error();
        }
        if (*found == Found::record) {
            take(scanner.record());
        } else if (*found == Found::end) {
            end_scan(scanner);
            return {};
        } else if (!take_damage(scanner.damage())) {
            return {};
        }
    }
}

void TailRecovery::take(const SegmentScanner::Record& record) {
    tail_.index.add(record.place);
    newest_ = record.place;
    if (record.ends_batch || record.place.offset < limits_.synced_offset) {
        good_ = {record.end_position(), {record.place.offset.value + 1}, record.place, true};
    }
}

/// False: the scan is at its end.
bool TailRecovery::take_damage(const DamagedRange& damage) {
    const bool is_followed = damage.end > damage.first;
    if (damage.position >= limits_.synced_bytes && damage.first >= limits_.synced_offset) {
        has_records_behind_cut_ = is_followed;
        return false;
    }
    if (!is_followed) {
        end_in_rot(damage.first, damage.position);
        return false;
    }
    keep_up_to(damage.position);
    good_.position = damage.position_end;
    good_.offset = damage.end;
    tail_.damages.push_back(damage);
    return true;
}

/// What stands before rot was acknowledged too, whether its batch is still whole or not.
void TailRecovery::keep_up_to(std::uint64_t position) {
    if (position > good_.position) {
        good_.last_record = newest_;
        good_.has_record = true;
    }
}

void TailRecovery::end_in_rot(Offset first, std::uint64_t position) {
    const Offset end{std::max(limits_.synced_offset.value, first.value + 1)};
    keep_up_to(position);
    good_.position = position;
    good_.offset = first;
    tail_.damages.push_back({first, end, position, limits_.bytes});
    tail_.continues_at = end;
}

/// The file ends with a whole record, perhaps too early.
void TailRecovery::end_scan(const SegmentScanner& scanner) {
    if (scanner.position() < limits_.synced_bytes || scanner.offset() < limits_.synced_offset) {
        end_in_rot(scanner.offset(), scanner.position());
    }
}

/// Cuts what does not count, and writes what nobody may have synced: after a sync that failed in the process before
/// this one, the pages are there and look clean, and have never reached the disk.
std::error_code TailRecovery::mend(File& file) {
    const bool cuts = !tail_.continues_at && good_.position < limits_.bytes;
    const bool rewrites = !tail_.continues_at && limits_.synced_bytes < good_.position;
    if (!cuts && !rewrites) {
        return {};
    }
    tail_.has_changed = true;
    if (rewrites) {
        const std::uint64_t begin = limits_.synced_bytes;
        if (const std::error_code error = copy(file, begin, good_.position, file, begin)) {
            return error;
        }
    }
    if (cuts) {
        tail_.cut_bytes = limits_.bytes - good_.position;
        const std::error_code error = has_records_behind_cut_ ? keep_aside(file) : std::error_code();
        if (error) {
            return error;
        }
        if (const auto failure = uninterrupted([&] { return file.truncate(good_.position); })) {
            return failure;
        }
        tail_.findings.push_back("cut " + std::to_string(tail_.cut_bytes) + " bytes that were never acknowledged off " +
                                 place_.path(log_name(limits_.base)) + ", from byte " + std::to_string(good_.position) +
                                 " on");
    }
    return uninterrupted([&] { return file.sync(); });
}

/// Nobody was told that they are safe; but they may be wanted.
std::error_code TailRecovery::keep_aside(File& file) {
    const std::string path = place_.path(offset_name(limits_.base) + '-' + std::to_string(good_.position) + '-' +
                                         std::to_string(limits_.bytes) + ".aside");
    Files& files = place_.context().files;
    const auto aside = uninterrupted([&] { return files.open(path, Files::Open::overwrite); });
    if (!aside) {
        return aside.error();
    }
    if (const std::error_code error = copy(file, good_.position, limits_.bytes, **aside, 0)) {
        return error;
    }
    if (const std::error_code error = uninterrupted([&] { return (**aside).sync(); })) {
        return error;
    }
    tail_.kept_aside_bytes = tail_.cut_bytes;
    tail_.findings.push_back("kept what was cut, which has whole records in it, as " + path);
    return uninterrupted([&] { return files.sync_directory(place_.directory()); });
}

}  // namespace

Result<RecoveredTail> recover_tail(PartitionPlace& place, const TailLimits& limits) {
    return TailRecovery(place, limits).run();
}

}  // namespace leveret
