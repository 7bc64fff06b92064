// The store that keeps each partition as segment files: docs/storage.md has their format.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "message_log/files.hpp"
#include "message_log/log_store.hpp"

namespace leveret {

/// Names the time between two starts of the machine. Within one, what was written is still there, synced or not.
using BootId = std::array<std::uint8_t, 16>;

struct SegmentStoreSettings {
    /// A segment of this size gets no further append. At most 1 GiB.
    std::uint64_t segment_bytes = 64U << 20U;
    /// Descriptors of all logs together. A file with unsynced writes is synced before it is closed, so there may be
    /// more for a moment.
    std::size_t open_files_max = 512;
    BootId boot_id{};
    /// How findings name the data directory.
    std::string data_dir_for_messages = ".";
    /// How findings name a topic; its id where this is empty.
    std::function<std::string(const TopicId&)> topic_name{};
    /// Told of damage that a read has found, once for each place; on a log's thread.
    std::function<void(const std::string& finding)> on_finding{};
};

/// `files` is the data directory; it, the executors and the counters outlive the store and its logs. The logs may
/// outlive the store. `executors.write` and `.read` may have any number of threads.
[[nodiscard]] std::unique_ptr<LogStore> make_segment_store(Files& files, LogExecutors executors, Counters& counters,
                                                           SegmentStoreSettings settings);

/// This machine's; all zero where the system does not tell.
[[nodiscard]] BootId read_boot_id();

}  // namespace leveret
