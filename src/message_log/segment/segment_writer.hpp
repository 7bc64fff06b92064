// Writes a segment log: appends, syncs, rolls, trims, closes.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "message_log/segment/partition_meta.hpp"
#include "message_log/segment/segment_context.hpp"
#include "message_log/segment/segment_list.hpp"

namespace leveret {

/// Not thread-safe; blocks. After an error other than disk_full and topic_busy nothing more may be written: what has
/// reached the disk is unknown, and nothing is tried again. topic_busy: too many files are open, and nothing was done
/// that another try would not do again. What it is made with outlives it.
class SegmentWriter {
  public:
    SegmentWriter(PartitionPlace& place, SegmentList& list, PartitionMeta meta);

    /// Files that are open for as long as this lives.
    struct OpenFiles {
        FileUse segment;
        std::optional<FileUse> meta;
    };
    /// What a write() needs and, with `syncs`, a sync() after it: these then do not fail for want of open files.
    [[nodiscard]] Result<OpenFiles> open_files(bool syncs);
    /// Writes runs of whole stamped records behind the last one, `bytes` together.
    [[nodiscard]] std::error_code write(std::span<const Bytes> runs, std::uint64_t bytes);
    /// Everything written before would survive a power cut. Nothing to do, nothing done.
    [[nodiscard]] std::error_code sync();
    [[nodiscard]] bool has_unsynced() const noexcept { return has_unsynced_; }

    /// Whether the next write belongs into a new segment.
    [[nodiscard]] bool wants_to_roll() const { return bytes_to_roll() == 0; }
    [[nodiscard]] std::uint64_t bytes_to_roll() const;
    /// Seals the last segment and begins another that has room for `promised` bytes. Where there is no room for that on
    /// the disk, nothing changes.
    [[nodiscard]] std::error_code roll(std::uint64_t promised);

    /// Bytes that can be written before room runs out.
    [[nodiscard]] std::uint64_t room() const noexcept { return room_end_ - std::min(room_end_, list_.last().bytes); }
    /// How much room is taken ahead.
    [[nodiscard]] std::uint64_t room_chunk() const;
    /// Makes room() at least `bytes`. Errors: disk_full and topic_busy, after which nothing has changed.
    [[nodiscard]] std::error_code make_room(std::uint64_t bytes);

    /// As MessageLog::trim().
    [[nodiscard]] std::error_code trim(Offset before, std::uint64_t promised);
    /// Syncs, and leaves the mark of a clean stop.
    [[nodiscard]] std::error_code close();

  private:
    void note_records(std::span<const Bytes> runs, Segment& last);
    [[nodiscard]] Result<FileUse> use(const std::shared_ptr<CachedFile>& file);
    [[nodiscard]] std::error_code begin_writing();
    [[nodiscard]] std::error_code write_slot(const SyncedSlot& slot);
    [[nodiscard]] std::error_code write_meta(const PartitionMeta& meta);
    void remove_indexes(std::span<const Segment> segments);
    [[nodiscard]] std::error_code reserve(File& file, std::uint64_t at, std::uint64_t bytes);
    [[nodiscard]] SyncedSlot next_slot(bool closed_cleanly) const;
    void write_index(const Segment& segment);
    [[nodiscard]] std::shared_ptr<CachedFile> open_meta();

    PartitionPlace& place_;
    SegmentContext& context_;
    SegmentList& list_;
    PartitionMeta meta_;
    std::shared_ptr<CachedFile> meta_file_;
    std::uint64_t room_end_;  ///< up to where the last segment's file has room on the disk
    std::uint64_t roll_bytes_;
    bool has_begun_ = false;
    bool has_unsynced_ = false;
    // What write() has found in its records; kept for their memory.
    std::vector<IndexEntry> fresh_index_;
    IndexEntry last_record_{};
};

/// Writes the derived index of a segment; without it everything works, slower.
void write_index_file(Files& files, const std::string& path, Bytes content);

}  // namespace leveret
