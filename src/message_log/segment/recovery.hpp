// Opening a segment log: finding out what is there, and mending what a crash may have left.
#pragma once

#include "message_log/segment/segment_log.hpp"

namespace leveret {

struct RecoveredLog {
    SegmentLogStart start;
    std::vector<EpochStart> epochs;
    LogRecovery recovery;
};

/// Blocks. Errors: the system's, or bad_log; nothing has been changed then that a second try would miss.
[[nodiscard]] Result<RecoveredLog> recover_segment_log(PartitionPlace& place, const LogSettings& settings);

}  // namespace leveret
