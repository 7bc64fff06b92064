#include "server/tcp_transport.hpp"

#include <array>

#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <fmt/format.h>

namespace leveret {

namespace {
constexpr int discards_max = 256;
}

TcpTransport::TcpTransport(TcpSocket socket) noexcept : socket_(std::move(socket)) {
    std::error_code ignored;  // a socket whose peer has gone already fails at the first read
    socket_.non_blocking(true, ignored);
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

std::size_t TcpTransport::read_some(std::span<std::byte> into, std::error_code& error) noexcept {
    return socket_.read_some(asio::buffer(into.data(), into.size()), error);
}

std::size_t TcpTransport::write_some(std::span<const asio::const_buffer> from, std::error_code& error) noexcept {
    return socket_.write_some(from, error);
}

asio::awaitable<std::error_code> TcpTransport::wait_readable() {
    std::error_code error;
    co_await socket_.async_wait(TcpSocket::wait_read, asio::redirect_error(asio::use_awaitable, error));
    co_return error;
}

asio::awaitable<std::error_code> TcpTransport::wait_writable() {
    std::error_code error;
    co_await socket_.async_wait(TcpSocket::wait_write, asio::redirect_error(asio::use_awaitable, error));
    co_return error;
}

void TcpTransport::close() noexcept {
    // A socket that is closed with something unread resets the connection, and what was written may never arrive.
    std::array<std::byte, 4096> discarded;  // NOLINT(cppcoreguidelines-pro-type-member-init): never read
    std::error_code error;
    for (int i = 0; i < discards_max && !error; ++i) {
        read_some(discarded, error);
    }
    socket_.close(error);
}

std::string TcpTransport::peer() const {
    std::error_code error;
    const auto endpoint = socket_.remote_endpoint(error);
    return error ? "(gone)" : fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
}

}  // namespace leveret
