#include "message_log/segment/segment_list.hpp"

#include <algorithm>

namespace leveret {

SegmentList::SegmentList(Start start)
    : segments_(std::move(start.segments)),
      index_(std::move(start.last_index)),
      last_record_(start.last_record),
      log_start_(start.log_start),
      synced_(start.synced) {
    for (const Segment& segment : segments_) {
        bytes_ += segment.bytes;
    }
}

LogExtent SegmentList::extent() const {
    const std::lock_guard lock(mutex_);
    LogExtent extent{.first = log_start_,
                     .end = segments_.back().end,
                     .synced = synced_,
                     .bytes = bytes_,
                     .segments = segments_.size(),
                     .first_segment_end = limit_of(0),
                     .first_segment_bytes = segments_.front().bytes,
                     .first_segment_last = segments_.front().last_timestamp};
    for (auto segment = segments_.rbegin(); segment != segments_.rend() && !extent.last_timestamp; ++segment) {
        extent.last_timestamp = segment->last_timestamp;
    }
    return extent;
}

Offset SegmentList::first() const {
    const std::lock_guard lock(mutex_);
    return log_start_;
}

Segment SegmentList::last() const {
    const std::lock_guard lock(mutex_);
    return segments_.back();
}

SegmentList::Trimmed SegmentList::trimmed(Offset before) const {
    const std::lock_guard lock(mutex_);
    Trimmed trimmed{.segments = {}, .log_start = std::max(log_start_, std::min(before, segments_.back().end))};
    for (std::size_t i = 0; i + 1 < segments_.size() && limit_of(i) <= trimmed.log_start; ++i) {
        trimmed.segments.push_back(segments_[i]);
    }
    return trimmed;
}

std::optional<ReadPlace> SegmentList::locate(Offset from) const {
    const std::lock_guard lock(mutex_);
    from = std::max(from, log_start_);
    if (from >= segments_.back().end) {
        return std::nullopt;
    }
    const auto behind = std::partition_point(segments_.begin(), segments_.end(),
                                             [&](const Segment& segment) { return segment.base <= from; });
    auto at = static_cast<std::size_t>(behind - segments_.begin());
    const bool is_missing = at == 0 || from >= segments_[at - 1].end;
    at -= is_missing ? 0 : 1;
    ReadPlace place = place_in(at);
    place.offset = is_missing ? place.segment.base : from;
    if (is_missing) {
        place.missing = from;
    }
    if (place.offset == place.segment.base) {
        place.near = IndexEntry{.offset = place.offset};
        return place;
    }
    for (const Place& known : remembered_) {
        if (known.offset == from) {
            place.near = IndexEntry{.offset = from, .position = known.position};
            return place;
        }
    }
    if (place.file) {
        place.near = index_.find_offset(from).value_or(IndexEntry{.offset = place.segment.base});
    }
    return place;
}

std::optional<ReadPlace> SegmentList::locate_time(Timestamp time) const {
    const std::lock_guard lock(mutex_);
    // Not a binary search: a segment that is empty, or all damage, has no stamp.
    const auto found = std::find_if(segments_.begin(), segments_.end(), [&](const Segment& segment) {
        return segment.last_timestamp && *segment.last_timestamp >= time && segment.end > log_start_;
    });
    if (found == segments_.end()) {
        return std::nullopt;
    }
    ReadPlace place = place_in(static_cast<std::size_t>(found - segments_.begin()));
    place.offset = place.segment.base;
    if (place.file) {
        place.near = index_.find_time(time).value_or(IndexEntry{.offset = place.segment.base});
    }
    return place;
}

void SegmentList::remember(Offset offset, std::uint64_t position) {
    const std::lock_guard lock(mutex_);
    remembered_[next_remembered_] = {offset, position};
    next_remembered_ = (next_remembered_ + 1) % remembered_.size();
}

void SegmentList::set_file(std::shared_ptr<CachedFile> file) {
    const std::lock_guard lock(mutex_);
    file_.swap(file);
}

std::shared_ptr<CachedFile> SegmentList::file() const {
    const std::lock_guard lock(mutex_);
    return file_;
}

void SegmentList::grow(std::span<const IndexEntry> index, const IndexEntry& last_record, const Segment& last) {
    const std::lock_guard lock(mutex_);
    for (const IndexEntry& entry : index) {
        index_.add(entry);
    }
    bytes_ += last.bytes - segments_.back().bytes;
    segments_.back() = last;
    last_record_ = last_record;
}

void SegmentList::set_synced(Offset synced) {
    const std::lock_guard lock(mutex_);
    synced_ = synced;
}

SegmentIndex SegmentList::sealed_index() const {
    const std::lock_guard lock(mutex_);
    SegmentIndex index = index_;
    if (!index.empty()) {
        index.seal(last_record_);
    }
    return index;
}

void SegmentList::add_segment(Offset base, std::shared_ptr<CachedFile> file) {
    const std::lock_guard lock(mutex_);
    segments_.push_back({.base = base, .end = base});
    index_ = SegmentIndex();
    file_.swap(file);
}

void SegmentList::remove_below(Offset log_start) {
    const std::lock_guard lock(mutex_);
    log_start_ = log_start;
    std::size_t removed = 0;
    while (removed + 1 < segments_.size() && limit_of(removed) <= log_start) {
        bytes_ -= segments_[removed].bytes;
        ++removed;
    }
    segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(removed));
}

/// Under the lock.
ReadPlace SegmentList::place_in(std::size_t segment) const {
    return {.segment = segments_[segment],
            .segment_limit = limit_of(segment),
            .file = segment + 1 == segments_.size() ? file_ : nullptr};
}

/// Under the lock.
Offset SegmentList::limit_of(std::size_t segment) const {
    return segment + 1 < segments_.size() ? segments_[segment + 1].base : segments_[segment].end;
}

}  // namespace leveret
