// Looks at one segment, from its first byte to its last.
#pragma once

#include "message_log/segment/segment_inspection.hpp"

namespace leveret {

/// What is known about a segment before it is looked at.
struct SegmentLimits {
    Offset base{};
    std::optional<Offset> next_base{};  ///< nothing for the last segment
    std::uint64_t synced_bytes = 0;     ///< of the last one: below it damage is rot, above it a torn tail
    Offset synced_offset{};             ///< of the last one: records below it were acknowledged, or trimmed
    bool has_slot = true;               ///< false: nobody knows more of what was synced than the log's start says
    bool is_in_use = false;             ///< a server may be writing to the last one
};

struct CheckedSegment {
    InspectedSegment segment;
    SegmentIndex index;                  ///< as it should be, sealed
    std::optional<Offset> continues_at;  ///< as PartitionInspection's
    bool ends_within_batch = false;      ///< its last record says that more follow, and none does
    /// Of the index to compare with: every entry is a record of the segment, the last one its last. Entries that lie in
    /// damage are let pass.
    bool index_matches = true;
};

/// Compares with `index` in passing, if there is one. Errors: the system's.
[[nodiscard]] Result<CheckedSegment> check_segment(File& file, const SegmentLimits& limits, const SegmentIndex* index);

}  // namespace leveret
