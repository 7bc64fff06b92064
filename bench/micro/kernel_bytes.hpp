// Bytes that a program reads as it would read them from a socket: the kernel copies them, so that neither the time of a
// benchmark's own copy nor its instructions are counted as the program's.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <system_error>

#include <sys/mman.h>
#include <unistd.h>

#include "protocol/record.hpp"

namespace leveret::bench {

/// In an anonymous file. Throws std::system_error where the system refuses one.
class KernelBytes {
  public:
    explicit KernelBytes(Bytes bytes) : file_(memfd_create("bench", MFD_CLOEXEC)), size_(bytes.size()) {
        overwrite(0, bytes);
    }
    KernelBytes(const KernelBytes&) = delete;
    KernelBytes& operator=(const KernelBytes&) = delete;
    ~KernelBytes() { ::close(file_); }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Reads what is there from `at` on, as much as `into` takes.
    [[nodiscard]] std::size_t read(std::span<std::byte> into, std::size_t at) const {
        const ssize_t count = ::pread(file_, into.data(), into.size(), static_cast<off_t>(at));
        if (count < 0) {
            throw std::system_error(errno, std::generic_category(), "pread");
        }
        return static_cast<std::size_t>(count);
    }
    void overwrite(std::size_t at, Bytes bytes) const {
        if (::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(at)) != static_cast<ssize_t>(bytes.size())) {
            throw std::system_error(errno, std::generic_category(), "pwrite");
        }
    }

  private:
    const int file_;
    const std::size_t size_;
};

}  // namespace leveret::bench
