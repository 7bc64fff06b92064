#include "message_log/segment/segment_writer.hpp"

#include <algorithm>
#include <cerrno>

#include "message_log/segment/segment_names.hpp"
#include "message_log/uninterrupted.hpp"

namespace leveret {
namespace {

constexpr std::uint64_t chunk_bytes_min = 64U << 10U;
constexpr std::uint64_t chunk_bytes_max = 8U << 20U;
constexpr std::uint64_t segment_bytes_most = 1U << 30U;
/// Where a file system cannot take room ahead, this much of it is left to others.
constexpr std::uint64_t free_bytes_min = 64U << 20U;
/// An idle log keeps no memory for a large write.
constexpr std::size_t kept_entries = 16;

/// At least one byte: an empty segment does not roll.
std::uint64_t roll_bytes(const SegmentStoreSettings& settings) noexcept {
    return std::clamp<std::uint64_t>(settings.segment_bytes, 1, segment_bytes_most);
}

bool is_want_of_room(const std::error_code& error) noexcept {
    return error == std::errc::no_space_on_device || error == std::error_code(EDQUOT, std::generic_category());
}

}  // namespace

SegmentWriter::SegmentWriter(PartitionPlace& place, SegmentList& list, PartitionMeta meta)
    : place_(place),
      context_(place.context()),
      list_(list),
      meta_(std::move(meta)),
      meta_file_(open_meta()),
      room_end_(list.last().bytes),
      roll_bytes_(roll_bytes(context_.settings)) {}

/// A file that cannot be opened because too many are is one that can be opened later.
Result<FileUse> SegmentWriter::use(const std::shared_ptr<CachedFile>& file) {
    auto used = context_.open_files.use(file);
    if (!used && is_want_of_files(used.error())) {
        return fail(Error::topic_busy);
    }
    return used;
}

Result<SegmentWriter::OpenFiles> SegmentWriter::open_files(bool syncs) {
    if (const std::error_code error = begin_writing()) {
        return tl::unexpected(error);
    }
    auto segment = use(list_.file());
    if (!segment) {
        return tl::unexpected(segment.error());
    }
    OpenFiles files{.segment = std::move(*segment), .meta = {}};
    if (syncs) {
        auto meta = use(meta_file_);
        if (!meta) {
            return tl::unexpected(meta.error());
        }
        files.meta.emplace(std::move(*meta));
    }
    return files;
}

std::error_code SegmentWriter::write(std::span<const Bytes> runs, std::uint64_t bytes) {
    if (const std::error_code error = begin_writing()) {
        return error;
    }
    Segment last = list_.last();
    auto file = use(list_.file());
    if (!file) {
        return file.error();
    }
    if (const std::error_code error = write_all(**file, last.bytes, runs)) {
        return error;
    }
    file->set_unsynced();
    has_unsynced_ = true;
    context_.counters.log_bytes_written.add(bytes);
    note_records(runs, last);
    list_.grow(fresh_index_, last_record_, last);
    fresh_index_.clear();
    if (fresh_index_.capacity() > kept_entries) {
        fresh_index_ = {};
    }
    return {};
}

/// Moves `last`, and what is known of its records, behind these.
void SegmentWriter::note_records(std::span<const Bytes> runs, Segment& last) {
    std::uint64_t index_due = last.bytes;
    for (const Bytes run : runs) {
        for (const RecordView record : Records(run)) {
            last_record_ = {record.offset(), last.bytes, record.timestamp()};
            // The index itself leaves out what comes too early behind an older write's last entry.
            if (last.bytes >= index_due) {
                fresh_index_.push_back(last_record_);
                index_due = last.bytes + SegmentIndex::step_bytes;
            }
            last.bytes += record.size();
        }
    }
    last.end = {last_record_.offset.value + 1};
    last.last_timestamp = last_record_.timestamp;
}

std::error_code SegmentWriter::sync() {
    if (!has_unsynced_) {
        return {};
    }
    const Segment last = list_.last();
    auto file = use(list_.file());
    if (!file) {
        return file.error();
    }
    const auto meta = use(meta_file_);  // before the sync, for the slot after it
    if (!meta) {
        return meta.error();
    }
    if (const std::error_code error = uninterrupted([&] { return (**file).sync(); })) {
        return error;
    }
    context_.counters.log_syncs.add();
    file->set_synced();
    has_unsynced_ = false;
    // Without the slot a later start would take damage in these records for a torn tail: so this must not fail either.
    if (const std::error_code error = write_slot(next_slot(false))) {
        return error;
    }
    list_.set_synced(last.end);
    return {};
}

std::uint64_t SegmentWriter::bytes_to_roll() const {
    return roll_bytes_ - std::min(roll_bytes_, list_.last().bytes);
}

std::error_code SegmentWriter::roll(std::uint64_t promised) {
    // First: whoever finds a next segment takes this one for complete.
    if (const std::error_code error = sync()) {
        return error;
    }
    const Segment last = list_.last();
    const std::string path = place_.path(log_name(last.end));
    auto created = uninterrupted([&] { return context_.files.open(path, Files::Open::overwrite); });
    const std::uint64_t room = promised + chunk_bytes_min;
    const std::error_code error = created ? reserve(**created, 0, room) : created.error();
    const std::error_code named =
        error ? error : uninterrupted([&] { return context_.files.sync_directory(place_.directory()); });
    if (error || is_want_of_files(named)) {
        // The old segment has the room that was promised: stay there, and look again a bit later.
        (void)context_.files.remove(path);
        if (last.bytes >= 2 * segment_bytes_most - chunk_bytes_max) {
            return is_want_of_files(named) ? make_error_code(Error::topic_busy) : named;
        }
        roll_bytes_ = last.bytes + chunk_bytes_min;
        return {};
    }
    if (named) {
        return named;
    }
    if (auto file = use(list_.file())) {
        (void)(**file).truncate(last.bytes);  // gives room back; nothing is lost where that fails
    }
    write_index(last);
    list_.add_segment(
        last.end, context_.open_files.add(path, Files::Open::write, list_.file()->want_back(), std::move(*created)));
    room_end_ = room;
    roll_bytes_ = roll_bytes(context_.settings);
    return {};
}

std::uint64_t SegmentWriter::room_chunk() const {
    return std::clamp(list_.last().bytes, chunk_bytes_min, chunk_bytes_max);
}

std::error_code SegmentWriter::make_room(std::uint64_t bytes) {
    const std::uint64_t end = list_.last().bytes;
    if (room_end_ >= end + bytes) {
        return {};
    }
    // Needs room too, which is missed here rather than when something is to be written.
    if (const std::error_code error = begin_writing()) {
        return error;
    }
    const std::uint64_t begin = std::max(room_end_, end);
    const auto file = use(list_.file());
    if (!file) {
        return file.error();
    }
    if (const std::error_code error = reserve(**file, begin, end + bytes - begin)) {
        return error;
    }
    room_end_ = end + bytes;
    return {};
}

std::error_code SegmentWriter::reserve(File& file, std::uint64_t at, std::uint64_t bytes) {
    const std::error_code error = uninterrupted([&] { return file.reserve(at, bytes); });
    if (is_want_of_room(error)) {
        return Error::disk_full;
    }
    if (error == std::errc::operation_not_supported) {
        const auto free = context_.files.free_bytes();
        return free && *free >= bytes + free_bytes_min ? std::error_code() : make_error_code(Error::disk_full);
    }
    return error;
}

std::error_code SegmentWriter::trim(Offset before, std::uint64_t promised) {
    if (const Segment last = list_.last(); before >= last.end && last.bytes != 0) {
        std::error_code error = begin_writing();
        error = error ? error : roll(promised);
        if (error) {
            return error;
        }
    }
    const SegmentList::Trimmed trimmed = list_.trimmed(before);
    const LogExtent extent = list_.extent();
    if (trimmed.segments.empty() && trimmed.log_start == extent.first) {
        return {};
    }
    if (trimmed.log_start > extent.synced) {
        // A power cut must not leave a log that ends before it begins.
        if (const std::error_code error = sync()) {
            return error;
        }
    }
    // First where the log begins, then the files: a crash between them leaves files that nobody misses.
    PartitionMeta meta = meta_;
    meta.log_start = trimmed.log_start;
    std::error_code error = write_meta(meta);
    if (error == Error::disk_full) {
        // The indexes go anyway, and can be made again if it comes to that.
        remove_indexes(trimmed.segments);
        error = write_meta(meta);
    }
    if (error) {
        return error;
    }
    list_.remove_below(trimmed.log_start);
    remove_indexes(trimmed.segments);
    for (const Segment& segment : trimmed.segments) {
        const std::string path = place_.path(log_name(segment.base));
        context_.open_files.forget(path);
        const std::error_code failure = uninterrupted([&] { return context_.files.remove(path); });
        if (failure && failure != std::errc::no_such_file_or_directory) {
            place_.report("cannot remove " + path + ", which is not needed any more: " + failure.message());
        }
    }
    return {};
}

void SegmentWriter::remove_indexes(std::span<const Segment> segments) {
    for (const Segment& segment : segments) {
        (void)context_.files.remove(place_.path(index_name(segment.base)));
    }
}

std::error_code SegmentWriter::close() {
    if (const std::error_code error = sync()) {
        return error;
    }
    if (!has_begun_ && meta_.synced.closed_cleanly) {
        return {};
    }
    const Segment last = list_.last();
    if (room_end_ > last.bytes) {
        if (auto file = use(list_.file())) {
            (void)(**file).truncate(last.bytes);
        }
    }
    write_index(last);
    if (const std::error_code error = write_slot(next_slot(true))) {
        return error;
    }
    const auto meta = use(meta_file_);
    return meta ? uninterrupted([&] { return (**meta).sync(); }) : meta.error();
}

/// Before the first write: the mark of a clean stop goes, durably, and this boot is the one that wrote last.
std::error_code SegmentWriter::begin_writing() {
    if (has_begun_) {
        return {};
    }
    if (meta_.boot_id != context_.settings.boot_id) {
        PartitionMeta meta = meta_;
        meta.boot_id = context_.settings.boot_id;
        meta.synced = next_slot(false);
        if (const std::error_code error = write_meta(meta)) {
            return error;
        }
    } else if (meta_.synced.closed_cleanly) {
        const auto meta = use(meta_file_);
        if (!meta) {
            return meta.error();
        }
        std::error_code error = write_slot(next_slot(false));
        error = error ? error : uninterrupted([&] { return (**meta).sync(); });
        if (error) {
            return error;
        }
    }
    has_begun_ = true;
    return {};
}

/// What is synced now: everything that was written.
SyncedSlot SegmentWriter::next_slot(bool closed_cleanly) const {
    const Segment last = list_.last();
    return {.sequence = meta_.synced.sequence + 1,
            .offset = last.end,
            .segment_base = last.base,
            .segment_bytes = last.bytes,
            .closed_cleanly = closed_cleanly};
}

std::error_code SegmentWriter::write_slot(const SyncedSlot& slot) {
    const auto file = use(meta_file_);
    if (!file) {
        return file.error();
    }
    const SlotBytes bytes = encode_slot(slot);
    const Bytes run = bytes;
    meta_.synced = slot;
    return write_all(**file, slot_position(slot.sequence), {&run, 1});
}

/// Errors: disk_full, after which the file, and what is known of it, is what it was; topic_busy, after which the file
/// may be the new one, which another try writes again.
std::error_code SegmentWriter::write_meta(const PartitionMeta& meta) {
    const std::string path = place_.path(meta_name);
    const std::error_code error = replace_file(context_.files, path, encode_meta(meta));
    if (is_want_of_room(error)) {
        (void)context_.files.remove(path + ".new");
        return Error::disk_full;
    }
    meta_file_ = open_meta();  // the name leads to another file now
    if (is_want_of_files(error)) {
        return Error::topic_busy;
    }
    meta_ = meta;
    return error;
}

std::shared_ptr<CachedFile> SegmentWriter::open_meta() {
    return context_.open_files.add(place_.path(meta_name), Files::Open::write);
}

void SegmentWriter::write_index(const Segment& segment) {
    const std::vector<std::byte> content = list_.sealed_index().encode(segment.base, segment.bytes);
    write_index_file(context_.files, place_.path(index_name(segment.base)), content);
}

void write_index_file(Files& files, const std::string& path, Bytes content) {
    const std::string fresh = path + ".new";
    auto file = uninterrupted([&] { return files.open(fresh, Files::Open::overwrite); });
    if (file && !write_all(**file, 0, {&content, 1})) {
        file->reset();
        (void)files.rename(fresh, path);
    }
}

}  // namespace leveret
