// The one database behind all logs of a RocksDB store, and the order in which they write.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <vector>

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include "message_log/rocksdb/disk_room.hpp"
#include "message_log/rocksdb/rocksdb_store.hpp"

namespace leveret {

/// bad_log where RocksDB finds damage, a generic code otherwise; nothing where the status is fine.
[[nodiscard]] std::error_code error_of(const rocksdb::Status& status);

/// `call()`, which gives a Status; what it throws becomes one too.
template <class Call>
[[nodiscard]] rocksdb::Status guarded(Call call) {
    try {
        return call();
    } catch (const std::exception& error) {
        return rocksdb::Status::Aborted(error.what());
    }
}

/// What one call of a log wants written.
struct RocksDbWrite {
    /// Adds to the batch; whether it has to be synced. Called once, in the order of submit(), unless writing has
    /// failed.
    std::function<bool(rocksdb::WriteBatch&)> fill;
    /// Called once, after `fill` of everything that was written with it. Error: log_failed.
    std::function<void(std::error_code, bool was_synced)> done;
    std::uint64_t bytes = 0;  ///< about as many are added to the batch
};

/// Held by the store and its logs; closed with the last of them. Thread-safe. The methods block but for submit().
class RocksDbDatabase : public std::enable_shared_from_this<RocksDbDatabase> {
  public:
    [[nodiscard]] static Result<std::shared_ptr<RocksDbDatabase>> open(const std::string& directory,
                                                                       LogExecutors executors, Counters& counters,
                                                                       RocksDbStoreSettings settings);
    ~RocksDbDatabase();
    RocksDbDatabase(const RocksDbDatabase&) = delete;
    RocksDbDatabase& operator=(const RocksDbDatabase&) = delete;

    /// Everything that waits when the write before has ended is one write, with one sync: one thread at a time writes.
    /// `fill` and `done` are called on the write executor, one after the other for all logs together.
    void submit(RocksDbWrite write);
    /// Error: log_failed, and from then on for all writes.
    [[nodiscard]] std::error_code write(rocksdb::WriteBatch& batch, bool sync);

    /// Over [*first, *end), as they are now; both slices and their bytes outlive the iterator.
    [[nodiscard]] std::unique_ptr<rocksdb::Iterator> iterate(rocksdb::ColumnFamilyHandle* family,
                                                             const rocksdb::Slice* first,
                                                             const rocksdb::Slice* end) const;
    [[nodiscard]] rocksdb::Status get(const std::string& meta_key, std::string& value) const;
    /// Frees the files of which every key is in [first, end), all of them deleted. What stays goes with compactions.
    void drop_files(const rocksdb::Slice& first, const rocksdb::Slice& end);

    [[nodiscard]] rocksdb::ColumnFamilyHandle* records() const noexcept { return families_[0]; }
    [[nodiscard]] rocksdb::ColumnFamilyHandle* meta() const noexcept { return families_[1]; }
    [[nodiscard]] const LogExecutors& executors() const noexcept { return executors_; }
    [[nodiscard]] Counters& counters() const noexcept { return counters_; }
    [[nodiscard]] const RocksDbStoreSettings& settings() const noexcept { return settings_; }
    [[nodiscard]] DiskRoom& room() noexcept { return room_; }
    void tell(const std::string& finding) const;
    /// As findings name it.
    [[nodiscard]] std::string name_of(const TopicId& topic, PartitionId partition) const;

  private:
    RocksDbDatabase(const std::string& directory, LogExecutors executors, Counters& counters,
                    RocksDbStoreSettings settings);
    void carry_out_group();
    [[nodiscard]] std::error_code failure();
    [[nodiscard]] std::vector<RocksDbWrite> take_group();

    const LogExecutors executors_;
    Counters& counters_;
    const RocksDbStoreSettings settings_;
    DiskRoom room_;
    std::unique_ptr<rocksdb::DB> db_;
    std::vector<rocksdb::ColumnFamilyHandle*> families_;
    rocksdb::WriteBatch batch_;  ///< the group's; kept for its memory

    std::mutex mutex_;  // guards what follows
    std::deque<RocksDbWrite> waiting_;
    bool is_writing_ = false;
    bool has_failed_ = false;
};

}  // namespace leveret
