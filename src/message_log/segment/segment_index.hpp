// Where in a segment which record lies: an entry about every 4 KiB, and one for the last record. Derived from the
// segment; in memory while it is written, in a file of its own once it is sealed.
//
//      at  size  field                            at  size  field
//       0   4    "LVTi"                           24   4    count of entries
//       4   4    format = 1                       28   4    CRC-32C of bytes 0…28, then of the entries
//       8   8    base offset                      32  24    each: offset (u64), position (u64), timestamp (i64, us)
//      16   8    bytes of the segment covered
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "protocol/record.hpp"

namespace leveret {

/// Of one record; its bytes begin at `position` in the segment.
struct IndexEntry {
    Offset offset{};
    std::uint64_t position = 0;
    Timestamp timestamp{};
    friend bool operator==(const IndexEntry&, const IndexEntry&) = default;
};

class SegmentIndex {
  public:
    static constexpr std::uint64_t step_bytes = 4096;

    /// Records come in their order. Keeps an entry for the first that begins step_bytes or more behind the last entry.
    void add(const IndexEntry& record) {
        if (entries_.empty() || record.position >= entries_.back().position + step_bytes) {
            entries_.push_back(record);
        }
    }
    /// Before encoding: the last record's entry, which says where the segment ends.
    void seal(const IndexEntry& last_record) {
        if (entries_.empty() || entries_.back().offset < last_record.offset) {
            entries_.push_back(last_record);
        }
    }

    /// Forgets records that begin at or behind `position`.
    void cut(std::uint64_t position) {
        while (!entries_.empty() && entries_.back().position >= position) {
            entries_.pop_back();
        }
    }

    [[nodiscard]] std::span<const IndexEntry> entries() const noexcept { return entries_; }
    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

    /// The last entry at or below `offset`; nothing where there is none.
    [[nodiscard]] std::optional<IndexEntry> find_offset(Offset offset) const noexcept;
    /// The last entry stamped before `time`; nothing where there is none.
    [[nodiscard]] std::optional<IndexEntry> find_time(Timestamp time) const noexcept;

    [[nodiscard]] std::vector<std::byte> encode(Offset base, std::uint64_t covered_bytes) const;
    /// Nothing where these bytes are no index of a segment with this base and this many bytes.
    [[nodiscard]] static std::optional<SegmentIndex> decode(Bytes file, Offset base, std::uint64_t covered_bytes);

  private:
    std::vector<IndexEntry> entries_;
};

}  // namespace leveret
