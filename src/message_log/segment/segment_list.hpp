// Which segments a log has, and how far it goes: what its writer and its readers share.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "message_log/message_log.hpp"
#include "message_log/segment/file_cache.hpp"
#include "message_log/segment/segment_index.hpp"

namespace leveret {

/// What stays in memory of a segment.
struct Segment {
    Offset base{};
    Offset end{};  ///< behind its last record; the next segment begins there, or later where one is missing
    std::uint64_t bytes = 0;
    std::optional<Timestamp> last_timestamp{};  ///< nothing while it is empty
};

/// Where to begin reading.
struct ReadPlace {
    Segment segment{};
    Offset segment_limit{};            ///< where the next one begins; the log's end in the last one
    Offset offset{};                   ///< to read: what was asked for, or the first that is there
    std::optional<Offset> missing{};   ///< offsets from this one up to `offset` are lost
    std::optional<IndexEntry> near{};  ///< a record at or before `offset`; nothing: ask the segment's index
    std::shared_ptr<CachedFile> file;  ///< of the last segment; nothing for a sealed one, which is opened by its name
};

/// Thread-safe. Ascending; the last one is written, the others are sealed, and never change.
class SegmentList {
  public:
    struct Start {
        std::vector<Segment> segments;  ///< at least one
        SegmentIndex last_index;        ///< of the last of them
        IndexEntry last_record{};       ///< of the last of them, if it has one
        Offset log_start{};
        Offset synced{};
    };
    explicit SegmentList(Start start);

    [[nodiscard]] LogExtent extent() const;
    [[nodiscard]] Offset first() const;
    [[nodiscard]] Segment last() const;
    struct Trimmed {
        std::vector<Segment> segments;  ///< the sealed ones that lie wholly below `log_start`, the oldest first
        Offset log_start{};             ///< where the log begins then: never before where it does, nor behind its end
    };
    /// What a trim to `before` comes to.
    [[nodiscard]] Trimmed trimmed(Offset before) const;

    /// Nothing at the end of the log.
    [[nodiscard]] std::optional<ReadPlace> locate(Offset from) const;
    /// The first segment that has a record stamped at or after `time`, and the last record in it known to be before
    /// that; `offset` is where the search begins. Nothing where there is none.
    [[nodiscard]] std::optional<ReadPlace> locate_time(Timestamp time) const;
    /// That the record at `offset`, which need not be there yet, begins at `position` of its segment: the next read
    /// probably begins there.
    void remember(Offset offset, std::uint64_t position);

    // By the writer alone.

    /// The file of the last segment.
    void set_file(std::shared_ptr<CachedFile> file);
    [[nodiscard]] std::shared_ptr<CachedFile> file() const;
    /// Records were written behind the last: `index` has some of them, in order; `last` is what the last segment now
    /// is.
    void grow(std::span<const IndexEntry> index, const IndexEntry& last_record, const Segment& last);
    void set_synced(Offset synced);
    /// A copy, with the last record's entry.
    [[nodiscard]] SegmentIndex sealed_index() const;
    void add_segment(Offset base, std::shared_ptr<CachedFile> file);
    /// The log begins where trimmed() has said, and without the segments below.
    void remove_below(Offset log_start);

  private:
    struct Place {
        Offset offset{};
        std::uint64_t position = 0;
    };
    [[nodiscard]] ReadPlace place_in(std::size_t segment) const;
    [[nodiscard]] Offset limit_of(std::size_t segment) const;

    mutable std::mutex mutex_;
    std::vector<Segment> segments_;
    std::shared_ptr<CachedFile> file_;
    SegmentIndex index_;
    IndexEntry last_record_{};
    Offset log_start_;
    Offset synced_;
    std::uint64_t bytes_ = 0;
    std::array<Place, 4> remembered_{};
    std::size_t next_remembered_ = 0;
};

}  // namespace leveret
