// Reading one partition's records out of the database, damage included.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include <rocksdb/iterator.h>

#include "message_log/message_log.hpp"
#include "message_log/rocksdb/rocksdb_database.hpp"
#include "message_log/rocksdb/rocksdb_format.hpp"

namespace leveret {

/// Sees the records that there were below `end` when it was made. For one thread; the database outlives it.
class RocksDbCursor {
  public:
    RocksDbCursor(const RocksDbDatabase& database, const PartitionKeys& keys, Offset end);

    /// Goes to the first entry at or after `offset` that RocksDB can read; is_at_record() says whether there is one.
    /// Errors: the system's.
    [[nodiscard]] std::error_code seek(Offset offset);
    /// The same for `offset` right behind the current entry, faster.
    [[nodiscard]] std::error_code next();
    [[nodiscard]] bool is_at_record() const { return iterator_->Valid(); }
    /// Precondition of all below: is_at_record().
    [[nodiscard]] Offset offset() const { return PartitionKeys::offset(iterator_->key().ToStringView()); }
    /// Nothing where the entry is no well-formed record with this offset and a right checksum. Valid until the cursor
    /// moves.
    [[nodiscard]] std::optional<RecordView> record() const;

  private:
    [[nodiscard]] bool can_read(Offset offset);
    [[nodiscard]] std::error_code skip_damage(Offset offset);

    const PartitionKeys keys_;
    const Offset end_;
    const PartitionKeys::RecordKey first_key_;
    const PartitionKeys::RecordKey end_key_;
    const rocksdb::Slice first_slice_;
    const rocksdb::Slice end_slice_;
    const std::unique_ptr<rocksdb::Iterator> iterator_;
};

/// MessageLog::read() for a cursor that ends where the log does and a log that begins at `first`.
[[nodiscard]] Result<LogRead> read_records(RocksDbCursor& cursor, Offset from, Offset end, std::span<std::byte> into);
/// MessageLog::find_time() in [first, end).
[[nodiscard]] Result<Offset> find_time(RocksDbCursor& cursor, Timestamp time, Offset first, Offset end);

}  // namespace leveret
