#include "message_log/segment/segment_check.hpp"

#include <algorithm>

#include "message_log/uninterrupted.hpp"

namespace leveret {
namespace {

using Found = SegmentScanner::Found;

bool lies_in(std::uint64_t position, const std::vector<DamagedRange>& damages) noexcept {
    return std::any_of(damages.begin(), damages.end(), [position](const DamagedRange& damage) {
        return position >= damage.position && position < damage.position_end;
    });
}

class SegmentCheck {
  public:
    SegmentCheck(const SegmentLimits& limits, std::span<const IndexEntry> index) : limits_(limits), index_(index) {
        InspectedSegment& segment = checked_.segment;
        segment.base = segment.end = whole_.end = limits.base;
    }

    Result<CheckedSegment> run(File& file);

  private:
    /// Where the last whole batch ends, and what there is up to it.
    struct WholeBatches {
        std::uint64_t position = 0;
        Offset end{};
        std::uint64_t records = 0;
        std::optional<IndexEntry> last{};
    };
    [[nodiscard]] bool take(const SegmentScanner::Record& record);
    [[nodiscard]] bool take_damage(const DamagedRange& damage);
    [[nodiscard]] bool take_sealed_damage(const DamagedRange& damage);
    [[nodiscard]] bool is_torn(const DamagedRange& damage) const noexcept;
    void lose(const DamagedRange& damage, Offset end, std::uint64_t position_end);
    void end_last(const SegmentScanner& scanner);
    void cut_to_whole_batches();
    void compare_with_index(const IndexEntry& record);
    void finish();

    const SegmentLimits limits_;
    std::span<const IndexEntry> index_;  // what has not been compared yet
    CheckedSegment checked_;
    std::optional<IndexEntry> last_;
    WholeBatches whole_;
};

Result<CheckedSegment> SegmentCheck::run(File& file) {
    const auto size = uninterrupted([&] { return file.size(); });
    if (!size) {
        return tl::unexpected(size.error());
    }
    checked_.segment.bytes = *size;
    SegmentScanner scanner(file, {.offset = limits_.base, .timestamp = Timestamp::min()}, *size);
    bool goes_on = true;
    while (goes_on) {
        const auto found = scanner.next();
        if (!found) {
            return tl::unexpected(found.error());
        }
        if (*found == Found::record) {
            goes_on = take(scanner.record());
        } else if (*found == Found::damage) {
            goes_on = take_damage(scanner.damage());
        } else {
            goes_on = false;
            end_last(scanner);
        }
    }
    finish();
    return std::move(checked_);
}

bool SegmentCheck::take(const SegmentScanner::Record& record) {
    InspectedSegment& segment = checked_.segment;
    if (limits_.next_base && record.place.offset >= *limits_.next_base) {
        segment.cut_at = record.place.position;
        return false;
    }
    checked_.index.add(record.place);
    compare_with_index(record.place);
    checked_.ends_within_batch = !record.ends_batch;
    segment.first_timestamp = segment.first_timestamp.value_or(record.place.timestamp);
    segment.end = {record.place.offset.value + 1};
    ++segment.records;
    last_ = record.place;
    if (record.ends_batch || record.place.offset < limits_.synced_offset) {
        whole_ = {record.end_position(), segment.end, segment.records, last_};
    }
    return true;
}

bool SegmentCheck::take_damage(const DamagedRange& damage) {
    if (limits_.next_base) {
        return take_sealed_damage(damage);
    }
    if (is_torn(damage)) {
        if (!limits_.is_in_use) {
            cut_to_whole_batches();
        }
        return false;
    }
    const bool is_followed = damage.end > damage.first;
    const Offset end = is_followed ? damage.end : std::max(limits_.synced_offset, Offset{damage.first.value + 1});
    lose(damage, end, is_followed ? damage.position_end : checked_.segment.bytes);
    if (!is_followed) {
        checked_.continues_at = end;
    }
    return is_followed;
}

/// Nothing of what lies beyond the beginning of the next segment belongs into this one.
bool SegmentCheck::take_sealed_damage(const DamagedRange& damage) {
    const Offset limit = *limits_.next_base;
    const bool is_followed = damage.end > damage.first && damage.end < limit;
    if (damage.first >= limit) {
        checked_.segment.cut_at = damage.position;
    } else if (is_followed) {
        lose(damage, damage.end, damage.position_end);
    } else {
        lose(damage, limit, checked_.segment.bytes);
    }
    return is_followed;
}

/// Where nobody knows what was synced, a record behind the damage is taken for a sign that the damage was too.
bool SegmentCheck::is_torn(const DamagedRange& damage) const noexcept {
    if (damage.first < limits_.synced_offset) {
        return false;
    }
    return limits_.has_slot ? damage.position >= limits_.synced_bytes : damage.end == damage.first;
}

void SegmentCheck::lose(const DamagedRange& damage, Offset end, std::uint64_t position_end) {
    checked_.segment.damages.push_back({damage.first, end, damage.position, position_end});
    checked_.ends_within_batch = false;  // the rest of the batch is what is lost
    // What stands before rot was acknowledged too, whether its batch is still whole or not.
    whole_ = {position_end, end, checked_.segment.records, last_};
}

/// The file ends with a whole record, perhaps too early or in the middle of a batch.
void SegmentCheck::end_last(const SegmentScanner& scanner) {
    if (limits_.next_base) {
        return;
    }
    const bool ends_too_early = scanner.position() < limits_.synced_bytes || scanner.offset() < limits_.synced_offset;
    if (ends_too_early) {
        const Offset at = scanner.offset();
        checked_.continues_at = std::max(limits_.synced_offset, Offset{at.value + 1});
        checked_.ends_within_batch = false;
    } else if (checked_.ends_within_batch && !limits_.is_in_use) {
        cut_to_whole_batches();
    }
}

void SegmentCheck::cut_to_whole_batches() {
    InspectedSegment& segment = checked_.segment;
    segment.cut_at = whole_.position;
    segment.end = whole_.last ? Offset{whole_.last->offset.value + 1} : segment.base;
    segment.records = whole_.records;
    last_ = whole_.last;
    checked_.index.cut(whole_.position);
    checked_.ends_within_batch = false;
}

void SegmentCheck::compare_with_index(const IndexEntry& record) {
    while (!index_.empty() && index_.front().position <= record.position) {
        const IndexEntry& entry = index_.front();
        checked_.index_matches =
            checked_.index_matches && (entry == record || lies_in(entry.position, checked_.segment.damages));
        index_ = index_.subspan(1);
    }
}

void SegmentCheck::finish() {
    if (last_) {
        checked_.index.seal(*last_);
        checked_.segment.last_timestamp = last_->timestamp;
    } else {
        checked_.segment.first_timestamp = std::nullopt;
    }
}

}  // namespace

Result<CheckedSegment> check_segment(File& file, const SegmentLimits& limits, const SegmentIndex* index) {
    const auto entries = index != nullptr ? index->entries() : std::span<const IndexEntry>();
    auto checked = SegmentCheck(limits, entries).run(file);
    if (checked && index != nullptr && checked->segment.damages.empty()) {
        const auto expected = checked->index.entries();
        const bool ends_alike =
            entries.empty() == expected.empty() && (entries.empty() || entries.back() == expected.back());
        checked->index_matches = checked->index_matches && ends_alike;
    }
    return checked;
}

}  // namespace leveret
