#include "message_log/segment/segment_inspection.hpp"

#include <algorithm>
#include <functional>

#include "message_log/segment/segment_check.hpp"
#include "message_log/segment/segment_names.hpp"
#include "message_log/uninterrupted.hpp"

namespace leveret {
namespace {

constexpr std::size_t index_bytes_max = 64U << 20U;

std::string counted(std::uint64_t count, const std::string& noun) {
    return std::to_string(count) + ' ' + noun + (count == 1 ? "" : "s");
}

bool is_absent(const std::error_code& error) noexcept {
    return error == std::errc::no_such_file_or_directory;
}

/// What was trimmed is not lost.
void forget_below(Offset log_start, std::vector<DamagedRange>& damages) {
    std::erase_if(damages, [log_start](const DamagedRange& damage) { return damage.end <= log_start; });
    for (DamagedRange& damage : damages) {
        damage.first = std::max(damage.first, log_start);
    }
}

class Inspection {
  public:
    Inspection(Files& files, const std::string& directory, PartitionId partition, bool is_in_use)
        : files_(files), is_in_use_(is_in_use) {
        found_.directory = directory;
        found_.partition = partition;
    }

    Result<PartitionInspection> run();

  private:
    void read_meta();
    void note_files(const std::vector<Files::Entry>& entries);
    void find_last();
    void inspect(std::size_t at);
    [[nodiscard]] SegmentLimits limits_of(std::size_t at) const;
    /// Nothing where the segment needs none.
    [[nodiscard]] std::optional<SegmentIndex> read_index(const SegmentLimits& limits, std::uint64_t bytes,
                                                         std::string& what_is_wrong);
    void take(const CheckedSegment& checked, const SegmentLimits& limits);
    void tell_of(const InspectedSegment& segment, const SegmentLimits& limits);
    void tell_of_index(const InspectedSegment& segment, const std::string& what_is_wrong);
    void find_missing();
    void compare_with_marks();
    void find(LogFinding finding) { found_.findings.push_back(std::move(finding)); }
    [[nodiscard]] std::string path(std::string_view name) const { return found_.directory + '/' + std::string(name); }

    Files& files_;
    const bool is_in_use_;
    PartitionInspection found_;
    std::vector<Offset> bases_;
    std::vector<Offset> index_bases_;
};

Result<PartitionInspection> Inspection::run() {
    // The mark before the segments: what it says of them was true then, and they only grow.
    read_meta();
    const auto entries = uninterrupted([&] { return files_.list(found_.directory); });
    if (!entries) {
        return tl::unexpected(entries.error());
    }
    note_files(*entries);
    find_last();
    for (std::size_t i = 0; i < bases_.size(); ++i) {
        inspect(i);
    }
    find_missing();
    compare_with_marks();
    return std::move(found_);
}

void Inspection::read_meta() {
    const auto content = read_file(files_, path(meta_name), meta_bytes);
    auto decoded = content ? decode_meta(*content) : tl::unexpected(content.error());
    if (decoded && decoded->meta.partition == found_.partition) {
        found_.meta = std::move(decoded->meta);
        found_.has_meta = true;
        found_.has_slot = decoded->has_slot;
        found_.has_meta_copies = decoded->has_copies;
        if (!found_.has_meta_copies) {
            find({.path = path(meta_name),
                  .what = "has one of its two copies damaged",
                  .remedy = "keep it as an .aside file and write both anew"});
        }
        if (!found_.has_slot) {
            find({.path = path(meta_name),
                  .bytes = ByteRange{0, 2 * slot_position(1)},
                  .what = "both marks of what was synced are damaged: nobody knows what was",
                  .remedy = "sync what can be read, and mark that"});
        }
        return;
    }
    std::string what = "is damaged, or of another partition";
    if (!content) {
        what = is_absent(content.error()) ? "is missing" : "cannot be read: " + content.error().message();
    }
    find({.path = path(meta_name),
          .what = what + ": the server cannot open this log",
          .remedy = "keep it as an .aside file and write another: with a new epoch, and with what can be read as what "
                    "was synced"});
}

void Inspection::note_files(const std::vector<Files::Entry>& entries) {
    for (const Files::Entry& entry : entries) {
        const bool is_known =
            entry.name == meta_name || entry.name == "positions" || entry.name.ends_with(".aside") ||
            entry.name.ends_with(".new");  // a replacement that was not finished: it goes with the next start
        if (const auto base = base_in_name(entry.name, ".log"); base && !entry.is_directory) {
            bases_.push_back(*base);
        } else if (const auto index_base = base_in_name(entry.name, ".index")) {
            index_bases_.push_back(*index_base);
        } else if (const auto lost = lost_in_name(entry.name)) {
            found_.lost.push_back(*lost);
        } else if (!is_known) {
            find({.path = path(entry.name), .what = "is no file of a log"});
        }
    }
    std::sort(found_.lost.begin(), found_.lost.end());
    if (!found_.has_meta && !bases_.empty()) {
        found_.meta.log_start = bases_.front();
    }
    // What a trim had let go of when the server stopped; it goes with the next start.
    while (bases_.size() > 1 && bases_[1] <= found_.meta.log_start) {
        bases_.erase(bases_.begin());
    }
}

/// A segment without records that was not synced is one that was just begun: the next start removes it, and writes to
/// the one before it.
void Inspection::find_last() {
    while (!is_in_use_ && !found_.meta.synced.closed_cleanly && bases_.size() > 1) {
        const auto file = uninterrupted([&] { return files_.open(path(log_name(bases_.back())), Files::Open::read); });
        const auto size = file ? (*file)->size() : Result<std::uint64_t>(tl::unexpected(file.error()));
        if (!size || *size > 0 || found_.meta.synced.segment_base == bases_.back()) {
            return;
        }
        bases_.pop_back();
    }
}

SegmentLimits Inspection::limits_of(std::size_t at) const {
    const Offset base = bases_[at];
    SegmentLimits limits{.base = base, .has_slot = found_.has_slot, .is_in_use = is_in_use_};
    if (at + 1 < bases_.size()) {
        limits.next_base = bases_[at + 1];
        return limits;
    }
    const SyncedSlot& slot = found_.meta.synced;
    constexpr std::uint64_t all = ~std::uint64_t{0};
    limits.synced_offset = std::max({base, slot.offset, found_.meta.log_start});
    if (slot.segment_base == base) {
        limits.synced_bytes = slot.segment_bytes;
    } else if (slot.segment_base > base) {
        limits.synced_bytes = all;  // what was written after it is gone
    }
    return limits;
}

void Inspection::inspect(std::size_t at) {
    const SegmentLimits limits = limits_of(at);
    const std::string log_path = path(log_name(limits.base));
    const auto file = uninterrupted([&] { return files_.open(log_path, Files::Open::read); });
    if (!file && is_in_use_ && is_absent(file.error())) {
        return;  // it was trimmed meanwhile
    }
    const auto size =
        file ? uninterrupted([&] { return (*file)->size(); }) : Result<std::uint64_t>(tl::unexpected(file.error()));
    std::string index_problem;
    const auto index = size ? read_index(limits, *size, index_problem) : std::nullopt;
    auto checked = size ? check_segment(**file, limits, index ? &*index : nullptr)
                        : Result<CheckedSegment>(tl::unexpected(size.error()));
    if (!checked) {
        find({.path = log_path, .what = "cannot be read: " + checked.error().message()});
        const Offset end = limits.next_base.value_or(std::max(limits.base, limits.synced_offset));
        found_.segments.push_back({.base = limits.base, .end = end, .damages = {}, .is_readable = false});
        return;
    }
    if (index && !checked->index_matches) {
        index_problem = "does not match the records";
    }
    InspectedSegment& segment = checked->segment;
    segment.has_good_index = index_problem.empty();
    forget_below(found_.meta.log_start, segment.damages);
    take(*checked, limits);
    tell_of_index(segment, index_problem);
}

std::optional<SegmentIndex> Inspection::read_index(const SegmentLimits& limits, std::uint64_t bytes,
                                                   std::string& what_is_wrong) {
    // That of the last segment counts after a clean stop alone.
    const SyncedSlot& slot = found_.meta.synced;
    const bool is_needed = limits.next_base || (found_.has_slot && slot.closed_cleanly &&
                                                slot.segment_base == limits.base && slot.segment_bytes == bytes);
    if (!is_needed) {
        return std::nullopt;
    }
    const auto content = read_file(files_, path(index_name(limits.base)), index_bytes_max);
    if (!content) {
        const bool may_be_written = is_in_use_ && is_absent(content.error());
        what_is_wrong = may_be_written               ? ""
                        : is_absent(content.error()) ? "is missing"
                                                     : "cannot be read: " + content.error().message();
        return std::nullopt;
    }
    auto index = SegmentIndex::decode(*content, limits.base, bytes);
    if (!index && !(is_in_use_ && !limits.next_base)) {
        what_is_wrong = "is damaged, or of another state of the segment";
    }
    return index;
}

void Inspection::take(const CheckedSegment& checked, const SegmentLimits& limits) {
    const InspectedSegment& segment = checked.segment;
    const auto before = std::find_if(found_.segments.rbegin(), found_.segments.rend(),
                                     [](const InspectedSegment& each) { return each.last_timestamp.has_value(); });
    if (before != found_.segments.rend() && segment.first_timestamp &&
        *segment.first_timestamp < *before->last_timestamp) {
        find({.path = path(log_name(segment.base)),
              .what = "begins with a record that is stamped before those of " + log_name(before->base) +
                      ": a search by time may miss it"});
    }
    if (!limits.next_base) {
        found_.continues_at = checked.continues_at;
    }
    const bool is_followed_by_gap = limits.next_base && segment.end < *limits.next_base;
    if (checked.ends_within_batch && limits.next_base && !is_followed_by_gap) {
        find({.path = path(log_name(segment.base)),
              .offsets = OffsetRange{{segment.end.value - 1}, segment.end},
              .what = "ends with a record whose batch does not end with it"});
    }
    tell_of(segment, limits);
    found_.segments.push_back(segment);
}

void Inspection::tell_of(const InspectedSegment& segment, const SegmentLimits& limits) {
    const std::string log_path = path(log_name(segment.base));
    for (const DamagedRange& damage : segment.damages) {
        const OffsetRange lost{damage.first, damage.end};
        find({.path = log_path,
              .bytes = ByteRange{damage.position, damage.position_end},
              .offsets = lost,
              .what = counted(lost.count(), "record") + " cannot be read",
              .remedy = "move these bytes to " + lost_name(lost) + ", so that the log goes on at " +
                        std::to_string(lost.end.value)});
    }
    if (!segment.cut_at) {
        return;
    }
    const ByteRange cut{*segment.cut_at, segment.bytes};
    const std::string bytes = counted(cut.end - cut.begin, "byte");
    find({.path = log_path,
          .bytes = cut,
          .what = limits.next_base ? "has " + bytes + " behind the beginning of the next segment"
                                   : "ends with " + bytes + " that no acknowledged record needs: a torn write",
          .remedy = "cut them off and keep them as an .aside file"});
}

void Inspection::tell_of_index(const InspectedSegment& segment, const std::string& what_is_wrong) {
    const std::string name = index_name(segment.base);
    const bool is_made_anew_anyway = !segment.damages.empty() || segment.cut_at;
    if (!what_is_wrong.empty() && !is_made_anew_anyway) {
        find({.path = path(name), .what = what_is_wrong, .remedy = "make it anew from the segment"});
    }
}

/// Each segment begins where the one before ends, or where its damage does.
void Inspection::find_missing() {
    std::vector<OffsetRange> gaps;
    const auto expect = [&gaps](Offset expected, Offset found) {
        if (found > expected) {
            gaps.push_back({expected, found});
        }
    };
    Offset expected = found_.meta.log_start;
    for (const InspectedSegment& segment : found_.segments) {
        expect(expected, segment.base);
        expected = std::max(expected, segment.end);
        if (!segment.damages.empty()) {
            expected = std::max(expected, segment.damages.back().end);
        }
    }
    if (found_.segments.empty()) {
        found_.continues_at = std::max(expected, found_.meta.synced.offset);
    }
    expect(expected, found_.continues_at.value_or(expected));
    for (const OffsetRange& gap : gaps) {
        if (is_in_use_ || is_covered(gap, found_.lost)) {
            continue;
        }
        found_.missing.push_back(gap);
        find({.path = found_.directory,
              .offsets = gap,
              .what = counted(gap.count(), "record") + (gap.count() == 1 ? " is" : " are") + " in no file",
              .remedy = "note in an empty " + lost_name(gap) + " that they are lost"});
    }
    if (found_.continues_at && !is_in_use_) {
        find({.path = found_.directory,
              .what = found_.segments.empty() ? "has no segment" : "has a last segment that nothing can be appended to",
              .remedy = "begin another at offset " + std::to_string(found_.continues_at->value)});
    }
}

void Inspection::compare_with_marks() {
    for (const Offset base : index_bases_) {
        const bool is_trimmed = base < (bases_.empty() ? Offset{} : bases_.front());
        if (!is_in_use_ && !is_trimmed && std::find(bases_.begin(), bases_.end(), base) == bases_.end()) {
            found_.orphans.push_back(index_name(base));
            find({.path = path(index_name(base)), .what = "is the index of no segment", .remedy = "remove it"});
        }
    }
    const auto is_ascending = [](const EpochStart& a, const EpochStart& b) {
        return a.epoch < b.epoch && a.first <= b.first;
    };
    const auto& epochs = found_.meta.epochs;
    if (std::adjacent_find(epochs.begin(), epochs.end(), std::not_fn(is_ascending)) != epochs.end()) {
        find({.path = path(meta_name), .what = "has epochs that do not ascend"});
    }
}

}  // namespace

Offset PartitionInspection::end() const noexcept {
    Offset end = meta.log_start;
    for (const InspectedSegment& segment : segments) {
        end = std::max(end, segment.end);
        end = segment.damages.empty() ? end : std::max(end, segment.damages.back().end);
    }
    return std::max(end, continues_at.value_or(end));
}

std::uint64_t PartitionInspection::records() const noexcept {
    std::uint64_t records = 0;
    for (const InspectedSegment& segment : segments) {
        records += segment.records;
    }
    return records;
}

std::uint64_t PartitionInspection::bytes() const noexcept {
    std::uint64_t bytes = 0;
    for (const InspectedSegment& segment : segments) {
        bytes += segment.bytes;
    }
    return bytes;
}

Result<PartitionInspection> inspect_partition(Files& files, const std::string& directory, PartitionId partition,
                                              bool is_in_use) {
    return Inspection(files, directory, partition, is_in_use).run();
}

}  // namespace leveret
