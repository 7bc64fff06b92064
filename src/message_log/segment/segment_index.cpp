#include "message_log/segment/segment_index.hpp"

#include <algorithm>

#include "message_log/segment/disk_fields.hpp"
#include "protocol/crc32c.hpp"

namespace leveret {
namespace {

constexpr auto magic = std::uint32_t{0x6954'564C};  // "LVTi"
constexpr std::uint32_t format = 1;
constexpr std::size_t format_at = 4;
constexpr std::size_t base_at = 8;
constexpr std::size_t covered_at = 16;
constexpr std::size_t count_at = 24;
constexpr std::size_t checksum_at = 28;
constexpr std::size_t head_bytes = 32;
constexpr std::size_t entry_bytes = 24;

std::uint32_t checksum_of(Bytes file) noexcept {
    return crc32c(file.subspan(head_bytes), crc32c(file.first(checksum_at)));
}

/// `predicate` holds for a first part of the entries: the last of that part.
template <class Predicate>
std::optional<IndexEntry> last_for_which(std::span<const IndexEntry> entries, Predicate predicate) {
    const auto behind = std::partition_point(entries.begin(), entries.end(), predicate);
    return behind == entries.begin() ? std::nullopt : std::optional(*(behind - 1));
}

}  // namespace

std::optional<IndexEntry> SegmentIndex::find_offset(Offset offset) const noexcept {
    return last_for_which(entries(), [&](const IndexEntry& entry) { return entry.offset <= offset; });
}

std::optional<IndexEntry> SegmentIndex::find_time(Timestamp time) const noexcept {
    return last_for_which(entries(), [&](const IndexEntry& entry) { return entry.timestamp < time; });
}

std::vector<std::byte> SegmentIndex::encode(Offset base, std::uint64_t covered_bytes) const {
    std::vector<std::byte> file(head_bytes + entries_.size() * entry_bytes);
    put_field(file, 0, magic);
    put_field(file, format_at, format);
    put_field(file, base_at, base.value);
    put_field(file, covered_at, covered_bytes);
    put_field(file, count_at, static_cast<std::uint32_t>(entries_.size()));
    std::size_t at = head_bytes;
    for (const IndexEntry& entry : entries_) {
        put_field(file, at, entry.offset.value);
        put_field(file, at + 8, entry.position);
        put_field(file, at + 16, std::int64_t{entry.timestamp.time_since_epoch().count()});
        at += entry_bytes;
    }
    put_field(file, checksum_at, checksum_of(file));
    return file;
}

std::optional<SegmentIndex> SegmentIndex::decode(Bytes file, Offset base, std::uint64_t covered_bytes) {
    if (file.size() < head_bytes || field<std::uint32_t>(file, 0) != magic ||
        field<std::uint32_t>(file, format_at) != format || field<std::uint64_t>(file, base_at) != base.value ||
        field<std::uint64_t>(file, covered_at) != covered_bytes) {
        return std::nullopt;
    }
    const std::size_t count = field<std::uint32_t>(file, count_at);
    if (file.size() != head_bytes + count * entry_bytes || (count == 0) != (covered_bytes == 0) ||
        field<std::uint32_t>(file, checksum_at) != checksum_of(file)) {
        return std::nullopt;
    }
    SegmentIndex index;
    index.entries_.reserve(count);
    for (std::size_t at = head_bytes; at < file.size(); at += entry_bytes) {
        const IndexEntry entry{
            {field<std::uint64_t>(file, at)},
            field<std::uint64_t>(file, at + 8),
            Timestamp(std::chrono::microseconds(field<std::int64_t>(file, at + 16))),
        };
        index.entries_.push_back(entry);
    }
    return index;
}

}  // namespace leveret
