// A partition's records, one by one, straight out of its files.
#pragma once

#include <functional>

#include "message_log/segment/segment_inspection.hpp"

namespace leveret {

/// A record where it lies; the bytes stay for the length of a call.
struct StoredRecord {
    const std::string& path;  ///< of its segment, below the data directory
    std::uint64_t position = 0;
    RecordView record;
};

struct DumpVisitor {
    /// False ends the dump.
    std::function<bool(const StoredRecord&)> on_record;
    /// Offsets that are asked for and cannot be read, in their place between the records; with the bytes that are in
    /// their place, if there are any.
    std::function<void(const OffsetRange&, const std::string& path, const std::optional<ByteRange>&)> on_lost;
};

/// Records [range.first, range.end), from the log's start on, each verified, nothing changed. What lies behind the last
/// whole record of the last segment is passed over. Blocks. Errors: the system's; what came before has been visited.
[[nodiscard]] std::error_code dump_partition(Files& files, const std::string& directory, const OffsetRange& range,
                                             const DumpVisitor& visitor);

}  // namespace leveret
