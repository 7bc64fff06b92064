#include "server/open_files.hpp"

#include <algorithm>

#include <sys/resource.h>

namespace leveret {
namespace {

constexpr std::size_t others_max = 64;
constexpr std::size_t logs_min = 16;
constexpr std::size_t rocksdb_min = 16;
constexpr std::size_t rocksdb_max = 512;

}  // namespace

OpenFiles share_open_files(std::size_t limit, std::size_t connections_max, const StorageOptions& storage) noexcept {
    OpenFiles files{.others = std::min(others_max, limit / 2)};
    if (!storage.data_dir.empty()) {
        files.logs = storage.log_files_max != 0 ? storage.log_files_max : std::max(limit / 4, logs_min);
        files.rocksdb = std::clamp(limit / 8, rocksdb_min, rocksdb_max);
    }
    const std::size_t left = limit - std::min(limit, files.sum());
    files.connections = connections_max != 0 ? connections_max : std::max({left, limit / 8, std::size_t{1}});
    return files;
}

std::size_t open_files_limit() noexcept {
    rlimit limit{};
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
}

std::size_t raise_open_files_limit() noexcept {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    return open_files_limit();
}

}  // namespace leveret
