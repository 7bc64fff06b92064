#include "message_log/segment/recovery.hpp"

#include <algorithm>

#include "message_log/segment/lost_offsets.hpp"
#include "message_log/segment/segment_names.hpp"
#include "message_log/segment/segment_scan.hpp"
#include "message_log/segment/tail_recovery.hpp"
#include "message_log/uninterrupted.hpp"

namespace leveret {
namespace {

using Found = SegmentScanner::Found;

constexpr std::size_t index_file_bytes_max = 64U << 20U;

struct SealedSegment {
    Segment segment;
    SegmentIndex index;
};

class Recovery {
  public:
    Recovery(PartitionPlace& place, const LogSettings& settings)
        : place_(place), files_(place.context().files), settings_(settings) {}

    Result<RecoveredLog> run();

  private:
    [[nodiscard]] std::error_code read_meta();
    [[nodiscard]] std::error_code find_segments();
    [[nodiscard]] std::error_code remove_trimmed();
    void remove_empty_end();
    [[nodiscard]] std::error_code look_at_sealed(Offset base, Offset next_base);
    void check_order();
    [[nodiscard]] std::error_code open_last();
    [[nodiscard]] bool is_closed_cleanly(std::uint64_t size);
    [[nodiscard]] std::error_code mend_last(std::uint64_t size);
    [[nodiscard]] std::error_code begin_behind_rot(const Segment& rotten, Offset end);
    [[nodiscard]] std::error_code raise_epoch();
    [[nodiscard]] Result<std::unique_ptr<File>> open(Offset base, Files::Open how);
    [[nodiscard]] std::optional<SegmentIndex> read_index(Offset base, std::uint64_t bytes);
    [[nodiscard]] std::error_code rebuild_index(Offset base, File& file, std::uint64_t bytes, SealedSegment& sealed);
    void note_damage(Offset base, std::uint64_t position, Offset first, Offset end);

    PartitionPlace& place_;
    Files& files_;
    const LogSettings& settings_;
    std::vector<Offset> bases_;
    std::vector<OffsetRange> lost_;  ///< given up by a repair
    RecoveredLog log_;
    bool rewrites_meta_ = false;
};

Result<RecoveredLog> Recovery::run() {
    for (const auto step : {&Recovery::read_meta, &Recovery::find_segments, &Recovery::remove_trimmed}) {
        if (const std::error_code error = (this->*step)()) {
            return tl::unexpected(error);
        }
    }
    remove_empty_end();
    for (std::size_t i = 0; i + 1 < bases_.size(); ++i) {
        if (const std::error_code error = look_at_sealed(bases_[i], bases_[i + 1])) {
            return tl::unexpected(error);
        }
    }
    if (const std::error_code error = open_last()) {
        return tl::unexpected(error);
    }
    check_order();
    if (const std::error_code error = raise_epoch()) {
        return tl::unexpected(error);
    }
    log_.start.segments.log_start = log_.start.meta.log_start;
    log_.epochs = log_.start.meta.epochs;
    return std::move(log_);
}

std::error_code Recovery::read_meta() {
    const auto content = read_file(files_, place_.path(meta_name), meta_bytes);
    if (!content) {
        return content.error() == std::errc::file_too_large ? make_error_code(Error::bad_log) : content.error();
    }
    auto decoded = decode_meta(*content);
    if (!decoded) {
        return decoded.error();
    }
    if (decoded->meta.partition != place_.partition()) {
        return Error::bad_log;
    }
    if (!decoded->has_slot) {
        log_.recovery.findings.push_back("both synced slots of " + place_.path(meta_name) +
                                         " are damaged: nobody knows what of " + place_.topic_name() + " was synced");
    }
    if (!decoded->has_copies) {
        log_.recovery.findings.push_back(place_.path(meta_name) + " was damaged; its other copy has mended it");
        rewrites_meta_ = true;
    }
    log_.start.meta = std::move(decoded->meta);
    return {};
}

std::error_code Recovery::find_segments() {
    const auto entries = uninterrupted([&] { return files_.list(place_.directory()); });
    if (!entries) {
        return entries.error();
    }
    for (const Files::Entry& entry : *entries) {
        const bool is_known = entry.name == meta_name || entry.name == "positions" || entry.name.ends_with(".aside") ||
                              base_in_name(entry.name, ".index");
        if (const auto lost = lost_in_name(entry.name)) {
            lost_.push_back(*lost);
        } else if (const auto base = base_in_name(entry.name, ".log"); base && !entry.is_directory) {
            bases_.push_back(*base);
        } else if (entry.name.ends_with(".new") && !entry.is_directory) {
            (void)files_.remove(place_.path(entry.name));  // a replacement that was not finished
        } else if (!is_known) {
            log_.recovery.findings.push_back(place_.path(entry.name) + " is not a file of a log; it stays");
        }
    }
    return {};
}

/// What a trim had taken out of the log when a crash came before it had removed the files.
std::error_code Recovery::remove_trimmed() {
    while (bases_.size() > 1 && bases_[1] <= log_.start.meta.log_start) {
        (void)files_.remove(place_.path(index_name(bases_[0])));
        const auto error = uninterrupted([&] { return files_.remove(place_.path(log_name(bases_[0]))); });
        if (error) {
            return error;
        }
        bases_.erase(bases_.begin());
    }
    return {};
}

/// A segment without records is one that was just begun, or could not be: the one before it may still have been
/// written. So that one is the last.
void Recovery::remove_empty_end() {
    while (bases_.size() > 1) {
        const auto file = open(bases_.back(), Files::Open::read);
        const auto size = file ? (*file)->size() : Result<std::uint64_t>(tl::unexpected(file.error()));
        const bool is_synced_there = log_.start.meta.synced.segment_base == bases_.back();
        if (!size || *size > 0 || is_synced_there) {
            return;
        }
        if (files_.remove(place_.path(log_name(bases_.back())))) {
            return;
        }
        bases_.pop_back();
    }
}

std::error_code Recovery::look_at_sealed(Offset base, Offset next_base) {
    const auto file = open(base, Files::Open::read);
    if (!file) {
        // The others are served all the same; reads of this one tell what is missing.
        log_.recovery.findings.push_back("cannot open " + place_.path(log_name(base)) + ": " + file.error().message());
        return {};
    }
    const auto size = uninterrupted([&] { return (*file)->size(); });
    if (!size) {
        return size.error();
    }
    SealedSegment sealed{.segment = {.base = base, .end = base, .bytes = *size}, .index = {}};
    if (auto index = read_index(base, *size)) {
        sealed.index = std::move(*index);
        if (!sealed.index.empty()) {
            const IndexEntry& last = sealed.index.entries().back();
            sealed.segment.end = {last.offset.value + 1};
            sealed.segment.last_timestamp = last.timestamp;
        }
    } else if (const std::error_code error = rebuild_index(base, **file, *size, sealed)) {
        return error;
    }
    if (sealed.segment.end > next_base) {
        log_.recovery.findings.push_back(place_.path(log_name(base)) + " goes on behind the beginning of " +
                                         log_name(next_base) + "; what it has behind that is not read");
        sealed.segment.end = next_base;
    }
    log_.start.segments.segments.push_back(sealed.segment);
    return {};
}

/// Also tells of damage: whoever made the index new has seen every record.
std::error_code Recovery::rebuild_index(Offset base, File& file, std::uint64_t bytes, SealedSegment& sealed) {
    SegmentScanner scanner(file, {.offset = base, .timestamp = Timestamp::min()}, bytes);
    std::optional<IndexEntry> last;
    auto found = scanner.next();
    for (; found && *found != Found::end; found = scanner.next()) {
        if (*found == Found::record) {
            last = scanner.record().place;
            sealed.index.add(*last);
        } else if (scanner.damage().end > scanner.damage().first) {
            const DamagedRange& damage = scanner.damage();
            note_damage(base, damage.position, damage.first, damage.end);
        }
    }
    if (!found) {
        return found.error();
    }
    log_.recovery.scanned_bytes += bytes;
    if (last) {
        sealed.index.seal(*last);
        sealed.segment.end = {last->offset.value + 1};
        sealed.segment.last_timestamp = last->timestamp;
    }
    write_index_file(files_, place_.path(index_name(base)), sealed.index.encode(base, bytes));
    return {};
}

/// Each segment begins where the one before ends.
void Recovery::check_order() {
    Offset expected = log_.start.meta.log_start;
    for (const Segment& segment : log_.start.segments.segments) {
        if (segment.base > expected && is_covered({expected, segment.base}, lost_)) {
            place_.know_damage(segment.base);
        } else if (segment.base > expected) {
            note_damage(segment.base, PartitionPlace::missing, expected, segment.base);
        }
        expected = std::max(expected, segment.end);
    }
}

std::error_code Recovery::open_last() {
    if (bases_.empty()) {
        // All of its files are gone.
        bases_.push_back(std::max(log_.start.meta.log_start, log_.start.meta.synced.offset));
        auto file = open(bases_.back(), Files::Open::create);
        if (!file) {
            return file.error();
        }
        if (const auto error = uninterrupted([&] { return files_.sync_directory(place_.directory()); })) {
            return error;
        }
    }
    const auto file = open(bases_.back(), Files::Open::read);
    if (!file) {
        return file.error();
    }
    const auto size = uninterrupted([&] { return (*file)->size(); });
    if (!size) {
        return size.error();
    }
    return is_closed_cleanly(*size) ? std::error_code() : mend_last(*size);
}

/// Then it takes its end and its index from there.
bool Recovery::is_closed_cleanly(std::uint64_t size) {
    const SyncedSlot& slot = log_.start.meta.synced;
    if (!slot.closed_cleanly || slot.segment_base != bases_.back() || slot.segment_bytes != size) {
        return false;
    }
    auto index = read_index(bases_.back(), size);
    if (!index) {
        return false;
    }
    Segment last{.base = bases_.back(), .end = bases_.back(), .bytes = size};
    SegmentList::Start& list = log_.start.segments;
    if (!index->empty()) {
        list.last_record = index->entries().back();
        last.end = {list.last_record.offset.value + 1};
        last.last_timestamp = list.last_record.timestamp;
    }
    if (last.end != slot.offset) {
        return false;
    }
    list.segments.push_back(last);
    list.last_index = std::move(*index);
    list.synced = last.end;
    return true;
}

std::error_code Recovery::mend_last(std::uint64_t size) {
    LogRecovery& recovery = log_.recovery;
    recovery.was_closed_cleanly = false;
    SyncedSlot& slot = log_.start.meta.synced;
    const Offset base = bases_.back();
    const bool is_synced_here = slot.segment_base == base;
    const std::uint64_t synced_bytes = is_synced_here ? slot.segment_bytes : slot.segment_base > base ? size : 0;
    const TailLimits limits{.base = base,
                            .bytes = size,
                            .synced_bytes = synced_bytes,
                            .synced_offset = std::max({base, slot.offset, log_.start.meta.log_start})};
    auto tail = recover_tail(place_, limits);
    if (!tail) {
        return tail.error();
    }
    recovery.scanned_bytes += size;
    recovery.cut_bytes += tail->cut_bytes;
    recovery.kept_aside_bytes += tail->kept_aside_bytes;
    recovery.findings.insert(recovery.findings.end(), tail->findings.begin(), tail->findings.end());
    if (tail->cut_bytes > 0) {
        place_.context().counters.log_tails_cut.add();
    }
    for (const DamagedRange& damage : tail->damages) {
        note_damage(base, damage.position, damage.first, damage.end);
    }
    SegmentList::Start& list = log_.start.segments;
    list.segments.push_back(tail->segment);
    list.last_index = std::move(tail->index);
    list.last_record = tail->last_record;
    if (tail->continues_at) {
        // Offsets that were given out are not given out again, and nothing is appended behind what cannot be read.
        if (const std::error_code error = begin_behind_rot(tail->segment, *tail->continues_at)) {
            return error;
        }
    }
    const Segment& last = list.segments.back();
    list.synced = last.end;
    const bool is_index_all_there_was_to_mend = slot.closed_cleanly && is_synced_here && slot.segment_bytes == size &&
                                                slot.offset == last.end && !tail->has_changed;
    if (is_index_all_there_was_to_mend) {
        recovery.was_closed_cleanly = true;
        return {};
    }
    // A mark of a clean stop that is not true goes.
    rewrites_meta_ = rewrites_meta_ || slot.closed_cleanly || tail->has_changed;
    slot = {.sequence = slot.sequence,
            .offset = last.end,
            .segment_base = last.base,
            .segment_bytes = last.bytes,
            .closed_cleanly = false};
    return {};
}

std::error_code Recovery::begin_behind_rot(const Segment& rotten, Offset end) {
    SegmentList::Start& list = log_.start.segments;
    SegmentIndex index = std::move(list.last_index);
    if (!index.empty()) {
        index.seal(list.last_record);
    }
    write_index_file(files_, place_.path(index_name(rotten.base)), index.encode(rotten.base, rotten.bytes));
    const auto file = open(end, Files::Open::create);
    if (!file) {
        return file.error();
    }
    list.segments.push_back({.base = end, .end = end});
    list.last_index = {};
    rewrites_meta_ = true;
    return uninterrupted([&] { return files_.sync_directory(place_.directory()); });
}

/// Records that were shown and not synced may be gone where the machine has stopped: their offsets come again.
std::error_code Recovery::raise_epoch() {
    PartitionMeta& meta = log_.start.meta;
    const BootId& boot_id = place_.context().settings.boot_id;
    const bool may_repeat = !log_.recovery.was_closed_cleanly && settings_.shows_unsynced && meta.boot_id != boot_id;
    if (may_repeat) {
        const Epoch raised{std::max(meta.epochs.back().epoch.value + 1, settings_.epoch.value)};
        add_epoch(meta, {raised, log_.start.segments.segments.back().end});
        meta.boot_id = boot_id;
    }
    return may_repeat || rewrites_meta_ ? replace_file(files_, place_.path(meta_name), encode_meta(meta))
                                        : std::error_code();
}

Result<std::unique_ptr<File>> Recovery::open(Offset base, Files::Open how) {
    return uninterrupted([&] { return files_.open(place_.path(log_name(base)), how); });
}

std::optional<SegmentIndex> Recovery::read_index(Offset base, std::uint64_t bytes) {
    const auto content = read_file(files_, place_.path(index_name(base)), index_file_bytes_max);
    return content ? SegmentIndex::decode(*content, base, bytes) : std::nullopt;
}

/// Nobody misses what lies below the log's start.
void Recovery::note_damage(Offset base, std::uint64_t position, Offset first, Offset end) {
    first = std::max(first, log_.start.meta.log_start);
    std::string finding = first < end ? place_.note_damage(base, position, first, end) : std::string();
    if (!finding.empty()) {
        ++log_.recovery.damages;
        log_.recovery.findings.push_back(std::move(finding));
    }
}

}  // namespace

Result<RecoveredLog> recover_segment_log(PartitionPlace& place, const LogSettings& settings) {
    return Recovery(place, settings).run();
}

}  // namespace leveret
