#include "message_log/segment/segment_repair.hpp"

#include <algorithm>

#include "message_log/segment/segment_check.hpp"
#include "message_log/segment/segment_names.hpp"
#include "message_log/segment/segment_writer.hpp"
#include "message_log/uninterrupted.hpp"

namespace leveret {
namespace {

constexpr std::size_t copy_bytes = 1U << 20U;
constexpr std::string_view aside_suffix = ".aside";

std::error_code copy(File& from, ByteRange range, File& to) {
    std::vector<std::byte> buffer(
        static_cast<std::size_t>(std::min<std::uint64_t>(copy_bytes, range.end - range.begin)));
    for (std::uint64_t done = 0; done < range.end - range.begin;) {
        const std::uint64_t left = range.end - range.begin - done;
        const auto piece = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), left));
        const auto got = read_all(from, range.begin + done, piece);
        if (!got) {
            return got.error();
        }
        if (*got == 0) {
            return std::make_error_code(std::errc::io_error);
        }
        const Bytes run = piece.first(*got);
        if (const std::error_code error = write_all(to, done, {&run, 1})) {
            return error;
        }
        done += *got;
    }
    return {};
}

/// `range` of `from` as a file of its own, under its name only once it is whole and synced.
std::error_code copy_to_new(Files& files, File& from, ByteRange range, const std::string& path) {
    const std::string fresh = path + ".new";
    const auto file = uninterrupted([&] { return files.open(fresh, Files::Open::overwrite); });
    if (!file) {
        return file.error();
    }
    if (const std::error_code error = copy(from, range, **file)) {
        return error;
    }
    if (const std::error_code error = uninterrupted([&] { return (*file)->sync(); })) {
        return error;
    }
    if (const std::error_code error = uninterrupted([&] { return files.rename(fresh, path); })) {
        return error;
    }
    return uninterrupted([&] { return files.sync_directory(path.substr(0, path.rfind('/'))); });
}

/// "x.aside", or the first of "x-2.aside", "x-3.aside", … that no file has yet.
Result<std::string> free_aside(Files& files, const std::string& stem) {
    std::string path = stem + std::string(aside_suffix);
    for (unsigned number = 2;; ++number) {
        const auto file = uninterrupted([&] { return files.open(path, Files::Open::read); });
        if (!file) {
            return file.error() == std::errc::no_such_file_or_directory ? Result<std::string>(path)
                                                                        : tl::unexpected(file.error());
        }
        path = stem + '-' + std::to_string(number) + std::string(aside_suffix);
    }
}

class Repair {
  public:
    Repair(Files& files, const PartitionInspection& inspection, Epoch epoch, RepairSteps& steps)
        : files_(files), found_(inspection), epoch_(epoch), steps_(steps) {}

    std::error_code run();

  private:
    [[nodiscard]] std::error_code repair(const InspectedSegment& segment, bool is_last);
    [[nodiscard]] std::error_code cut(const InspectedSegment& segment, File& file);
    [[nodiscard]] std::error_code take_out(const DamagedRange& damage, const std::string& log_path, File& file,
                                           std::uint64_t end);
    [[nodiscard]] std::error_code rebuild_index(Offset base);
    [[nodiscard]] std::error_code note_lost(const OffsetRange& range);
    [[nodiscard]] std::error_code begin_segment(Offset base);
    [[nodiscard]] std::error_code write_meta();
    [[nodiscard]] Result<SyncedSlot> sync_last();
    [[nodiscard]] std::error_code set_aside(File& file, ByteRange range, const std::string& stem);
    [[nodiscard]] std::error_code remove(const std::string& name);
    [[nodiscard]] std::error_code sync_directory() {
        return uninterrupted([&] { return files_.sync_directory(found_.directory); });
    }
    [[nodiscard]] std::string path(std::string_view name) const { return found_.directory + '/' + std::string(name); }

    Files& files_;
    const PartitionInspection& found_;
    const Epoch epoch_;
    RepairSteps& steps_;
    Offset last_base_{};  ///< of the last segment, after the repair
    bool last_is_another_ = false;
};

std::error_code Repair::run() {
    for (std::size_t i = 0; i < found_.segments.size(); ++i) {
        last_base_ = found_.segments[i].base;
        if (const std::error_code error = repair(found_.segments[i], i + 1 == found_.segments.size())) {
            return error;
        }
    }
    for (const OffsetRange& gap : found_.missing) {
        if (const std::error_code error = note_lost(gap)) {
            return error;
        }
    }
    for (const std::string& orphan : found_.orphans) {
        if (const std::error_code error = remove(orphan)) {
            return error;
        }
    }
    if (found_.continues_at) {
        if (const std::error_code error = begin_segment(*found_.continues_at)) {
            return error;
        }
    }
    const bool needs_meta = !found_.has_meta || !found_.has_meta_copies || !found_.has_slot || last_is_another_;
    return needs_meta ? write_meta() : std::error_code();
}

std::error_code Repair::repair(const InspectedSegment& segment, bool is_last) {
    const bool is_whole = segment.damages.empty() && !segment.cut_at;
    if (!segment.is_readable || (is_whole && segment.has_good_index)) {
        return {};
    }
    if (is_whole) {
        return rebuild_index(segment.base);
    }
    const std::string log_path = path(log_name(segment.base));
    const auto file = uninterrupted([&] { return files_.open(log_path, Files::Open::write); });
    if (!file) {
        return file.error();
    }
    std::uint64_t end = segment.bytes;
    if (segment.cut_at) {
        if (const std::error_code error = cut(segment, **file)) {
            return error;
        }
        end = *segment.cut_at;
    }
    // From the back, so that each piece is copied once.
    std::vector<Offset> pieces;
    const std::vector from_the_back(segment.damages.rbegin(), segment.damages.rend());
    for (const auto& damage : from_the_back) {
        if (const std::error_code error = take_out(damage, log_path, **file, end)) {
            return error;
        }
        if (damage.position_end < end) {
            pieces.push_back(damage.end);
        }
        end = damage.position;
    }
    if (is_last && !pieces.empty()) {
        last_base_ = pieces.front();
        last_is_another_ = true;
    }
    // A torn tail is cut off the last segment: it stays what it was, if need be empty.
    if (end > 0 || (pieces.empty() && is_last && !found_.continues_at)) {
        pieces.push_back(segment.base);
    } else if (const std::error_code error = remove(log_name(segment.base))) {
        return error;
    } else if (const std::error_code index_error = remove(index_name(segment.base))) {
        return index_error;
    }
    for (const Offset base : pieces) {
        if (const std::error_code error = rebuild_index(base)) {
            return error;
        }
    }
    return {};
}

std::error_code Repair::cut(const InspectedSegment& segment, File& file) {
    const ByteRange range{*segment.cut_at, segment.bytes};
    const std::string stem =
        path(offset_name(segment.base) + '-' + std::to_string(range.begin) + '-' + std::to_string(range.end));
    if (const std::error_code error = set_aside(file, range, stem)) {
        return error;
    }
    if (const auto error = uninterrupted([&] { return file.truncate(range.begin); })) {
        return error;
    }
    steps_.push_back("cut " + path(log_name(segment.base)) + " at byte " + std::to_string(range.begin));
    return uninterrupted([&] { return file.sync(); });
}

/// The file ends before the damage then; what it has behind it, up to `end`, becomes a segment.
std::error_code Repair::take_out(const DamagedRange& damage, const std::string& log_path, File& file,
                                 std::uint64_t end) {
    const std::string lost = lost_name({damage.first, damage.end});
    const std::string stem = path(lost.substr(0, lost.size() - aside_suffix.size()));
    if (const std::error_code error = set_aside(file, {damage.position, damage.position_end}, stem)) {
        return error;
    }
    if (damage.position_end < end) {
        const std::string piece = path(log_name(damage.end));
        if (const std::error_code error = copy_to_new(files_, file, {damage.position_end, end}, piece)) {
            return error;
        }
        steps_.push_back("wrote the records behind the damage as " + piece);
    }
    if (const auto error = uninterrupted([&] { return file.truncate(damage.position); })) {
        return error;
    }
    steps_.push_back("ended " + log_path + " before the damage, at byte " + std::to_string(damage.position));
    return uninterrupted([&] { return file.sync(); });
}

/// Of a segment that is whole now.
std::error_code Repair::rebuild_index(Offset base) {
    const auto file = uninterrupted([&] { return files_.open(path(log_name(base)), Files::Open::read); });
    if (!file) {
        return file.error();
    }
    // As if another followed: a batch whose rest is lost stays in it.
    const auto checked = check_segment(**file, {.base = base, .next_base = Offset{~std::uint64_t{0}}}, nullptr);
    if (!checked) {
        return checked.error();
    }
    write_index_file(files_, path(index_name(base)), checked->index.encode(base, checked->segment.bytes));
    steps_.push_back("wrote " + path(index_name(base)));
    return {};
}

/// By an empty file: there is nothing to keep.
std::error_code Repair::note_lost(const OffsetRange& range) {
    const std::string lost_path = path(lost_name(range));
    const std::error_code error = replace_file(files_, lost_path, {});
    if (!error) {
        steps_.push_back("noted in " + lost_path + " which records are lost");
    }
    return error;
}

std::error_code Repair::begin_segment(Offset base) {
    const auto file = uninterrupted([&] { return files_.open(path(log_name(base)), Files::Open::overwrite); });
    if (!file) {
        return file.error();
    }
    steps_.push_back("began " + path(log_name(base)));
    last_base_ = base;
    last_is_another_ = true;
    const std::error_code error = sync_directory();
    return error ? error : rebuild_index(base);
}

std::error_code Repair::write_meta() {
    const std::string meta_path = path(meta_name);
    const bool was_damaged = !found_.has_meta || !found_.has_meta_copies || !found_.has_slot;
    if (was_damaged) {
        const auto kept = copy_aside(files_, meta_path);
        if (!kept && kept.error() != std::errc::no_such_file_or_directory) {
            return kept.error();
        }
        if (kept) {
            steps_.push_back("kept " + meta_path + " as " + *kept);
        }
    }
    PartitionMeta meta = found_.meta;
    if (!found_.has_slot || last_is_another_) {
        const auto slot = sync_last();
        if (!slot) {
            return slot.error();
        }
        meta.synced = *slot;
    }
    if (!found_.has_meta) {
        meta.partition = found_.partition;
        meta.epochs = {{epoch_, Offset{}}};
    }
    const std::error_code error = replace_file(files_, meta_path, encode_meta(meta));
    if (!error) {
        steps_.push_back("wrote " + meta_path);
    }
    return error;
}

/// The mark for the last segment as it is now. Where nobody knows what was synced it is made true first: the bytes are
/// written once more, as a sync of pages that look clean says nothing about whether they have reached the disk.
Result<SyncedSlot> Repair::sync_last() {
    const auto file = uninterrupted([&] { return files_.open(path(log_name(last_base_)), Files::Open::write); });
    if (!file) {
        return tl::unexpected(file.error());
    }
    const auto checked = check_segment(**file, {.base = last_base_, .has_slot = false}, nullptr);
    if (!checked) {
        return tl::unexpected(checked.error());
    }
    std::error_code error;
    if (!found_.has_slot) {
        error = copy(**file, {0, checked->segment.bytes}, **file);
        error = error ? error : uninterrupted([&] { return (*file)->sync(); });
    }
    if (error) {
        return tl::unexpected(error);
    }
    return SyncedSlot{.sequence = found_.meta.synced.sequence + 1,
                      .offset = checked->segment.end,
                      .segment_base = last_base_,
                      .segment_bytes = checked->segment.bytes,
                      .closed_cleanly = found_.has_slot && found_.meta.synced.closed_cleanly};
}

std::error_code Repair::set_aside(File& file, ByteRange range, const std::string& stem) {
    const auto aside = free_aside(files_, stem);
    if (!aside) {
        return aside.error();
    }
    const std::error_code error = copy_to_new(files_, file, range, *aside);
    if (!error) {
        steps_.push_back("copied bytes " + std::to_string(range.begin) + " to " + std::to_string(range.end) + " to " +
                         *aside);
    }
    return error;
}

std::error_code Repair::remove(const std::string& name) {
    const std::error_code error = uninterrupted([&] { return files_.remove(path(name)); });
    if (error) {
        return error == std::errc::no_such_file_or_directory ? std::error_code() : error;
    }
    steps_.push_back("removed " + path(name));
    return sync_directory();
}

}  // namespace

std::error_code repair_partition(Files& files, const PartitionInspection& inspection, Epoch epoch, RepairSteps& steps) {
    return Repair(files, inspection, epoch, steps).run();
}

Result<std::string> copy_aside(Files& files, const std::string& path) {
    const auto file = uninterrupted([&] { return files.open(path, Files::Open::read); });
    if (!file) {
        return tl::unexpected(file.error());
    }
    const auto size = uninterrupted([&] { return (*file)->size(); });
    const auto aside = free_aside(files, path);
    if (!size || !aside) {
        return tl::unexpected(size ? aside.error() : size.error());
    }
    if (const std::error_code error = copy_to_new(files, **file, {0, *size}, *aside)) {
        return tl::unexpected(error);
    }
    return *aside;
}

}  // namespace leveret
