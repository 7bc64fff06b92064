#include "message_log/rocksdb/disk_room.hpp"

#include <algorithm>

#include <sys/statvfs.h>

#include "protocol/error.hpp"

namespace leveret {
namespace {

constexpr std::uint64_t granted_bytes_per_look = std::uint64_t{64} << 20U;

std::uint64_t without(std::uint64_t bytes, std::uint64_t others) noexcept {
    return bytes - std::min(bytes, others);
}

}  // namespace

bool DiskRoom::try_take(std::uint64_t bytes) {
    const std::scoped_lock lock(mutex_);
    if (bytes > left_bytes_) {
        return false;
    }
    left_bytes_ -= bytes;
    unwritten_bytes_ += bytes;
    return true;
}

std::error_code DiskRoom::take(std::uint64_t bytes) {
    struct statvfs found {};
    if (::statvfs(directory_.c_str(), &found) != 0) {
        return Error::disk_full;  // for all that is known
    }
    const std::uint64_t free_bytes = std::uint64_t{found.f_bavail} * found.f_frsize;
    const std::scoped_lock lock(mutex_);
    const std::uint64_t usable_bytes = without(without(free_bytes, margin_bytes_), unwritten_bytes_);
    left_bytes_ = std::min(usable_bytes, std::max(granted_bytes_per_look, bytes));
    if (bytes > left_bytes_) {
        return Error::disk_full;
    }
    left_bytes_ -= bytes;
    unwritten_bytes_ += bytes;
    return {};
}

void DiskRoom::give_back(std::uint64_t bytes) {
    const std::scoped_lock lock(mutex_);
    left_bytes_ += bytes;
    unwritten_bytes_ = without(unwritten_bytes_, bytes);
}

void DiskRoom::note_written(std::uint64_t bytes) {
    const std::scoped_lock lock(mutex_);
    unwritten_bytes_ = without(unwritten_bytes_, bytes);
}

}  // namespace leveret
