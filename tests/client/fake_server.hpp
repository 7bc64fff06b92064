// A server that does what a test tells it, frame by frame, and a client that talks to it; both in one thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

#include "leveret/client.hpp"
#include "protocol/native.hpp"

namespace leveret::test {

/// For the server, which may run on another thread than the test: REQUIRE is for one thread only. Throws.
void expect(bool holds, const std::string& what = "the client does not keep to the protocol");

/// A frame as the server received it.
struct ReceivedFrame {
    native::FrameHeader header;
    std::vector<std::byte> body;

    template <class Body>
    [[nodiscard]] Body as() const {
        auto decoded = Body::decode(body);
        expect(decoded.has_value(), "a body that can be read");
        return std::move(*decoded);
    }
    /// Of a Publish: its records' payloads.
    [[nodiscard]] std::vector<std::string> payloads() const;
    [[nodiscard]] bool is_one_way() const { return (header.flags & native::flags::one_way) != 0; }
};

/// A braced list inside a co_await expression is more than g++ 12 can do.
template <class... Text>
[[nodiscard]] std::vector<std::string> texts(const Text&... text) {
    return {std::string(text)...};
}
[[nodiscard]] SubscribeOptions with_credit(std::uint64_t records);
[[nodiscard]] SubscribeOptions from_position(std::string name);

inline constexpr std::uint32_t topic_handle = 7;
inline constexpr std::uint32_t subscription_handle = 70;

class FakeServer {
  public:
    explicit FakeServer(asio::io_context& io);

    [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

    // --- What it waits for
    /// A client that opens with the magic bytes.
    asio::awaitable<void> accept();
    asio::awaitable<ReceivedFrame> receive();
    /// The next frame, which has to be of this type.
    asio::awaitable<ReceivedFrame> receive(native::FrameType type);
    /// Returns when the client has closed its side; frames on the way are dropped.
    asio::awaitable<void> wait_for_the_end();

    // --- What it says
    asio::awaitable<void> send(std::vector<std::byte> bytes);
    template <class Body>
    asio::awaitable<void> answer(ReceivedFrame to, native::FrameType type, Body body, std::uint32_t handle = 0) {
        return send(frame(type, body, to.header.correlation, handle));
    }
    asio::awaitable<void> answer_ok(ReceivedFrame to);
    /// Receives a request of this type and answers it with a frame that has no body.
    asio::awaitable<void> answer_next(native::FrameType request, native::FrameType with);
    asio::awaitable<void> answer_error(ReceivedFrame to, Error code, std::string text = "no", std::uint64_t detail = 0);
    asio::awaitable<void> acknowledge(ReceivedFrame publish, std::uint64_t first);

    // --- Several steps at once
    /// Accepts, and answers Hello.
    asio::awaitable<void> welcome();
    asio::awaitable<void> open_topic(std::uint32_t handle = topic_handle, std::uint8_t id = 1, std::uint32_t epoch = 1,
                                     TopicSettings settings = {});
    asio::awaitable<ReceivedFrame> start_subscription(std::uint32_t handle = subscription_handle,
                                                      std::uint64_t next = 0);
    asio::awaitable<void> deliver(std::vector<std::string> payloads, std::uint64_t first,
                                  std::uint32_t handle = subscription_handle);

    void drop_connection();
    void stop_listening() { acceptor_.close(); }

    template <class Body>
    [[nodiscard]] static std::vector<std::byte> frame(native::FrameType type, const Body& body,
                                                      Correlation correlation = {}, std::uint32_t handle = 0) {
        std::vector<std::byte> bytes;
        native::append_frame(bytes, type, body, correlation, handle);
        return bytes;
    }
    [[nodiscard]] static std::vector<std::byte> deliver_frame(const std::vector<std::string>& payloads,
                                                              std::uint64_t first,
                                                              std::uint32_t handle = subscription_handle);
    /// Stamped records with consecutive offsets.
    [[nodiscard]] static std::vector<std::byte> records(const std::vector<std::string>& payloads, std::uint64_t first);

  private:
    asio::ip::tcp::acceptor acceptor_;
    asio::ip::tcp::socket socket_;
};

/// An operation of the client that goes on while the test goes on.
template <class T>
class Started {
  public:
    Started(asio::io_context& io, asio::awaitable<T> operation) : state_(std::make_shared<State>(io)) {
        asio::co_spawn(io, std::move(operation), [state = state_](const std::exception_ptr& exception, T value) {
            state->exception = exception;
            state->value.emplace(std::move(value));
            state->done.cancel();
        });
    }
    [[nodiscard]] bool is_done() const { return state_->value.has_value(); }
    /// What came of it.
    asio::awaitable<T> result() { return wait(state_); }

  private:
    struct State {
        explicit State(asio::io_context& io) : done(io, asio::steady_timer::time_point::max()) {}
        asio::steady_timer done;
        std::optional<T> value;
        std::exception_ptr exception;
    };
    static asio::awaitable<T> wait(std::shared_ptr<State> state) {
        while (!state->value) {
            std::error_code cancelled;
            co_await state->done.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
        }
        if (state->exception) {
            std::rethrow_exception(state->exception);
        }
        co_return std::move(*state->value);
    }

    std::shared_ptr<State> state_;
};

/// What a handler of a test throws on purpose.
struct HandlerFailure : std::runtime_error {
    HandlerFailure() : runtime_error("a handler's failure") {}
};

class Scenario {
  public:
    Scenario();

    /// Runs the test's coroutine to its end. Counts each HandlerFailure that comes out of the executor on the way.
    void run(asio::awaitable<void> (*script)(Scenario&));

    template <class T>
    Started<T> start(asio::awaitable<T> operation) {
        return Started<T>(io, std::move(operation));
    }
    /// Client and server after Welcome.
    asio::awaitable<void> connect();
    asio::awaitable<Publisher> open_publisher(std::string topic = "hello");
    asio::awaitable<Subscription> subscribe(SubscribeOptions with = SubscribeOptions());
    /// Everything that is ready to run has run.
    asio::awaitable<void> settle();

    asio::io_context io{1};
    FakeServer server{io};
    std::optional<Client> client;
    ClientOptions options;
    int handler_failures = 0;

  private:
    void run_until_stopped();
};

// No co_await stands inside a REQUIRE: g++ 12 carries it out twice, as Catch asks whether the expression is constant.
asio::awaitable<void> expect_records(Subscription from, std::vector<std::string> payloads);
/// Closed comes next, for this reason.
asio::awaitable<void> expect_closed(Subscription subscription, std::error_code reason = std::error_code());

template <class T>
asio::awaitable<void> expect_success(asio::awaitable<Outcome<T>> operation) {
    const Outcome<T> outcome = co_await std::move(operation);
    REQUIRE(outcome.has_value());
}
template <class T>
asio::awaitable<void> expect_failure(asio::awaitable<Outcome<T>> operation, std::error_code code) {
    const Outcome<T> outcome = co_await std::move(operation);
    REQUIRE_FALSE(outcome.has_value());
    REQUIRE(outcome.error().code == code);
    REQUIRE_FALSE(outcome.error().text.empty());
}

[[nodiscard]] std::vector<std::string> payloads_of(const Received& received);
[[nodiscard]] std::vector<std::string> payloads_of(const Delivery& delivery);
[[nodiscard]] TopicId topic_id(std::uint8_t first);

}  // namespace leveret::test
