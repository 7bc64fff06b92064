// How much of the file system's free room records may still get.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <system_error>

namespace leveret {

/// RocksDB cannot take room on the disk for what comes later, so this counts instead: it looks at the free bytes and
/// grants up to 64 MiB of them before it looks again. Others may fill the disk meanwhile; the margin is for them too.
/// Thread-safe.
class DiskRoom {
  public:
    /// `directory` exists.
    DiskRoom(std::string directory, std::uint64_t margin_bytes)
        : directory_(std::move(directory)), margin_bytes_(margin_bytes) {}

    /// Takes `bytes` of what the last look has left. False: there is less; nothing was taken. Does not block.
    [[nodiscard]] bool try_take(std::uint64_t bytes);
    /// Looks at the disk and takes `bytes`. Blocks. Error: disk_full.
    [[nodiscard]] std::error_code take(std::uint64_t bytes);
    /// Taken, and not going to be used.
    void give_back(std::uint64_t bytes);
    /// Taken, and written by now: the next look sees that these bytes are gone.
    void note_written(std::uint64_t bytes);

  private:
    const std::string directory_;
    const std::uint64_t margin_bytes_;
    std::mutex mutex_;  // guards what follows
    std::uint64_t left_bytes_ = 0;
    std::uint64_t unwritten_bytes_ = 0;  ///< taken, and still free when somebody looks
};

}  // namespace leveret
