#include "conformance/wire_socket.hpp"

#include <array>
#include <cerrno>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace leveret::test {

namespace {

constexpr time_t patience_seconds = 60;

void require(bool done, const char* what) {
    if (!done) {
        throw std::system_error(errno, std::generic_category(), what);
    }
}

}  // namespace

WireSocket::WireSocket(std::uint16_t port) : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{.tv_sec = patience_seconds, .tv_usec = 0};
    const int no_delay = 1;
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    require(::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "connect");
}

WireSocket::~WireSocket() {
    if (descriptor_ >= 0) {
        ::close(descriptor_);
    }
}

void WireSocket::send(Bytes bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        require(count > 0, "send");
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
}

std::size_t WireSocket::send_some(Bytes bytes) {
    const ssize_t count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return count < 0 ? 0 : static_cast<std::size_t>(count);
}

bool WireSocket::receive(std::vector<std::byte>& to) {
    std::array<std::byte, 64U << 10U> piece;
    const ssize_t count = ::recv(descriptor_, piece.data(), piece.size(), 0);
    if (count < 0 && errno == ECONNRESET) {
        return false;  // closed while bytes of ours were still on their way
    }
    require(count >= 0, "recv");
    to.insert(to.end(), piece.begin(), piece.begin() + count);
    return count > 0;
}

std::size_t WireSocket::read_to_end() {
    std::vector<std::byte> rest;
    while (receive(rest)) {
    }
    return rest.size();
}

void WireSocket::end_sending() {
    require(::shutdown(descriptor_, SHUT_WR) == 0, "shutdown");
}

void WireSocket::vanish() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(descriptor_);
    descriptor_ = -1;
}

}  // namespace leveret::test
