// Carries out the remedies of an inspection, so that a server that opens the partition has nothing to complain of.
//
// What cannot be read is moved aside, never just removed. A segment with damage in it becomes two: one ends before the
// damage, the other begins behind it, and the gap between them is what a server takes for lost records. Each step
// leaves files that a server can open and that another inspection finds its way in; nothing is left half done by a
// crash but copies.
#pragma once

#include <string>
#include <vector>

#include "message_log/segment/segment_inspection.hpp"

namespace leveret {

/// What a repair has done, a sentence for each change.
using RepairSteps = std::vector<std::string>;

/// `inspection` is of these files as they are, and nobody else uses them. `epoch` is higher than any that was given
/// out: for a log whose epochs nobody knows any more. Durable when it returns; `steps` has what was done also where it
/// fails. Blocks. Errors: the system's.
[[nodiscard]] std::error_code repair_partition(Files& files, const PartitionInspection& inspection, Epoch epoch,
                                               RepairSteps& steps);

/// Copies a whole file to the first name of "<path>.aside", "<path>-2.aside", … that is free: that name. Errors: the
/// system's.
[[nodiscard]] Result<std::string> copy_aside(Files& files, const std::string& path);

}  // namespace leveret
