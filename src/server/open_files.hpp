// How the files that the process may open are shared out.
#pragma once

#include <cstddef>

#include "server/storage.hpp"

namespace leveret {

struct OpenFiles {
    std::size_t connections = 0;
    std::size_t logs = 0;     ///< segment files
    std::size_t rocksdb = 0;  ///< table files
    std::size_t others = 0;   ///< RocksDB's own bookkeeping, the poller, the listener, and some to spare

    [[nodiscard]] std::size_t sum() const noexcept { return connections + logs + rocksdb + others; }
};

/// Of `limit` files. What is set explicitly, a `connections_max` or `log_files_max` other than 0, stays as it is, so
/// that the sum may be more than the limit.
[[nodiscard]] OpenFiles share_open_files(std::size_t limit, std::size_t connections_max,
                                         const StorageOptions& storage) noexcept;

/// The soft limit of the process (RLIMIT_NOFILE).
[[nodiscard]] std::size_t open_files_limit() noexcept;
/// Raises the soft limit to the hard one, and answers what it is then.
std::size_t raise_open_files_limit() noexcept;

}  // namespace leveret
