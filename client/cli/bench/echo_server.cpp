#include "bench/echo_server.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/processors.hpp"

namespace leveret::cli {
namespace {

void watch(int epoll, int descriptor) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = descriptor;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

void accept_one(int epoll, int listener) {
    const int peer = ::accept(listener, nullptr, nullptr);
    if (peer >= 0) {
        const int on = 1;
        ::setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(epoll, peer);
    }
}

/// False at the end of the peer's bytes.
bool echo_once(int peer, std::vector<char>& buffer) {
    const ssize_t count = ::recv(peer, buffer.data(), buffer.size(), 0);
    for (ssize_t sent = 0; sent < count;) {
        const ssize_t written =
            ::send(peer, buffer.data() + sent, static_cast<std::size_t>(count - sent), MSG_NOSIGNAL);
        if (written < 0) {
            return false;
        }
        sent += written;
    }
    return count > 0;
}

[[noreturn]] void serve(int listener) {
    std::vector<char> buffer(1U << 20U);
    const int epoll = ::epoll_create1(0);
    watch(epoll, listener);
    for (;;) {
        std::array<epoll_event, 16> events{};
        const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < count; ++i) {
            const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
            if (descriptor == listener) {
                accept_one(epoll, listener);
            } else if (!echo_once(descriptor, buffer)) {
                ::close(descriptor);
            }
        }
    }
}

Failure last_failure() {
    const std::error_code code(errno, std::generic_category());
    return {code, "echo server: " + code.message()};
}

}  // namespace

Outcome<EchoServer> EchoServer::start(std::optional<unsigned> processor) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (listener < 0 || ::bind(listener, generic, size) != 0 || ::listen(listener, 16) != 0 ||
        ::getsockname(listener, generic, &size) != 0) {
        return tl::unexpected(last_failure());
    }
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) {
        return tl::unexpected(last_failure());
    }
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // no orphan, however the benchmark ends
        if (::getppid() != parent || (processor && pin_this_thread(*processor))) {
            ::_exit(1);
        }
        serve(listener);
    }
    ::close(listener);
    return EchoServer(child, ntohs(address.sin_port));
}

EchoServer::~EchoServer() {
    if (child_ > 0) {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }
}

}  // namespace leveret::cli
