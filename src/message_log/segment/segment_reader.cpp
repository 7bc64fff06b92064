#include "message_log/segment/segment_reader.hpp"

#include <algorithm>
#include <array>

#include "message_log/segment/segment_names.hpp"
#include "message_log/segment/segment_scan.hpp"

namespace leveret {
namespace {

using Found = SegmentScanner::Found;

constexpr std::size_t index_bytes_max = 64U << 20U;
// Small: what is searched lies within one step of the index.
constexpr std::size_t search_window_bytes = 64U << 10U;

/// The whole valid records at the front of `bytes`, whose offsets count up from `read.next`.
void take_records(Bytes bytes, LogRead& read) {
    read.first = read.next;
    while (check_stored_record(bytes.subspan(read.bytes), read.next) == StoredCheck::valid) {
        read.bytes += RecordView(bytes.data() + read.bytes).size();
        ++read.records;
        ++read.next.value;
    }
}

/// Where the record `offset` begins, going by the sizes of those before it, within one step of the index behind `near`.
/// Nothing where that leads elsewhere: then something is damaged.
Result<std::optional<std::uint64_t>> walk_to(File& file, const IndexEntry& near, Offset offset) {
    std::array<std::byte, SegmentIndex::step_bytes + record_layout::header_bytes> bytes;
    const auto got = read_all(file, near.position, bytes);
    if (!got) {
        return tl::unexpected(got.error());
    }
    std::size_t at = 0;
    for (Offset here = near.offset; at + record_layout::header_bytes <= *got; ++here.value) {
        const RecordView record(bytes.data() + at);
        if (record.offset() != here || record.size() < record_layout::header_bytes) {
            break;
        }
        if (here == offset) {
            return near.position + at;
        }
        at += record.size();
    }
    return std::nullopt;
}

/// The same by looking at every record; damage that holds `offset` is where it would be.
Result<std::uint64_t> scan_to(File& file, const IndexEntry& near, Offset offset, std::uint64_t size) {
    SegmentScanner scanner(file, near, size, search_window_bytes);
    while (scanner.offset() < offset) {
        const std::uint64_t before = scanner.position();
        const auto found = scanner.next();
        if (!found) {
            return tl::unexpected(found.error());
        }
        if (*found == Found::end || (*found == Found::damage && scanner.offset() > offset) ||
            (*found == Found::damage && scanner.position() >= size)) {
            return before;
        }
    }
    return scanner.position();
}

}  // namespace

Result<LogRead> SegmentReader::read(Offset from, std::span<std::byte> into) {
    LogRead read;
    read.next = std::max(from, list_.first());
    while (const auto place = list_.locate(read.next)) {
        if (place->missing) {
            note_damage(read, place->segment.base, PartitionPlace::missing, *place->missing, place->offset);
        }
        read.next = place->offset;
        const auto is_done = read_at(*place, into, read);
        if (!is_done && is_done.error() == std::errc::no_such_file_or_directory && list_.first() > read.next) {
            read.next = list_.first();  // it was trimmed meanwhile
            continue;
        }
        if (!is_done) {
            return tl::unexpected(is_done.error());
        }
        if (*is_done) {
            break;
        }
    }
    if (read.records == 0) {
        read.first = read.next;
    }
    return read;
}

Result<bool> SegmentReader::read_at(const ReadPlace& place, std::span<std::byte> into, LogRead& read) {
    const auto file = open(place);
    if (!file) {
        return tl::unexpected(file.error());
    }
    const auto position = position_of(place, **file);
    if (!position) {
        return tl::unexpected(position.error());
    }
    const std::uint64_t left = place.segment.bytes - std::min(*position, place.segment.bytes);
    const auto got = read_all(**file, *position, into.first(std::min<std::uint64_t>(into.size(), left)));
    if (!got) {
        return tl::unexpected(got.error());
    }
    place_.context().counters.log_bytes_read.add(*got);
    take_records(into.first(*got), read);
    if (read.records > 0) {
        list_.remember(read.next, *position + read.bytes);
        return true;
    }
    return skip_damage(place, **file, *position, read);
}

/// No record came of what was read at `position`: it may be too large for the reader's memory, or damaged.
Result<bool> SegmentReader::skip_damage(const ReadPlace& place, File& file, std::uint64_t position, LogRead& read) {
    SegmentScanner scanner(file, {.offset = read.next, .position = position, .timestamp = Timestamp::min()},
                           place.segment.bytes);
    const auto found = scanner.next();
    if (!found) {
        return tl::unexpected(found.error());
    }
    if (*found == Found::record) {
        return true;
    }
    const bool reaches_end = *found == Found::end || scanner.position() >= place.segment.bytes;
    const Offset end = reaches_end ? place.segment_limit : std::min(scanner.offset(), place.segment_limit);
    note_damage(read, place.segment.base, position, read.next, end);
    read.next = end;
    if (!reaches_end) {
        list_.remember(end, scanner.position());
    }
    return false;
}

/// Damage that adjoins what this read has found already is told with it.
void SegmentReader::note_damage(LogRead& read, Offset base, std::uint64_t position, Offset first, Offset end) {
    place_.report(place_.note_damage(base, position, first, end));
    if (read.damaged) {
        read.damaged->second = end;
    } else {
        read.damaged = {first, end};
    }
}

Result<FileUse> SegmentReader::open(const ReadPlace& place) {
    FileCache& open_files = place_.context().open_files;
    return place.file ? open_files.use(place.file) : open_files.use_path(place_.path(log_name(place.segment.base)));
}

Result<std::uint64_t> SegmentReader::position_of(const ReadPlace& place, File& file) {
    std::optional<IndexEntry> near = place.near;
    if (!near) {
        const auto index = sealed_index(place.segment, file);
        if (!index) {
            return tl::unexpected(index.error());
        }
        near = (*index)->find_offset(place.offset).value_or(IndexEntry{.offset = place.segment.base});
    }
    if (near->offset == place.offset) {
        return near->position;
    }
    const auto walked = walk_to(file, *near, place.offset);
    if (!walked) {
        return tl::unexpected(walked.error());
    }
    return *walked ? Result<std::uint64_t>(**walked) : scan_to(file, *near, place.offset, place.segment.bytes);
}

Result<std::shared_ptr<const SegmentIndex>> SegmentReader::sealed_index(const Segment& segment, File& file) {
    const std::string path = place_.path(index_name(segment.base));
    IndexCache& cache = place_.context().indexes;
    if (auto known = cache.find(path)) {
        return known;
    }
    auto index = std::make_shared<SegmentIndex>();
    const auto content = read_file(place_.context().files, path, index_bytes_max);
    auto decoded = content ? SegmentIndex::decode(*content, segment.base, segment.bytes) : std::nullopt;
    if (decoded) {
        *index = std::move(*decoded);
    } else {
        // Derived, so it can be made again: in memory, since only the writer changes files.
        SegmentScanner scanner(file, {.offset = segment.base, .timestamp = Timestamp::min()}, segment.bytes);
        auto found = scanner.next();
        for (; found && *found != Found::end; found = scanner.next()) {
            if (*found == Found::record) {
                index->add(scanner.record().place);
            }
        }
        if (!found) {
            return tl::unexpected(found.error());
        }
    }
    cache.put(path, index);
    return index;
}

Result<Offset> SegmentReader::find_time(Timestamp time) {
    while (const auto place = list_.locate_time(time)) {
        const auto file = open(*place);
        if (!file && file.error() == std::errc::no_such_file_or_directory && list_.first() >= place->segment_limit) {
            continue;  // it was trimmed meanwhile
        }
        if (!file) {
            return tl::unexpected(file.error());
        }
        std::optional<IndexEntry> near = place->near;
        if (!near) {
            const auto index = sealed_index(place->segment, **file);
            if (!index) {
                return tl::unexpected(index.error());
            }
            near = (*index)->find_time(time).value_or(IndexEntry{.offset = place->segment.base});
        }
        SegmentScanner scanner(**file, {near->offset, near->position, Timestamp::min()}, place->segment.bytes,
                               search_window_bytes);
        auto found = scanner.next();
        while (found && *found != Found::end && (*found == Found::damage || scanner.record().place.timestamp < time)) {
            found = scanner.next();
        }
        if (!found) {
            return tl::unexpected(found.error());
        }
        const Offset offset = *found == Found::record ? scanner.record().place.offset : place->segment_limit;
        return std::max(offset, list_.first());
    }
    return list_.extent().end;
}

}  // namespace leveret
