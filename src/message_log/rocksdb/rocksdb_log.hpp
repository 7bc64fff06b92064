// One partition's log in the database of a RocksDB store.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <vector>

#include "message_log/message_log.hpp"
#include "message_log/rocksdb/rocksdb_database.hpp"
#include "message_log/rocksdb/rocksdb_format.hpp"

namespace leveret {

/// What a partition has, as the store found it or as the last append has left it.
struct RocksDbContents {
    LogTail tail;
    std::deque<LogPart> full_parts;  ///< those before tail.part
    std::uint64_t bytes = 0;         ///< of all parts, whole

    [[nodiscard]] LogExtent extent() const;
};

/// Writes go through the database's queue, which calls back on one thread at a time; reads run on the read executor.
class RocksDbLog final : public MessageLog {
  public:
    /// `state` is what the database has for this opening of the log: not closed cleanly, and not synced yet.
    RocksDbLog(std::shared_ptr<RocksDbDatabase> database, const TopicId& topic, PartitionId partition,
               RocksDbContents contents, PartitionState state);

    [[nodiscard]] bool reserve(std::uint64_t bytes, Done done) override;
    void unreserve(std::uint64_t bytes) override;
    void append(std::span<const Bytes> runs, Sync sync, AppendDone done) override;
    void sync(Done done) override;
    void read(Offset from, std::span<std::byte> into, ReadDone done) override;
    void find_time(Timestamp time, FindDone done) override;
    void trim(Offset before, Done done) override;
    void close(Done done) override;
    [[nodiscard]] LogExtent extent() const override;

  private:
    // On the write executor, one at a time.
    bool fill_append(rocksdb::WriteBatch& batch, const std::vector<Bytes>& runs, Sync sync);
    bool fill_trim(rocksdb::WriteBatch& batch, Offset before);
    void submit(std::function<bool(rocksdb::WriteBatch&)> fill, std::uint64_t bytes, Done done);
    /// After a write: shows what has been written.
    void publish(std::error_code error, bool was_synced);

    // On the read executor.
    [[nodiscard]] Result<LogRead> read_now(Offset from, std::span<std::byte> into);
    [[nodiscard]] Result<Offset> find_now(Timestamp time);
    void note_damage(std::pair<Offset, Offset> damaged);

    enum class Call { read, write };
    /// False: the log is closed, or has stopped and does not write any more. Otherwise end_call() comes after the
    /// callback, and is the last that touches this object.
    [[nodiscard]] bool begin_call(Call call);
    void end_call();
    void refuse(Done done) const;

    const std::shared_ptr<RocksDbDatabase> database_;
    const TopicId topic_;
    const PartitionId partition_;
    const PartitionKeys keys_;

    // The write executor's own.
    RocksDbContents writing_;
    PartitionState state_;
    bool state_is_synced_ = false;

    mutable std::mutex mutex_;  // guards what follows
    LogExtent extent_;
    std::set<Offset> told_damages_;
    bool has_failed_ = false;
    bool is_closing_ = false;
    std::uint64_t calls_under_way_ = 0;
    std::function<void()> closed_;  ///< set once the mark is written; called by the last call under way
};

}  // namespace leveret
