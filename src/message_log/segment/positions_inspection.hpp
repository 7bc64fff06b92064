// The committed positions of a partition, looked at and mended by the tools for people.
#pragma once

#include "message_log/positions_file.hpp"
#include "message_log/segment/segment_inspection.hpp"
#include "message_log/segment/segment_repair.hpp"

namespace leveret {

struct PositionsInspection {
    PositionsFile::Positions positions;
    std::uint64_t entries_damaged = 0;
    bool has_torn_end = false;   ///< then `positions` is empty: nobody has read on
    bool is_unreadable = false;  ///< it is no file of positions, or the system does not let us read it
    std::vector<LogFinding> findings;
};

/// Changes nothing. No file is no positions. Positions behind `log_end` are a finding where that is given.
[[nodiscard]] PositionsInspection inspect_positions(Files& files, const std::string& path,
                                                    std::optional<Offset> log_end);

/// Keeps a copy of the file aside and writes what can be read of it anew. Errors: the system's.
[[nodiscard]] std::error_code repair_positions(Files& files, const std::string& path,
                                               const PositionsInspection& inspection, RepairSteps& steps);

}  // namespace leveret
