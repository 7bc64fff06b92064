// The last segment after a crash: what of it counts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "message_log/segment/segment_context.hpp"
#include "message_log/segment/segment_list.hpp"
#include "message_log/segment/segment_scan.hpp"

namespace leveret {

struct TailLimits {
    Offset base{};
    std::uint64_t bytes = 0;         ///< of the file
    std::uint64_t synced_bytes = 0;  ///< below it damage is rot, above a torn tail
    Offset synced_offset{};          ///< records below it were acknowledged, or trimmed after they had been synced
};

struct RecoveredTail {
    Segment segment;
    SegmentIndex index;
    IndexEntry last_record{};
    std::vector<DamagedRange> damages;  ///< of records that were acknowledged; they stay
    /// Rot reaches the end of the file: nothing may be appended to it, and records go on with this offset.
    std::optional<Offset> continues_at;
    std::uint64_t cut_bytes = 0;
    std::uint64_t kept_aside_bytes = 0;
    std::vector<std::string> findings;
    bool has_changed = false;
};

/// Verifies the whole segment, cuts a torn tail or the beginning of a batch off its end, and makes the rest durable.
/// Errors: the system's.
[[nodiscard]] Result<RecoveredTail> recover_tail(PartitionPlace& place, const TailLimits& limits);

}  // namespace leveret
