// A client of fuzz_connection: sends what the input says, reads when it says so, and checks what the broker sent.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "server/broker.hpp"
#include "support/native_frames.hpp"

namespace leveret::test {

/// What a step of the input does. make_corpus.py has the same numbers.
enum class Operation : std::uint8_t {
    raw = 0,      ///< then a length and bytes: they are sent as they are
    native = 1,   ///< then a request's kind, a handle and a number that the fields are made from
    changed = 2,  ///< the same, then a place and what its byte is xored with
    zaichik = 3,  ///< then a frame's kind, a topic and a number
    read = 4,     ///< then how much, in units of 64 bytes
    advance = 5,  ///< then for how long: the square of it in milliseconds
    close = 6,
    open = 7,  ///< sends the magic bytes
};

/// A request of the native dialect; `number` decides what is in its fields.
[[nodiscard]] ByteVector native_request(std::uint8_t kind, std::uint8_t handle, std::uint8_t number);
[[nodiscard]] ByteVector zaichik_request(std::uint8_t kind, std::uint8_t topic, std::uint8_t number);

/// Strand: the broker's context, which one thread runs.
class FuzzedClient {
  public:
    FuzzedClient(Broker& broker, const asio::any_io_executor& executor, std::size_t capacity_bytes);

    /// Sends what the transport takes now and keeps the rest, within a bound, for the next time.
    void send(Bytes bytes);
    /// Reads at most `bytes_max` and checks them.
    void read(std::size_t bytes_max);
    void close() { transport_->close(); }

    /// Of the native dialect, over all subscriptions: offsets that were delivered, and those that the broker said are
    /// gone.
    [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
    [[nodiscard]] std::uint64_t missed() const noexcept { return missed_; }
    /// A subscription ended because its topic was deleted.
    [[nodiscard]] bool lost_a_topic() const noexcept { return lost_a_topic_; }

  private:
    void flush();
    void check(const ReceivedFrame& frame);
    void check_delivery(const ReceivedFrame& frame);

    std::unique_ptr<Transport> transport_;
    ByteVector unsent_;
    ByteVector unread_;
    ByteVector dialect_;                              // the first bytes that were sent, until they are four
    std::unordered_map<std::uint32_t, Offset> next_;  // by subscription: no delivery may be below
    std::uint64_t received_ = 0;
    std::uint64_t missed_ = 0;
    bool lost_a_topic_ = false;
};

}  // namespace leveret::test
