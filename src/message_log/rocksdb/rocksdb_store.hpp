// The store that keeps all partitions in one RocksDB database.
//
// A record is one entry: topic id, partition and offset are its key (big-endian, so that the order of the keys is the
// order of the records), its bytes are the value. One append is one write batch: a recovery shows all of it or nothing.
// Retention asks for segments; here they are parts: about 64 MiB of a partition's records, noted as they are written.
//
// All logs share one write-ahead log. So what waits for a sync, of whatever topic, is served by one; and after a failed
// write or sync all logs of the store stop, since nobody knows what of them it has lost. When the write-ahead log
// itself is damaged, RocksDB goes back to the moment before the damage: records that only it had, the newest ones, are
// gone. Damage in the tables is found by reading and told.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "message_log/log_store.hpp"

namespace leveret {

struct RocksDbStoreSettings {
    /// A part of this size gets no further append.
    std::uint64_t part_bytes = std::uint64_t{64} << 20U;
    /// Of the file system's free bytes, those that no record gets: flushes and compactions need room of their own.
    std::uint64_t room_margin_bytes = std::uint64_t{128} << 20U;
    /// Table files that are open at a time.
    std::size_t open_files_max = 512;
    /// Names the time between two starts of the machine; all zero where the system does not tell.
    std::array<std::uint8_t, 16> boot_id{};
    /// How findings name a topic; its id where this is empty.
    std::function<std::string(const TopicId&)> topic_name{};
    /// Told of damage that a read has found, once for each place, and of what RocksDB itself calls an error. On any
    /// thread, several at once.
    std::function<void(const std::string& finding)> on_finding{};
};

/// The database in `directory`, which is made if need be; its parent exists. The executors and the counters outlive the
/// store and its logs; the logs may outlive the store. The executors may have any number of threads. Blocks.
/// Errors: the system's; bad_log where RocksDB finds its own files damaged, or of another format.
[[nodiscard]] Result<std::unique_ptr<LogStore>> open_rocksdb_store(const std::string& directory, LogExecutors executors,
                                                                   Counters& counters,
                                                                   RocksDbStoreSettings settings = {});

}  // namespace leveret
