// A Transport over a TCP socket.
#pragma once

#include <span>
#include <string>
#include <system_error>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/strand.hpp>

#include "server/transport.hpp"

namespace leveret {

using Strand = asio::strand<asio::io_context::executor_type>;
using TcpSocket = asio::basic_stream_socket<asio::ip::tcp, Strand>;

class TcpTransport final : public Transport {
  public:
    /// The socket was accepted on its connection's strand; it is made non-blocking and sends without delay.
    explicit TcpTransport(TcpSocket socket) noexcept;

    std::size_t read_some(std::span<std::byte> into, std::error_code& error) noexcept override;
    std::size_t write_some(std::span<const asio::const_buffer> from, std::error_code& error) noexcept override;
    [[nodiscard]] asio::awaitable<std::error_code> wait_readable() override;
    [[nodiscard]] asio::awaitable<std::error_code> wait_writable() override;
    void close() noexcept override;
    [[nodiscard]] std::string peer() const override;

  private:
    TcpSocket socket_;
};

}  // namespace leveret
