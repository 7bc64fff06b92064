// A client for the zaichik dialect: what the original broker's own client could do, and no more. It talks to Leveret
// and to the original alike. Programs that may choose use leveret::Client: this dialect acknowledges nothing and has no
// errors; a server that dislikes a frame closes the connection.
//
//   leveret::ZaichikClient client(co_await asio::this_coro::executor);
//   co_await client.connect("127.0.0.1", 8889);
//   co_await client.subscribe("hello");
//   auto message = co_await client.read_message();
//   co_await client.commit();
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "leveret/client.hpp"

namespace leveret {

/// A message as it was received; owns its bytes.
struct ZaichikMessage {
    std::string topic;
    std::optional<std::string> key;
    std::vector<std::byte> payload;

    friend bool operator==(const ZaichikMessage&, const ZaichikMessage&) = default;
};

/// As Rust's {:?} prints the original's message: `Publish { topic: "hello", key: Some("key"), payload: [109, 101] }`.
[[nodiscard]] std::string to_string(const ZaichikMessage& message);

/// Belongs to one executor on which one thread at a time runs. Several coroutines may write; one at a time may read.
/// Every verb that sends returns when its bytes have been handed to the system, or with the reason why not:
/// connection_lost, or closed after close().
class ZaichikClient {
  public:
    explicit ZaichikClient(asio::any_io_executor executor);
    /// Closes the socket at once; whatever waits gets the error `closed`.
    ~ZaichikClient();
    ZaichikClient(ZaichikClient&&) noexcept;
    ZaichikClient& operator=(ZaichikClient&&) noexcept;

    /// Errors: those of the system; their text says which host and port it was.
    [[nodiscard]] asio::awaitable<Outcome<void>> connect(std::string host, std::uint16_t port);
    /// Milliseconds; 0: no limit, no window. Of a topic that exists already nothing changes.
    [[nodiscard]] asio::awaitable<Outcome<void>> create_topic(std::string name, std::uint64_t retention_ttl_ms = 0,
                                                              std::uint64_t compaction_window_ms = 0);
    /// Error, besides: bad_record for a key over 65,535 bytes or one that is not UTF-8.
    [[nodiscard]] asio::awaitable<Outcome<void>> publish(std::string topic, std::optional<std::string> key,
                                                         std::vector<std::byte> payload);
    [[nodiscard]] asio::awaitable<Outcome<void>> publish(std::string topic, std::optional<std::string> key,
                                                         std::string_view payload);
    [[nodiscard]] asio::awaitable<Outcome<void>> subscribe(std::string topic);
    [[nodiscard]] asio::awaitable<Outcome<void>> unsubscribe(std::string topic);
    /// Asks for the next message: one is outstanding per connection.
    [[nodiscard]] asio::awaitable<Outcome<void>> commit();
    /// The next message that the server delivers. Cancel-safe: nothing is lost.
    /// Errors, besides: bad_frame and frame_too_large for what a server may not send; the connection is closed then.
    [[nodiscard]] asio::awaitable<Outcome<ZaichikMessage>> read_message();
    /// Says CloseConnection and closes.
    [[nodiscard]] asio::awaitable<Outcome<void>> close();

    struct State;

  private:
    std::shared_ptr<State> state_;
};

}  // namespace leveret
