// Where one partition's records are kept beyond its buffer: segment files, RocksDB, memory, and, one day, an engine on
// several machines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <system_error>

#include "protocol/error.hpp"
#include "protocol/identity.hpp"
#include "protocol/record.hpp"

namespace leveret {

/// What a log has at a moment. Half-open: records in [first, end).
struct LogExtent {
    Offset first{};
    Offset end{};                ///< the offset after the last record that was appended (it may not be synced yet)
    Offset synced{};             ///< records below it would survive a power cut
    std::uint64_t bytes = 0;     ///< of records in whole segments: those below `first` in the oldest one count too
    std::uint64_t segments = 0;  ///< parts that trim() gives back whole, the one being written included
    Offset first_segment_end{};  ///< what trim() has to reach to remove the oldest part; `end` where it is the only
    std::uint64_t first_segment_bytes = 0;
    std::optional<Timestamp>
        first_segment_last{};                   ///< stamp of the oldest part's last record; nothing while it is empty
    std::optional<Timestamp> last_timestamp{};  ///< of the last record that was ever appended, if that is known
};

/// Records in a file of the log, or damage in it, found while reading.
struct LogRead {
    std::size_t bytes = 0;  ///< whole records at the front of what was read into, checksums verified
    std::uint64_t records = 0;
    Offset first{};  ///< of the first of them
    Offset next{};   ///< where to read on
    /// Offsets that the log once had, does not have any more and were asked for: [damaged->first, damaged->second).
    /// They come before the records of this read.
    std::optional<std::pair<Offset, Offset>> damaged{};
};

/// One partition's log, on its own threads: a method that answers through a callback returns at once and calls back
/// exactly once, later or before it returns, on a thread of the log's, holding no lock. Callbacks do not throw.
///
/// Right for an engine on which others append too: append() answers with the offset that the log has given, offsets
/// increase and need not be consecutive. Our own logs take records in the order of append(), with the consecutive
/// offsets that they are stamped with.
///
/// Thread-safe. Outlives nothing: close() before it goes; callbacks that were promised come before close()'s does.
class MessageLog {
  public:
    struct Appended {
        std::error_code error;  ///< the log has stopped: none of these records, nor any after them, are kept
        Offset first{};
    };
    using AppendDone = std::function<void(const Appended&)>;
    using ReadDone = std::function<void(const Result<LogRead>&)>;
    using FindDone = std::function<void(Result<Offset>)>;
    using Done = std::function<void(std::error_code)>;

    enum class Sync {
        no,   ///< answered when it would survive the end of this process
        yes,  ///< answered when it, and everything before it, would survive a power cut
    };

    virtual ~MessageLog() = default;

    /// Takes room for `bytes` of records, which the next appends use up: what was granted cannot fail for want of room.
    /// True: granted. False: asked for; `done` says when it has been granted, or why not (disk_full, topic_busy: too
    /// many files are open, log_failed), never before this returns, and is not called otherwise.
    [[nodiscard]] virtual bool reserve(std::uint64_t bytes, Done done) = 0;
    /// Gives back room that was granted and will not be used.
    virtual void unreserve(std::uint64_t bytes) = 0;

    /// Appends stamped records, whole batches, for which room has been granted. The bytes stay as they are until
    /// `done`. Several may be under way: they are carried out in order, and one sync serves all that wait for it.
    /// Errors: log_failed, also for every later append: after a failed write or sync nothing is retried.
    virtual void append(std::span<const Bytes> runs, Sync sync, AppendDone done) = 0;
    /// Answers when everything appended so far would survive a power cut. Errors: log_failed.
    virtual void sync(Done done) = 0;

    /// Reads whole records from `from` on into `into`, as many as fit (`into` may have to grow: an answer of 0 bytes
    /// with `next` equal to `from` and `from` below the end means that the first record has more bytes than that).
    /// Below the first offset it begins at the first; at the end it answers 0 records. Damage is skipped and told.
    /// `into` stays until `done`. Errors: the system's; nothing else is affected by them.
    virtual void read(Offset from, std::span<std::byte> into, ReadDone done) = 0;
    /// The offset of the first record stamped at or after `time`; the end where there is none.
    virtual void find_time(Timestamp time, FindDone done) = 0;

    /// The log begins at `before`, or at its end where that is below: when `done` is called this would survive a power
    /// cut. Segments that lie wholly below are removed, at or above the end all of them, and an empty one takes their
    /// place. A reader below the first offset begins at it. Errors: disk_full, after which nothing has changed;
    /// topic_busy: too many files are open, and a start may find it done; log_failed.
    virtual void trim(Offset before, Done done) = 0;
    /// Carries out what is under way, syncs, leaves a mark that it did, and closes. Every later call fails with
    /// log_failed. Errors: topic_busy, where too many files are open: there is no mark, and nothing else is wrong;
    /// log_failed.
    virtual void close(Done done) = 0;

    [[nodiscard]] virtual LogExtent extent() const = 0;
};

}  // namespace leveret
