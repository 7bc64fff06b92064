// A blocking TCP connection to a broker on this machine, and bytes on it.
#pragma once

#include <cstdint>
#include <vector>

#include "protocol/record.hpp"

namespace leveret::test {

/// Every wait has an end: after a minute without a byte the test fails with an exception.
class WireSocket {
  public:
    explicit WireSocket(std::uint16_t port);
    WireSocket(const WireSocket&) = delete;
    WireSocket& operator=(const WireSocket&) = delete;
    ~WireSocket();

    void send(Bytes bytes);
    /// Sends what fits without waiting; answers how many bytes that were, 0 also where the peer has closed.
    [[nodiscard]] std::size_t send_some(Bytes bytes);
    /// Adds what comes next to `to`; false at the end of the stream.
    [[nodiscard]] bool receive(std::vector<std::byte>& to);
    /// Reads to the end and says how many bytes came before it.
    std::size_t read_to_end();
    /// Says that nothing more will be sent; receiving goes on.
    void end_sending();
    /// Goes without a farewell: the peer gets a reset.
    void vanish();

  private:
    int descriptor_;
};

}  // namespace leveret::test
