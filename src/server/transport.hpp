// How a connection reads and writes: TCP, an in-memory pair, later TLS.
#pragma once

#include <span>
#include <string>
#include <system_error>

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>

namespace leveret {

/// A stream of bytes that never blocks: try first, wait only where there was nothing to do. Strand: its connection's.
class Transport {
  public:
    virtual ~Transport() = default;

    /// Bytes read. 0 with no error is never returned: asio::error::would_block where nothing is there, asio::error::eof
    /// at the end. A short read means that nothing more was there.
    virtual std::size_t read_some(std::span<std::byte> into, std::error_code& error) noexcept = 0;
    /// Bytes written of at most 64 buffers; asio::error::would_block where none could be.
    virtual std::size_t write_some(std::span<const asio::const_buffer> from, std::error_code& error) noexcept = 0;
    /// Returns when a read may bring something (also the end). Cancelled by close(). One waiter.
    [[nodiscard]] virtual asio::awaitable<std::error_code> wait_readable() = 0;
    /// Returns when a write may take something. Cancelled by close(). One waiter.
    [[nodiscard]] virtual asio::awaitable<std::error_code> wait_writable() = 0;
    /// Ends both directions; waits return. A second call does nothing.
    virtual void close() noexcept = 0;
    /// For logs: "127.0.0.1:54321".
    [[nodiscard]] virtual std::string peer() const = 0;
};

}  // namespace leveret
