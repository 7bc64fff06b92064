// A blocking TCP socket to a server on this machine. Throws std::system_error.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/record.hpp"

namespace leveret::compare {

/// One thread. Move-only.
class Socket {
  public:
    /// Connects to 127.0.0.1, without Nagle's delay.
    explicit Socket(std::uint16_t port);
    Socket(Socket&& other) noexcept;
    Socket& operator=(Socket&&) = delete;
    ~Socket();

    void write(Bytes bytes);
    void write(std::string_view text) { write(as_bytes(text)); }
    /// What is there, waiting for at least one byte. Throws at the end of the stream.
    [[nodiscard]] std::size_t read(std::span<std::byte> into);
    /// What is there, 0 where there is nothing. Throws at the end of the stream.
    [[nodiscard]] std::size_t try_read(std::span<std::byte> into);
    /// Writes what fits without waiting.
    [[nodiscard]] std::size_t try_write(Bytes bytes);
    /// Exactly this many bytes.
    [[nodiscard]] std::vector<std::byte> read_exactly(std::size_t count);
    /// Up to and including the first line feed.
    [[nodiscard]] std::string read_line();
    /// Waits until there is something to read, or room to write where `room` is asked for.
    void wait(bool room) const;

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

  private:
    int descriptor_ = -1;
};

}  // namespace leveret::compare
