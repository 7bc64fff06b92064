// Records of topics that RocksDB keeps, read without changing the database.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "message_log/segment/lost_offsets.hpp"
#include "units.hpp"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
}  // namespace rocksdb

namespace leveret::cli {

/// What the database itself says of a partition.
struct RocksDbExtent {
    Offset first{};
    Offset end{};
};

struct RocksDbVisitor {
    /// False ends it.
    std::function<bool(RecordView)> on_record;
    std::function<void(const OffsetRange&, const std::string& why)> on_lost;
};

/// As the database was when it was opened, also beside a server. Errors are sentences.
class RocksDbRecords {
  public:
    [[nodiscard]] static Parsed<RocksDbRecords> open(const std::string& directory);
    RocksDbRecords(RocksDbRecords&&) noexcept;
    RocksDbRecords& operator=(RocksDbRecords&&) = delete;
    ~RocksDbRecords();

    [[nodiscard]] Parsed<RocksDbExtent> extent(const TopicId& topic, PartitionId partition) const;
    /// Records of `range`, each verified. What RocksDB refuses to read, it refuses up to the end: nothing is known of
    /// what lies behind.
    void visit(const TopicId& topic, PartitionId partition, const OffsetRange& range,
               const RocksDbVisitor& visitor) const;

  private:
    RocksDbRecords() = default;
    std::unique_ptr<rocksdb::DB> db_;
    std::vector<rocksdb::ColumnFamilyHandle*> families_;
};

}  // namespace leveret::cli
