// The file system as the logs see it, so that tests can put another one in its place: one that loses what was not
// synced, tears writes and fails at the n-th call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "protocol/error.hpp"
#include "protocol/record.hpp"

namespace leveret {

/// One open file; closed as it goes. The methods are the system calls, with their short counts and EINTR: read_all()
/// and write_all() below are what logs call. Errors are the system's (std::generic_category()).
/// Thread-safe as far as the calls touch different bytes.
class File {
  public:
    virtual ~File() = default;
    /// Bytes read, fewer than asked for at the end of the file; 0 behind it.
    [[nodiscard]] virtual Result<std::size_t> read_some(std::uint64_t at, std::span<std::byte> into) = 0;
    /// Writes the runs back to back from `at` on, or a part of that: bytes written. At most 1024 runs.
    [[nodiscard]] virtual Result<std::size_t> write_some(std::uint64_t at, std::span<const Bytes> runs) = 0;
    /// Returns when what was written through this descriptor would survive a power cut (fdatasync). An error is final:
    /// nobody knows what of it has reached the disk, and a second call would claim success.
    [[nodiscard]] virtual std::error_code sync() = 0;
    [[nodiscard]] virtual std::error_code truncate(std::uint64_t size) = 0;
    /// Takes room on the disk for [at, at + bytes), so that writing there cannot fail for want of it. The file's size
    /// stays.
    [[nodiscard]] virtual std::error_code reserve(std::uint64_t at, std::uint64_t bytes) = 0;
    [[nodiscard]] virtual Result<std::uint64_t> size() = 0;
};

/// Paths are relative to the directory this object was made for, with '/' between names; "" is that directory itself.
/// Thread-safe. Errors are the system's.
class Files {
  public:
    enum class Open {
        read,       ///< an existing file, for reading
        write,      ///< an existing file, for reading and writing
        create,     ///< a new file, for reading and writing: file_exists where there is one
        overwrite,  ///< an empty file, whether there was one or not
    };
    struct Entry {
        std::string name;
        bool is_directory = false;
    };
    /// Held for as long as this object lives.
    class Lock {
      public:
        virtual ~Lock() = default;
    };

    virtual ~Files() = default;
    [[nodiscard]] virtual Result<std::unique_ptr<File>> open(const std::string& path, Open how) = 0;
    /// Replaces what `to` names. Durable after sync_directory() of its parent.
    [[nodiscard]] virtual std::error_code rename(const std::string& from, const std::string& to) = 0;
    /// A file, or an empty directory.
    [[nodiscard]] virtual std::error_code remove(const std::string& path) = 0;
    /// Its parent exists. No error where it exists already.
    [[nodiscard]] virtual std::error_code make_directory(const std::string& path) = 0;
    /// Makes names that were created, renamed or removed in this directory durable.
    [[nodiscard]] virtual std::error_code sync_directory(const std::string& path) = 0;
    /// In ascending order of their names, without "." and "..".
    [[nodiscard]] virtual Result<std::vector<Entry>> list(const std::string& path) = 0;
    /// Creates the file if need be, and locks it against other processes and other Files objects.
    /// Error: resource_unavailable_try_again where somebody holds it.
    [[nodiscard]] virtual Result<std::unique_ptr<Lock>> lock(const std::string& path) = 0;
    /// What an unprivileged process could still write.
    [[nodiscard]] virtual Result<std::uint64_t> free_bytes() = 0;
};

/// The process, or the system, has as many files open as it may: the call has done nothing.
[[nodiscard]] bool is_want_of_files(const std::error_code& error) noexcept;
/// Reads until `into` is full or the file ends: bytes read.
[[nodiscard]] Result<std::size_t> read_all(File& file, std::uint64_t at, std::span<std::byte> into);
/// Writes all of the runs back to back. On error a part may have been written.
[[nodiscard]] std::error_code write_all(File& file, std::uint64_t at, std::span<const Bytes> runs);
/// A whole small file. Error: file_too_large beyond `bytes_max`.
[[nodiscard]] Result<std::vector<std::byte>> read_file(Files& files, const std::string& path, std::size_t bytes_max);
/// Replaces a whole small file in one step that a crash cannot tear: writes `path`.new, syncs it, renames it, syncs the
/// directory.
[[nodiscard]] std::error_code replace_file(Files& files, const std::string& path, Bytes content);

/// The operating system's files below `directory`, which exists.
[[nodiscard]] std::unique_ptr<Files> make_posix_files(std::string directory);

}  // namespace leveret
