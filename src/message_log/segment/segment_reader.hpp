// Reads a segment log's records.
#pragma once

#include "message_log/message_log.hpp"
#include "message_log/segment/segment_context.hpp"
#include "message_log/segment/segment_list.hpp"

namespace leveret {

/// Thread-safe; blocks, but never behind a write or a sync. What it is made with outlives it.
class SegmentReader {
  public:
    SegmentReader(PartitionPlace& place, SegmentList& list) noexcept : place_(place), list_(list) {}

    /// As MessageLog::read().
    [[nodiscard]] Result<LogRead> read(Offset from, std::span<std::byte> into);
    /// As MessageLog::find_time().
    [[nodiscard]] Result<Offset> find_time(Timestamp time);

  private:
    /// Fills `read`; false: nothing was found here and nothing wrong, go on at read.next.
    [[nodiscard]] Result<bool> read_at(const ReadPlace& place, std::span<std::byte> into, LogRead& read);
    [[nodiscard]] Result<bool> skip_damage(const ReadPlace& place, File& file, std::uint64_t position, LogRead& read);
    void note_damage(LogRead& read, Offset base, std::uint64_t position, Offset first, Offset end);
    [[nodiscard]] Result<FileUse> open(const ReadPlace& place);
    [[nodiscard]] Result<std::shared_ptr<const SegmentIndex>> sealed_index(const Segment& segment, File& file);
    /// Of the record place.offset, or of what has taken its place.
    [[nodiscard]] Result<std::uint64_t> position_of(const ReadPlace& place, File& file);

    PartitionPlace& place_;
    SegmentList& list_;
};

}  // namespace leveret
