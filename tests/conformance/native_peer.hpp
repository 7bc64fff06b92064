// A client of the native dialect made of nothing but a socket and the codecs.
#pragma once

#include <deque>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/wire_socket.hpp"
#include "protocol/native.hpp"
#include "topic_controller/batch_fixture.hpp"

namespace leveret::test {

/// A frame that answers a request, with bytes of its own.
struct Answer {
    native::FrameHeader header;
    std::vector<std::byte> body;

    /// The body as what it has to be; views point into this answer.
    template <class T>
    [[nodiscard]] T as() const {
        if (header.type == native::FrameType::error) {
            throw std::runtime_error("answered by the error " + said());
        }
        return *T::decode(body);
    }
    /// The name of the error, or of the type of the answer: "topic_exists", "ok", "pong".
    [[nodiscard]] std::string said() const;
    [[nodiscard]] native::ErrorAnswer error() const { return *native::ErrorAnswer::decode(body); }
};

/// Where reading begins, in short.
inline native::Start start_at(native::Start::Kind kind, std::uint64_t value = 0) {
    native::Start start{};
    start.kind = kind;
    start.value = value;
    return start;
}
inline native::Start start_at_position(std::string_view name,
                                       native::Start::Kind fallback = native::Start::Kind::earliest) {
    native::Start start = start_at(native::Start::Kind::position);
    start.fallback = fallback;
    start.position = name;
    return start;
}

/// Subscriptions that begin there.
inline native::Subscribe from(native::Start::Kind kind, std::uint64_t value = 0) {
    return {.start = start_at(kind, value)};
}
inline native::Subscribe from_latest() {
    return from(native::Start::Kind::latest);
}
inline native::Subscribe from_earliest() {
    return from(native::Start::Kind::earliest);
}
inline native::Subscribe from_position(std::string_view name,
                                       native::Start::Kind fallback = native::Start::Kind::earliest) {
    return {.start = start_at_position(name, fallback)};
}

class NativePeer {
  public:
    struct Unopened {};

    /// Says magic and Hello, and has been welcomed.
    explicit NativePeer(std::uint16_t port);
    /// Connects and says nothing.
    NativePeer(std::uint16_t port, Unopened) : socket_(port) {}

    // --- Frames
    void send_magic() { socket_.send(std::as_bytes(std::span(native::magic))); }
    void send_bytes(Bytes bytes) { socket_.send(bytes); }
    /// Sends a request and does not wait; answers the correlation that it has.
    template <class Body>
    Correlation post(native::FrameType type, const Body& body, std::uint32_t handle = 0, std::uint8_t flags = 0) {
        std::vector<std::byte> frame;
        const Correlation correlation{++last_correlation_};
        native::append_frame(frame, type, body, correlation, handle, flags);
        socket_.send(frame);
        return correlation;
    }
    Correlation post_publish(std::uint32_t topic, const DraftBatch& batch, std::uint8_t flags = 0,
                             const native::Publish& fields = {});
    /// The next answer, of whatever request. What the server sends by itself meanwhile is kept for take().
    [[nodiscard]] Answer next_answer();
    template <class Body>
    Answer request(native::FrameType type, const Body& body, std::uint32_t handle = 0, std::uint8_t flags = 0) {
        post(type, body, handle, flags);
        return next_answer();
    }
    Answer request(native::FrameType type, std::uint32_t handle = 0) {
        return request(type, native::RawBody{}, handle);
    }

    // --- Verbs. Those that answer a text say "ok", or the name of the error.
    std::string create(std::string_view topic, const TopicSettings& settings = {}) {
        return request(native::FrameType::create_topic, native::CreateTopic{topic, settings}).said();
    }
    /// The topic's handle.
    [[nodiscard]] std::uint32_t open(std::string_view topic);
    Answer publish(std::uint32_t topic, const DraftBatch& batch, const native::Publish& fields = {}) {
        post_publish(topic, batch, 0, fields);
        return next_answer();
    }
    /// One record for each payload, each in a frame of its own.
    void publish_each(std::uint32_t topic, std::initializer_list<std::string_view> payloads);
    /// The subscription's handle.
    [[nodiscard]] std::uint32_t subscribe(std::uint32_t topic, const native::Subscribe& how = from_latest());
    std::string grant(std::uint32_t subscription, std::uint64_t records, std::uint64_t bytes = 0) {
        return request(native::FrameType::grant, native::Grant{records, bytes}, subscription).said();
    }
    std::string commit(std::uint32_t topic, std::string_view position, std::uint64_t offset) {
        return request(native::FrameType::commit, native::Commit{.offset = {offset}, .position = position}, topic)
            .said();
    }
    std::string unsubscribe(std::uint32_t subscription) {
        return request(native::FrameType::unsubscribe, subscription).said();
    }
    std::string ping() { return request(native::FrameType::ping).said(); }

    // --- What the server sends by itself
    /// The next `count` things that a subscription is told, in one line: "0:a 1:b", "lagged(0,5)",
    /// "error(topic_deleted)". Subscription 0 is the connection itself.
    [[nodiscard]] std::string take(std::uint32_t subscription, std::size_t count);
    /// True where a subscription has been told nothing that take() did not hand out. Everything that was due has come
    /// with the first of two Pongs.
    [[nodiscard]] bool is_silent(std::uint32_t subscription);
    /// Records of the next Deliver frame of any subscription, as they came.
    [[nodiscard]] std::vector<std::byte> next_delivered_bytes();
    /// Reads to the end; true where the server sent nothing before it.
    [[nodiscard]] bool is_closed();

    WireSocket& socket() { return socket_; }

  private:
    struct Event {
        std::uint32_t subscription;
        std::string text;
    };

    [[nodiscard]] Answer next_frame();
    void keep(const Answer& frame);

    WireSocket socket_;
    std::vector<std::byte> received_;
    std::deque<Event> events_;
    std::uint32_t last_correlation_ = 0;
};

/// The records of a Fetched as "0:a 1:b".
[[nodiscard]] std::string texts(Bytes records);
/// A Published as "first+accepted", and the indexes of duplicates: "7+2 without 1,3".
[[nodiscard]] std::string text(const native::Published& published);

}  // namespace leveret::test
