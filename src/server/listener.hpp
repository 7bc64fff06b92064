// Accepts connections, each born on a strand of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <system_error>

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>

#include "environment/environment.hpp"
#include "server/tcp_transport.hpp"

namespace leveret {

/// Owned by shared_ptr because an accept may be on its way when it is closed.
class Listener : public std::enable_shared_from_this<Listener> {
  public:
    using Accepted = std::function<void(TcpSocket socket)>;

    /// `accepted` is called on the listener's strand.
    Listener(asio::io_context& context, const Environment& environment, Accepted accepted);

    /// Binds and listens. `host` is an address or a name of this machine.
    [[nodiscard]] std::error_code listen(const std::string& host, std::uint16_t port);
    [[nodiscard]] std::uint16_t port() const noexcept;
    /// Begins to accept.
    void start();
    /// Any thread. Stops accepting; what was accepted goes on.
    void close();

  private:
    [[nodiscard]] asio::awaitable<void> accept();
    [[nodiscard]] asio::awaitable<void> pause();

    asio::io_context& context_;
    const Environment& environment_;
    const Accepted accepted_;
    Strand strand_;
    asio::basic_socket_acceptor<asio::ip::tcp, Strand> acceptor_;
    std::uint16_t port_ = 0;
};

}  // namespace leveret
