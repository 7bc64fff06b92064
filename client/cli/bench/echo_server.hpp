// What a round trip costs at the very least: a server that sends back what it reads.
#pragma once

#include <cstdint>
#include <optional>

#include <sys/types.h>

#include "leveret/client.hpp"

namespace leveret::cli {

/// A child process with one epoll loop, on a port of its own on 127.0.0.1. Ends with this object. Start it before the
/// program has threads.
class EchoServer {
  public:
    /// On `processor` alone, where one is given.
    [[nodiscard]] static Outcome<EchoServer> start(std::optional<unsigned> processor);
    EchoServer(EchoServer&& other) noexcept : child_(other.child_), port_(other.port_) { other.child_ = 0; }
    EchoServer& operator=(EchoServer&&) = delete;
    ~EchoServer();

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  private:
    EchoServer(pid_t child, std::uint16_t port) noexcept : child_(child), port_(port) {}
    pid_t child_;
    std::uint16_t port_;
};

}  // namespace leveret::cli
