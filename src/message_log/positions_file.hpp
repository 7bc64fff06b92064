// The committed positions of one stored partition.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "message_log/files.hpp"
#include "protocol/error.hpp"
#include "protocol/identity.hpp"

namespace leveret {

/// An append-only file of (name, offset) entries with a checksum each, the last one of a name counts; written anew, in
/// one rename, when it has grown to several times what is current. docs/storage.md has the format. Not thread-safe.
/// Blocks.
class PositionsFile {
  public:
    using Positions = std::map<std::string, Offset, std::less<>>;

    /// Reads what is there; no file is no positions. A torn last entry is cut; damage before it loses that entry alone
    /// and is counted. `files` outlives this.
    [[nodiscard]] static Result<PositionsFile> open(Files& files, std::string path);

    [[nodiscard]] const Positions& positions() const noexcept { return positions_; }
    [[nodiscard]] std::uint64_t damaged_entries() const noexcept { return damaged_entries_; }

    /// Remembers all of them in one write; with `sync`, durably. disk_full changes nothing; after any other error every
    /// later save fails with log_failed: nothing is retried.
    [[nodiscard]] std::error_code save(std::span<const std::pair<std::string, Offset>> positions, bool sync);

  private:
    PositionsFile(Files& files, std::string path) : files_(&files), path_(std::move(path)) {}
    void take_entries(Bytes content);
    void remember(std::string_view name, Offset offset);
    [[nodiscard]] std::error_code cut_tail() const;
    [[nodiscard]] std::error_code append(std::span<const std::pair<std::string, Offset>> positions, bool sync);
    [[nodiscard]] std::error_code write_anew();
    void reserve_ahead(File& file, std::uint64_t bytes);

    Files* files_;
    std::string path_;
    Positions positions_;
    std::uint64_t damaged_entries_ = 0;
    std::uint64_t file_bytes_ = 0;     ///< up to the end of the last valid entry; 0: there is no file
    std::uint64_t current_bytes_ = 0;  ///< what a file with positions_ alone would have
    bool has_unsynced_ = false;
    bool has_failed_ = false;
    std::uint64_t reserved_bytes_ = 0;  ///< the file may grow up to here without asking the disk for room
};

}  // namespace leveret
