// One way of storing logs below a data directory: opens and removes the logs of its partitions.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <asio/any_io_executor.hpp>

#include "environment/counters.hpp"
#include "message_log/message_log.hpp"
#include "protocol/identity.hpp"

namespace leveret {

/// Records from `first` on were numbered in this epoch, up to where the next one begins.
struct EpochStart {
    Epoch epoch{};
    Offset first{};
    friend bool operator==(const EpochStart&, const EpochStart&) = default;
};

/// What opening a log had to do.
struct LogRecovery {
    bool was_closed_cleanly = true;
    std::uint64_t scanned_bytes = 0;  ///< read and verified
    std::uint64_t cut_bytes = 0;      ///< of a torn tail: written, never acknowledged
    std::uint64_t kept_aside_bytes =
        0;                              ///< of those, the ones with valid records in them, moved to a file of their own
    std::uint64_t damages = 0;          ///< ranges below the synced offset that cannot be read
    std::vector<std::string> findings;  ///< a sentence each, for the server's log
};

struct OpenedLog {
    std::unique_ptr<MessageLog> log;
    std::vector<EpochStart> epochs;  ///< ascending, at least one
    LogRecovery recovery;
};

/// Where logs do their work; the executors outlive the logs and may be one and the same.
struct LogExecutors {
    asio::any_io_executor write;  ///< writes, syncs, trims
    asio::any_io_executor read;   ///< reads of cold pages, which must not hold up an append
};

struct LogSettings {
    /// Records that were written and not synced may be gone after a power cut although readers have seen them: so an
    /// unclean start on another boot raises the epoch.
    bool shows_unsynced = false;
    /// For a new log, and the least for a raised one.
    Epoch epoch{};
};

/// Thread-safe. The methods block: they are called on a log's thread, or before there are any io threads.
/// Errors are the system's, or bad_log where what is there cannot be understood; whatever it is, it stays there.
class LogStore {
  public:
    virtual ~LogStore() = default;
    /// A new, empty log, its names durable. Error: file_exists where there is one.
    [[nodiscard]] virtual Result<OpenedLog> create(const TopicId& topic, PartitionId partition,
                                                   const LogSettings& settings) = 0;
    /// Opens one that create() made; verifies and mends what a crash may have left.
    [[nodiscard]] virtual Result<OpenedLog> open(const TopicId& topic, PartitionId partition,
                                                 const LogSettings& settings) = 0;
    /// Removes all partitions of a topic whose logs have been closed.
    [[nodiscard]] virtual std::error_code remove(const TopicId& topic) = 0;
};

}  // namespace leveret
