#include "message_log/rocksdb/rocksdb_cursor.hpp"

#include <algorithm>
#include <cstring>

namespace leveret {
namespace {

// So many offsets behind a damaged one are tried one by one: more than a table's block mostly has.
constexpr std::uint64_t tried_one_by_one = 1024;

rocksdb::Slice slice_of(const PartitionKeys::RecordKey& key) {
    return {key.data(), key.size()};
}

Offset after(Offset offset) noexcept {
    return {offset.value + 1};
}

Offset between(Offset low, Offset high) noexcept {
    return {low.value + (high.value - low.value) / 2};
}

}  // namespace

RocksDbCursor::RocksDbCursor(const RocksDbDatabase& database, const PartitionKeys& keys, Offset end)
    : keys_(keys),
      end_(end),
      first_key_(keys.record({})),
      end_key_(keys.record(end)),
      first_slice_(slice_of(first_key_)),
      end_slice_(slice_of(end_key_)),
      iterator_(database.iterate(database.records(), &first_slice_, &end_slice_)) {}

std::error_code RocksDbCursor::seek(Offset offset) {
    iterator_->Seek(slice_of(keys_.record(offset)));
    return iterator_->status().IsCorruption() ? skip_damage(offset) : error_of(iterator_->status());
}

std::error_code RocksDbCursor::next() {
    const Offset wanted = after(offset());
    iterator_->Next();
    return iterator_->status().IsCorruption() ? skip_damage(wanted) : error_of(iterator_->status());
}

bool RocksDbCursor::can_read(Offset offset) {
    iterator_->Seek(slice_of(keys_.record(offset)));
    return !iterator_->status().IsCorruption();
}

/// A damaged block is refused as a whole, and so is a damaged table: in steps that grow, looks for an offset behind it.
std::error_code RocksDbCursor::skip_damage(Offset offset) {
    Offset damaged = offset;
    std::uint64_t step = 1;
    Offset probe = after(damaged);
    while (probe < end_ && !can_read(probe)) {
        damaged = probe;
        step = probe.value - offset.value < tried_one_by_one ? 1 : 2 * step;
        probe = {damaged.value + std::min(step, end_.value - damaged.value)};
    }
    Offset readable = std::min(probe, end_);
    while (readable > after(damaged)) {
        const Offset middle = between(damaged, readable);
        (can_read(middle) ? readable : damaged) = middle;
    }
    iterator_->Seek(slice_of(keys_.record(readable)));
    return error_of(iterator_->status());
}

std::optional<RecordView> RocksDbCursor::record() const {
    const rocksdb::Slice value = iterator_->value();
    const Bytes bytes = as_bytes(value.ToStringView());
    const Result<RecordView> record = check_record(bytes);
    const bool is_sound =
        record && record->size() == bytes.size() && record->offset() == offset() && has_valid_checksum(*record);
    return is_sound ? std::optional(*record) : std::nullopt;
}

Result<LogRead> read_records(RocksDbCursor& cursor, Offset from, Offset end, std::span<std::byte> into) {
    LogRead read;
    read.first = read.next = from;
    std::error_code error = cursor.seek(from);
    while (!error && read.next < end) {
        const Offset found = cursor.is_at_record() ? cursor.offset() : end;
        const auto record = cursor.is_at_record() ? cursor.record() : std::nullopt;
        if (found > read.next || !record) {
            if (read.records > 0) {
                break;  // the next read tells
            }
            read.first = read.next = record || found == end ? found : after(found);
            read.damaged = {from, read.next};
        } else if (record->size() > into.size() - read.bytes) {
            break;
        } else {
            std::memcpy(into.data() + read.bytes, record->bytes().data(), record->size());
            read.bytes += record->size();
            read.records += 1;
            read.next = after(found);
        }
        if (cursor.is_at_record() && cursor.offset() < read.next) {
            error = cursor.next();
        }
    }
    // Whole records in front of an error are an answer; the next read meets it again.
    if (error && read.records == 0) {
        return tl::unexpected(error);
    }
    return read;
}

Result<Offset> find_time(RocksDbCursor& cursor, Timestamp time, Offset first, Offset end) {
    // Stamps never go backwards with offsets, and what cannot be read counts as what follows it.
    Offset low = first;
    Offset high = end;
    while (low < high) {
        const Offset middle = between(low, high);
        if (const std::error_code error = cursor.seek(middle)) {
            return tl::unexpected(error);
        }
        std::optional<RecordView> record;
        while (cursor.is_at_record() && !(record = cursor.record())) {
            if (const std::error_code error = cursor.next()) {
                return tl::unexpected(error);
            }
        }
        if (record && record->timestamp() < time) {
            low = after(record->offset());
        } else {
            high = middle;
        }
    }
    return low;
}

}  // namespace leveret
