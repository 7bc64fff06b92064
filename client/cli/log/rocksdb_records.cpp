#include "log/rocksdb_records.hpp"

#include <algorithm>

#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include "message_log/rocksdb/rocksdb_format.hpp"

namespace leveret::cli {
namespace {

/// Keeps RocksDB from writing a LOG file.
class NoLog final : public rocksdb::Logger {
  public:
    using rocksdb::Logger::Logv;
    void Logv(const char*, va_list) override {}
};

rocksdb::Slice slice_of(const PartitionKeys::RecordKey& key) {
    return {key.data(), key.size()};
}

}  // namespace

Parsed<RocksDbRecords> RocksDbRecords::open(const std::string& directory) {
    rocksdb::DBOptions options;
    options.info_log = std::make_shared<NoLog>();
    options.max_open_files = 64;
    const std::vector<rocksdb::ColumnFamilyDescriptor> families{{rocksdb::kDefaultColumnFamilyName, {}}, {"meta", {}}};
    RocksDbRecords records;
    rocksdb::DB* db = nullptr;
    const rocksdb::Status status = rocksdb::DB::OpenForReadOnly(options, directory, families, &records.families_, &db);
    records.db_.reset(db);
    if (!status.ok()) {
        return tl::unexpected("RocksDB cannot open " + directory + ": " + status.ToString());
    }
    return records;
}

RocksDbRecords::RocksDbRecords(RocksDbRecords&&) noexcept = default;

RocksDbRecords::~RocksDbRecords() {
    for (rocksdb::ColumnFamilyHandle* family : families_) {
        if (db_) {
            (void)db_->DestroyColumnFamilyHandle(family);
        }
    }
}

Parsed<RocksDbExtent> RocksDbRecords::extent(const TopicId& topic, PartitionId partition) const {
    std::string value;
    const rocksdb::Status status = db_->Get({}, families_[1], PartitionKeys(topic, partition).tail(), &value);
    if (!status.ok()) {
        return tl::unexpected("RocksDB does not tell where the log ends: " + status.ToString());
    }
    const auto tail = decode_tail(value);
    if (!tail) {
        return tl::unexpected(std::string("what RocksDB has noted about the log's end is damaged"));
    }
    return RocksDbExtent{tail->first, tail->end};
}

void RocksDbRecords::visit(const TopicId& topic, PartitionId partition, const OffsetRange& range,
                           const RocksDbVisitor& visitor) const {
    const PartitionKeys keys(topic, partition);
    const auto first_key = keys.record(range.first);
    const auto end_key = keys.record(range.end);
    const rocksdb::Slice end_slice = slice_of(end_key);
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &end_slice;
    const std::unique_ptr<rocksdb::Iterator> iterator(db_->NewIterator(options, families_[0]));
    Offset next = range.first;
    for (iterator->Seek(slice_of(first_key)); iterator->Valid(); iterator->Next()) {
        const Offset offset = PartitionKeys::offset(iterator->key().ToStringView());
        if (offset > next) {
            visitor.on_lost({next, offset}, "RocksDB does not have them");
        }
        next = {offset.value + 1};
        const Bytes bytes = as_bytes(iterator->value().ToStringView());
        const auto record = check_record(bytes);
        const bool is_sound =
            record && record->size() == bytes.size() && record->offset() == offset && has_valid_checksum(*record);
        if (!is_sound) {
            visitor.on_lost({offset, next}, "not a record with this offset and a right checksum");
        } else if (!visitor.on_record(*record)) {
            return;
        }
    }
    if (next < range.end) {
        const rocksdb::Status status = iterator->status();
        visitor.on_lost({next, range.end}, status.ok() ? "RocksDB does not have them" : status.ToString());
    }
}

}  // namespace leveret::cli
