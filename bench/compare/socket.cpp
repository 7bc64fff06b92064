#include "socket.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace leveret::compare {
namespace {

[[noreturn]] void throw_last(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

Socket::Socket(std::uint16_t port) : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    if (descriptor_ < 0 || ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        const int error = errno;
        ::close(descriptor_);
        throw std::system_error(error, std::generic_category(), "connecting");
    }
}

Socket::Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

Socket::~Socket() {
    if (descriptor_ >= 0) {
        ::close(descriptor_);
    }
}

void Socket::write(Bytes bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count < 0 && errno != EINTR) {
            throw_last("writing");
        }
        bytes = bytes.subspan(static_cast<std::size_t>(count < 0 ? 0 : count));
    }
}

std::size_t Socket::read(std::span<std::byte> into) {
    for (;;) {
        const ssize_t count = ::recv(descriptor_, into.data(), into.size(), 0);
        if (count > 0) {
            return static_cast<std::size_t>(count);
        }
        if (count == 0) {
            throw std::system_error(ECONNRESET, std::generic_category(), "the server closed the connection");
        }
        if (errno != EINTR) {
            throw_last("reading");
        }
    }
}

std::size_t Socket::try_read(std::span<std::byte> into) {
    const ssize_t count = ::recv(descriptor_, into.data(), into.size(), MSG_DONTWAIT);
    if (count > 0) {
        return static_cast<std::size_t>(count);
    }
    if (count == 0) {
        throw std::system_error(ECONNRESET, std::generic_category(), "the server closed the connection");
    }
    if (errno != EAGAIN && errno != EINTR) {
        throw_last("reading");
    }
    return 0;
}

std::size_t Socket::try_write(Bytes bytes) {
    const ssize_t count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno != EAGAIN && errno != EINTR) {
        throw_last("writing");
    }
    return static_cast<std::size_t>(count < 0 ? 0 : count);
}

std::vector<std::byte> Socket::read_exactly(std::size_t count) {
    std::vector<std::byte> bytes(count);
    for (std::size_t done = 0; done < count;) {
        done += read(std::span(bytes).subspan(done));
    }
    return bytes;
}

std::string Socket::read_line() {
    std::string line;
    while (line.empty() || line.back() != '\n') {
        line += static_cast<char>(read_exactly(1).front());
    }
    return line;
}

void Socket::wait(bool room) const {
    pollfd waiting{descriptor_, static_cast<short>(room ? POLLIN | POLLOUT : POLLIN), 0};
    if (::poll(&waiting, 1, -1) < 0 && errno != EINTR) {
        throw_last("waiting");
    }
}

}  // namespace leveret::compare
