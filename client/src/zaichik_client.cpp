#include "leveret/zaichik_client.hpp"

#include <array>
#include <utility>

#include <asio/connect.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include "failure.hpp"
#include "protocol/zaichik.hpp"
#include "signal.hpp"

namespace leveret {

using asio::ip::tcp;
using client_side::failure_of;
using client_side::unexpected;

namespace {

constexpr std::size_t frame_bytes_max = 64U << 20U;  // the original sets none; this is no frame's length by accident
constexpr std::size_t read_bytes = 64U << 10U;

}  // namespace

struct ZaichikClient::State : std::enable_shared_from_this<State> {
    using Self = std::shared_ptr<State>;

    explicit State(const asio::any_io_executor& executor)
        : socket(executor), written(executor, std::make_shared<client_side::Wakeups>(executor)) {}

    static asio::awaitable<Outcome<void>> connect(Self self, std::string host, std::uint16_t port);
    static asio::awaitable<Outcome<void>> send(Self self, std::vector<std::byte> frame);
    static asio::awaitable<Outcome<ZaichikMessage>> read_message(Self self);
    static asio::awaitable<Outcome<void>> close(Self self);
    /// The next message among the bytes that are there. Nothing: more are needed.
    Outcome<std::optional<ZaichikMessage>> take_message();
    void fail(Failure why);

    tcp::socket socket;
    std::optional<Failure> failure;  // why nothing can be sent or received any more
    std::vector<std::byte> to_write;
    std::uint64_t queued_bytes = 0;   // ever
    std::uint64_t written_bytes = 0;  // ever
    bool writing = false;
    client_side::Signal written;
    std::vector<std::byte> received = std::vector<std::byte>(read_bytes);
    std::size_t begin = 0;  // in `received`: of what has not been taken
    std::size_t end = 0;    // of what is there
};

void ZaichikClient::State::fail(Failure why) {
    if (!failure) {
        failure = std::move(why);
    }
    std::error_code ignored;
    socket.close(ignored);
    written.ring();
}

asio::awaitable<Outcome<void>> ZaichikClient::State::connect(Self self, std::string host, std::uint16_t port) {
    std::error_code error;
    tcp::resolver resolver(self->socket.get_executor());
    const auto endpoints =
        co_await resolver.async_resolve(host, std::to_string(port), asio::redirect_error(asio::use_awaitable, error));
    if (!error && !self->failure) {
        co_await asio::async_connect(self->socket, endpoints, asio::redirect_error(asio::use_awaitable, error));
    }
    if (self->failure) {
        co_return unexpected(*self->failure);
    }
    if (error) {
        co_return unexpected(client_side::no_answer_from(client_side::endpoint_text(host, port), failure_of(error)));
    }
    self->socket.set_option(tcp::no_delay(true), error);
    co_return Outcome<void>();
}

/// Whoever finds nobody writing writes for all until nothing is left; the others wait until theirs is out.
asio::awaitable<Outcome<void>> ZaichikClient::State::send(Self self, std::vector<std::byte> frame) {
    self->to_write.insert(self->to_write.end(), frame.begin(), frame.end());
    self->queued_bytes += frame.size();
    const std::uint64_t mine = self->queued_bytes;
    while (!self->failure && self->written_bytes < mine) {
        if (self->writing) {
            co_await self->written.wait();
            continue;
        }
        self->writing = true;
        const std::vector<std::byte> bytes = std::exchange(self->to_write, {});
        std::error_code error;
        co_await asio::async_write(self->socket, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
        self->writing = false;
        self->written_bytes += bytes.size();
        if (error) {
            self->fail(failure_of(Error::connection_lost, "the connection was lost: " + error.message()));
        }
        self->written.ring();
    }
    if (self->failure) {
        co_return unexpected(*self->failure);
    }
    co_return Outcome<void>();
}

Outcome<std::optional<ZaichikMessage>> ZaichikClient::State::take_message() {
    const auto decoded = zaichik::decode(Bytes(received.data() + begin, end - begin), frame_bytes_max);
    if (!decoded) {
        return unexpected(failure_of(decoded.error()));
    }
    if (!*decoded) {
        return std::optional<ZaichikMessage>();
    }
    const auto* const publish = std::get_if<zaichik::Publish>(&(*decoded)->frame);
    if (publish == nullptr) {
        return unexpected(failure_of(Error::bad_frame, "the server sent a frame that is no message"));
    }
    ZaichikMessage message{.topic = std::string(publish->topic),
                           .key = std::nullopt,
                           .payload = {publish->payload.begin(), publish->payload.end()}};
    if (publish->key) {
        message.key = std::string(*publish->key);
    }
    begin += (*decoded)->bytes;
    return std::optional(std::move(message));
}

asio::awaitable<Outcome<ZaichikMessage>> ZaichikClient::State::read_message(Self self) {
    for (;;) {
        auto message = self->take_message();
        if (!message) {
            self->fail(message.error());
            co_return unexpected(message.error());
        }
        if (*message) {
            co_return std::move(**message);
        }
        if (self->failure) {
            co_return unexpected(*self->failure);
        }
        // What is left moves to the front; a message larger than the buffer makes it grow with what really comes.
        std::copy(self->received.begin() + static_cast<std::ptrdiff_t>(self->begin),
                  self->received.begin() + static_cast<std::ptrdiff_t>(self->end), self->received.begin());
        self->end -= std::exchange(self->begin, 0);
        if (self->received.size() - self->end < read_bytes / 2) {
            self->received.resize(self->received.size() * 2);
        }
        std::error_code error;
        const std::size_t count = co_await self->socket.async_read_some(
            asio::buffer(self->received.data() + self->end, self->received.size() - self->end),
            asio::redirect_error(asio::use_awaitable, error));
        self->end += count;
        if (error == asio::error::operation_aborted && self->socket.is_open()) {
            throw std::system_error(error);  // cancelled by its caller
        }
        if (error) {
            self->fail(failure_of(Error::connection_lost, "the connection was lost: " + error.message()));
        }
    }
}

asio::awaitable<Outcome<void>> ZaichikClient::State::close(Self self) {
    std::vector<std::byte> frame;
    zaichik::encode(zaichik::CloseConnection{}, frame);
    auto sending = send(self, std::move(frame));
    auto outcome = co_await std::move(sending);
    self->fail(failure_of(Error::closed));
    co_return outcome;
}

// --- The verbs -------------------------------------------------------------------------------------------------------

namespace {

std::vector<std::byte> encoded(const zaichik::Frame& frame) {
    std::vector<std::byte> bytes;
    zaichik::encode(frame, bytes);
    return bytes;
}

asio::awaitable<Outcome<void>> refused(Error error) {
    co_return unexpected(failure_of(error));
}

}  // namespace

ZaichikClient::ZaichikClient(asio::any_io_executor executor) : state_(std::make_shared<State>(executor)) {}
ZaichikClient::ZaichikClient(ZaichikClient&&) noexcept = default;

ZaichikClient& ZaichikClient::operator=(ZaichikClient&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}

ZaichikClient::~ZaichikClient() {
    if (state_) {
        state_->fail(failure_of(Error::closed));
    }
}

asio::awaitable<Outcome<void>> ZaichikClient::connect(std::string host, std::uint16_t port) {
    return State::connect(state_, std::move(host), port);
}

asio::awaitable<Outcome<void>> ZaichikClient::create_topic(std::string name, std::uint64_t retention_ttl_ms,
                                                           std::uint64_t compaction_window_ms) {
    return State::send(state_, encoded(zaichik::CreateTopic{name, retention_ttl_ms, compaction_window_ms}));
}

asio::awaitable<Outcome<void>> ZaichikClient::publish(std::string topic, std::optional<std::string> key,
                                                      std::vector<std::byte> payload) {
    return publish(std::move(topic), std::move(key), as_text(payload));
}

asio::awaitable<Outcome<void>> ZaichikClient::publish(std::string topic, std::optional<std::string> key,
                                                      std::string_view payload) {
    constexpr std::size_t key_bytes_max = 0xFFFF;
    if (key && (key->size() > key_bytes_max || !is_utf8(*key))) {
        return refused(Error::bad_record);
    }
    zaichik::Publish frame{.topic = topic, .key = std::nullopt, .payload = as_bytes(payload)};
    if (key) {
        frame.key = *key;
    }
    return State::send(state_, encoded(frame));
}

asio::awaitable<Outcome<void>> ZaichikClient::subscribe(std::string topic) {
    return State::send(state_, encoded(zaichik::Subscribe{topic}));
}

asio::awaitable<Outcome<void>> ZaichikClient::unsubscribe(std::string topic) {
    return State::send(state_, encoded(zaichik::Unsubscribe{topic}));
}

asio::awaitable<Outcome<void>> ZaichikClient::commit() {
    return State::send(state_, encoded(zaichik::Commit{}));
}
asio::awaitable<Outcome<ZaichikMessage>> ZaichikClient::read_message() {
    return State::read_message(state_);
}
asio::awaitable<Outcome<void>> ZaichikClient::close() {
    return State::close(state_);
}

// --- As Rust prints it -----------------------------------------------------------------------------------------------

namespace {

void append_quoted(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        switch (c) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            case '\0':
                out += "\\0";
                break;
            default:
                if (const auto code = static_cast<unsigned char>(c); code < 0x20 || code == 0x7F) {
                    constexpr std::string_view digits = "0123456789abcdef";
                    out += "\\u{";
                    if (code >= 0x10) {
                        out += digits[code / 16U];
                    }
                    out += digits[code % 16U];
                    out += '}';
                } else {
                    out += c;  // also of letters beyond ASCII: Rust prints those as they are
                }
        }
    }
    out += '"';
}

}  // namespace

std::string to_string(const ZaichikMessage& message) {
    std::string out = "Publish { topic: ";
    append_quoted(out, message.topic);
    out += ", key: ";
    if (message.key) {
        out += "Some(";
        append_quoted(out, *message.key);
        out += ')';
    } else {
        out += "None";
    }
    out += ", payload: [";
    for (std::size_t i = 0; i < message.payload.size(); ++i) {
        out += i == 0 ? "" : ", ";
        out += std::to_string(std::to_integer<unsigned>(message.payload[i]));
    }
    return out + "] }";
}

}  // namespace leveret
