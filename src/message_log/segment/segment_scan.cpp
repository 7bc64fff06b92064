#include "message_log/segment/segment_scan.hpp"

#include <algorithm>

#include "message_log/segment/disk_fields.hpp"
#include "protocol/crc32c.hpp"

namespace leveret {
namespace {

using namespace record_layout;

constexpr std::uint8_t never_set = reserved | codec_mask;

/// Cheap, for the search byte by byte.
bool may_be_head(const std::byte* at) noexcept {
    return at[layout_at] == std::byte{layout} && (std::to_integer<std::uint8_t>(at[attributes_at]) & never_set) == 0;
}

}  // namespace

StoredCheck check_stored_record(Bytes bytes, Offset expected) noexcept {
    if (bytes.size() < header_bytes) {
        return StoredCheck::incomplete;
    }
    const RecordView record(bytes.data());
    if (record.size() < header_bytes || record.offset() != expected) {
        return StoredCheck::damaged;
    }
    if (record.size() > bytes.size()) {
        return StoredCheck::incomplete;
    }
    return check_record(bytes) && has_valid_checksum(record) ? StoredCheck::valid : StoredCheck::damaged;
}

SegmentScanner::SegmentScanner(File& file, const IndexEntry& from, std::uint64_t size, std::size_t window_bytes)
    : file_(file),
      size_(size),
      window_bytes_(std::max(window_bytes, header_bytes)),
      position_(from.position),
      offset_(from.offset),
      timestamp_(from.timestamp) {}

Result<SegmentScanner::Found> SegmentScanner::next() {
    if (position_ >= size_) {
        return Found::end;
    }
    const auto found = check_at(position_, {offset_, offset_});
    if (!found) {
        return tl::unexpected(found.error());
    }
    if (*found) {
        accept(**found);
        return Found::record;
    }
    const auto behind = search_behind_damage();
    if (!behind) {
        return tl::unexpected(behind.error());
    }
    const Record* const record = *behind ? &**behind : nullptr;
    damage_ = {.first = offset_,
               .end = record != nullptr ? record->place.offset : offset_,
               .position = position_,
               .position_end = record != nullptr ? record->place.position : size_};
    offset_ = damage_.end;
    position_ = damage_.position_end;
    return Found::damage;
}

void SegmentScanner::accept(const Record& record) noexcept {
    record_ = record;
    position_ = record.end_position();
    offset_ = {record.place.offset.value + 1};
    timestamp_ = record.place.timestamp;
}

/// At least `least` bytes from `position` on, or those up to the end; `least` is at most the window.
Result<Bytes> SegmentScanner::window_at(std::uint64_t position, std::size_t least) {
    const std::uint64_t left = size_ - position;
    const bool is_there =
        position >= window_begin_ && position + std::min<std::uint64_t>(least, left) <= window_begin_ + window_used_;
    if (!is_there) {
        if (!window_) {
            window_ = std::make_unique<std::byte[]>(window_bytes_);
        }
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(window_bytes_, left));
        window_used_ = 0;
        const auto got = read_all(file_, position, {window_.get(), wanted});
        if (!got) {
            return tl::unexpected(got.error());
        }
        window_begin_ = position;
        window_used_ = *got;
    }
    const auto skipped = static_cast<std::size_t>(position - window_begin_);
    return Bytes(window_.get() + skipped, window_used_ - skipped);
}

Result<std::optional<SegmentScanner::Record>> SegmentScanner::check_at(std::uint64_t position, Expected expected) {
    auto bytes = window_at(position, header_bytes);
    if (!bytes) {
        return tl::unexpected(bytes.error());
    }
    if (bytes->size() < header_bytes || !may_be_head(bytes->data())) {
        return std::nullopt;
    }
    const RecordView head(bytes->data());
    const Record record{{head.offset(), position, head.timestamp()}, head.size(), !head.has(more_in_batch)};
    if (record.bytes < header_bytes || record.bytes > size_ - position || record.place.offset < expected.least ||
        record.place.offset > expected.most || record.place.timestamp < timestamp_) {
        return std::nullopt;
    }
    if (record.bytes > window_bytes_) {
        const auto is_valid = has_valid_content(position, bytes->first(header_bytes));
        if (!is_valid) {
            return tl::unexpected(is_valid.error());
        }
        return *is_valid ? std::optional(record) : std::nullopt;
    }
    bytes = window_at(position, record.bytes);
    if (!bytes) {
        return tl::unexpected(bytes.error());
    }
    const bool is_valid = check_stored_record(*bytes, record.place.offset) == StoredCheck::valid;
    return is_valid ? std::optional(record) : std::nullopt;
}

/// Of a record that is larger than the window: its checksum, piece by piece.
Result<bool> SegmentScanner::has_valid_content(std::uint64_t position, Bytes head) {
    const RecordView view(head.data());
    const std::uint32_t size = view.size();
    const std::uint32_t stated = view.checksum();
    const std::uint64_t offset = view.offset().value;
    const auto timestamp = field<std::uint64_t>(head, timestamp_at);
    std::uint32_t content = 0;
    for (std::uint64_t at = position + attributes_at; at < position + size;) {
        const auto piece = window_at(at, 1);
        if (!piece) {
            return tl::unexpected(piece.error());
        }
        if (piece->empty()) {
            return false;
        }
        const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(piece->size(), position + size - at));
        content = crc32c(piece->first(bytes), content);
        at += bytes;
    }
    return stated == crc32c_of_fields(size, offset, timestamp, content);
}

/// At least one record is in the damage, and not more than have room there with a header each.
SegmentScanner::Expected SegmentScanner::expected_at(std::uint64_t position) const noexcept {
    return {{offset_.value + 1}, {offset_.value + (position - position_) / header_bytes}};
}

Result<std::optional<SegmentScanner::Record>> SegmentScanner::search_behind_damage() {
    // Mostly the size is still right, and the next record stands behind.
    const auto damaged = window_at(position_, header_bytes);
    if (!damaged) {
        return tl::unexpected(damaged.error());
    }
    if (damaged->size() >= header_bytes) {
        const std::uint32_t size = RecordView(damaged->data()).size();
        if (size >= header_bytes && size < size_ - position_) {
            const Offset following{offset_.value + 1};
            auto found = check_at(position_ + size, {following, following});
            if (!found || *found) {
                return found;
            }
        }
    }
    for (std::uint64_t at = position_ + 1; at + header_bytes <= size_; ++at) {
        const auto bytes = window_at(at, header_bytes);
        if (!bytes) {
            return tl::unexpected(bytes.error());
        }
        if (bytes->size() < header_bytes) {
            break;
        }
        std::size_t skipped = 0;
        while (skipped + header_bytes < bytes->size() && !may_be_head(bytes->data() + skipped)) {
            ++skipped;
        }
        at += skipped;
        auto found = check_at(at, expected_at(at));
        if (!found || *found) {
            return found;
        }
    }
    return std::nullopt;
}

}  // namespace leveret
