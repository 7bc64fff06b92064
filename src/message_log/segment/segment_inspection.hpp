// What the files of a stored partition are worth: every record, index and mark is looked at, and nothing is changed.
// For the tools for people; a server finds out what it needs by itself, in recovery.hpp, and the two agree on what is a
// torn tail and what is rot.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "message_log/files.hpp"
#include "message_log/segment/lost_offsets.hpp"
#include "message_log/segment/partition_meta.hpp"
#include "message_log/segment/segment_scan.hpp"

namespace leveret {

/// Half-open.
struct ByteRange {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

/// Something that is not as it should be.
struct LogFinding {
    std::string path{};  ///< below the data directory
    std::optional<ByteRange> bytes{};
    std::optional<OffsetRange> offsets{};
    std::string what{};    ///< "12 records cannot be read"
    std::string remedy{};  ///< what a repair does about it, such as "cut them off"; empty: nothing
};

struct InspectedSegment {
    Offset base{};
    Offset end{};             ///< behind its last record; `base` where it has none
    std::uint64_t bytes = 0;  ///< of the file
    std::uint64_t records = 0;
    std::optional<Timestamp> first_timestamp{};
    std::optional<Timestamp> last_timestamp{};
    /// Records that are lost; each ends where the offsets go on. Below the log's start nobody misses any.
    std::vector<DamagedRange> damages;
    std::optional<std::uint64_t> cut_at{};  ///< the bytes from here on do not count, and hold nothing that does
    bool has_good_index = true;             ///< or needs none
    bool is_readable = true;                ///< false: the system does not let us, and nothing above is known
};

struct PartitionInspection {
    std::string directory;
    PartitionId partition{};
    PartitionMeta meta;  ///< as far as it could be read
    bool has_meta = false;
    bool has_meta_copies = false;            ///< both copies of what seldom changes
    bool has_slot = false;                   ///< it is known up to where the partition was synced
    std::vector<InspectedSegment> segments;  ///< ascending, without those that a trim has let go of
    std::vector<OffsetRange> lost;           ///< ascending: known to be gone, see lost_offsets.hpp
    std::vector<OffsetRange> missing;        ///< in no file, and nobody has noted that
    std::optional<Offset> continues_at;      ///< nothing may be appended to the last segment: another begins here
    std::vector<std::string> orphans;        ///< names of indexes without a segment
    std::vector<LogFinding> findings;

    [[nodiscard]] Offset end() const noexcept;
    [[nodiscard]] std::uint64_t records() const noexcept;
    [[nodiscard]] std::uint64_t bytes() const noexcept;
};

/// `directory` is that of the partition, below that of `files`. With `is_in_use` a server may be writing there: what
/// can come of that is no finding. Reads everything, a mebibyte at a time; blocks. Errors: the system's, where the
/// directory itself cannot be read.
[[nodiscard]] Result<PartitionInspection> inspect_partition(Files& files, const std::string& directory,
                                                            PartitionId partition, bool is_in_use);

}  // namespace leveret
