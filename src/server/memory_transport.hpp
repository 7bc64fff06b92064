// Two ends of a stream in memory, for tests, fuzzing and simulation: no socket, no port, no other thread.
#pragma once

#include <memory>
#include <utility>

#include <asio/any_io_executor.hpp>

#include "server/transport.hpp"

namespace leveret {

/// Each direction holds at most `capacity_bytes`: a writer whose peer does not read learns would_block, as with TCP.
/// Both ends live on one strand, `executor`.
[[nodiscard]] std::pair<std::unique_ptr<Transport>, std::unique_ptr<Transport>> make_memory_transports(
    const asio::any_io_executor& executor, std::size_t capacity_bytes);

}  // namespace leveret
