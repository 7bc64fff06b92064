// The opening of a native connection, its end, and bytes that are no request.
#include <catch2/catch.hpp>

#include "conformance/native_peer.hpp"
#include "conformance/running_broker.hpp"

namespace leveret::test {
namespace {

using native::FrameType;

struct NativeConnection {
    RunningBroker broker;
    NativePeer peer{broker.port()};

    /// Opens a connection with `hello` and answers what the server says to it.
    Answer answer_to_hello(const native::Hello& hello, NativePeer& newcomer) {
        newcomer.send_magic();
        return newcomer.request(FrameType::hello, hello);
    }
    /// A whole frame with a header as given, however wrong.
    static std::vector<std::byte> frame_with(const native::FrameHeader& header, std::size_t body_bytes = 0) {
        std::vector<std::byte> frame(native::header_bytes + body_bytes);
        native::write_header(frame.data(), header);
        return frame;
    }
};

TEST_CASE_METHOD(NativeConnection, "native: Welcome says version, limit, connection and server") {
    NativePeer newcomer(broker.port(), NativePeer::Unopened{});
    const Answer answer = answer_to_hello({}, newcomer);
    const auto welcome = answer.as<native::Welcome>();
    CHECK(welcome.version == native::version);
    CHECK(welcome.frame_bytes_max == Limits{}.frame_bytes_max);
    CHECK(welcome.connection_id != 0);
    CHECK_FALSE(welcome.server_version.empty());
}

TEST_CASE_METHOD(NativeConnection, "native: requests need not wait for Welcome") {
    NativePeer newcomer(broker.port(), NativePeer::Unopened{});
    newcomer.send_magic();
    newcomer.post(FrameType::hello, native::Hello{});
    newcomer.post(FrameType::ping, native::RawBody{});
    CHECK(newcomer.next_answer().said() == "welcome");
    CHECK(newcomer.next_answer().said() == "pong");
}

TEST_CASE_METHOD(NativeConnection, "native: another first frame than Hello is refused, and the connection closed") {
    NativePeer newcomer(broker.port(), NativePeer::Unopened{});
    newcomer.send_magic();
    CHECK(newcomer.request(FrameType::ping).said() == "hello_expected");
    CHECK(newcomer.is_closed());
}

TEST_CASE_METHOD(NativeConnection, "native: versions that the server does not speak are refused, and closed") {
    NativePeer newcomer(broker.port(), NativePeer::Unopened{});
    native::Hello hello{};
    hello.version_min = 2;
    hello.version_max = 9;
    CHECK(answer_to_hello(hello, newcomer).said() == "unsupported_version");
    CHECK(newcomer.is_closed());
}

TEST_CASE_METHOD(NativeConnection, "native: credentials are refused, and closed") {
    NativePeer newcomer(broker.port(), NativePeer::Unopened{});
    native::Hello hello{};
    hello.mechanism = "plain";
    hello.credentials = as_bytes("secret");
    CHECK(answer_to_hello(hello, newcomer).said() == "not_supported");
    CHECK(newcomer.is_closed());
}

TEST_CASE_METHOD(NativeConnection, "native: a second Hello is refused, and the connection goes on") {
    CHECK(peer.request(FrameType::hello, native::Hello{}).said() == "bad_frame");
    CHECK(peer.ping() == "pong");
}

TEST_CASE_METHOD(NativeConnection, "native: first bytes that open no dialect are closed without a word") {
    for (const std::string_view opening :
         {"GET / HTTP/1.1\r\n", "\x16\x03\x01\x02", "\x06\x02\x01\x01", "\xEC\x4C\x56\x55"}) {
        NativePeer newcomer(broker.port(), NativePeer::Unopened{});
        newcomer.send_bytes(as_bytes(opening));
        CHECK(newcomer.is_closed());
    }
    CHECK(broker.counters().unknown_dialects.value() == 4);
}

TEST_CASE_METHOD(NativeConnection, "native: a request split at every byte is carried out once") {
    std::vector<std::byte> frame;
    native::append_frame(frame, FrameType::ping, native::RawBody{as_bytes("hare")}, {99});
    for (std::size_t split = 1; split < frame.size(); ++split) {
        const std::uint64_t before = broker.counters().bytes_received.value();
        peer.send_bytes(Bytes(frame).first(split));
        broker.wait_for(&Counters::bytes_received, before + split);
        peer.send_bytes(Bytes(frame).subspan(split));
        CHECK(as_text(peer.next_answer().body) == "hare");
    }
}

TEST_CASE_METHOD(NativeConnection, "native: Ping brings back up to 64 bytes") {
    const std::string sixty_four(64, 'x');
    CHECK(as_text(peer.request(FrameType::ping, native::RawBody{as_bytes(sixty_four)}).body) == sixty_four);
    CHECK(peer.request(FrameType::ping, native::RawBody{as_bytes(sixty_four + "x")}).said() == "bad_frame");
    CHECK(peer.ping() == "pong");
}

TEST_CASE_METHOD(NativeConnection, "native: Close is answered, then the connection closed; what follows is not done") {
    peer.post(FrameType::close, native::RawBody{});
    peer.post(FrameType::create_topic, native::CreateTopic{"late", {}});
    CHECK(peer.next_answer().said() == "ok");
    CHECK(peer.is_closed());
    CHECK(broker.registry().find("late") == nullptr);
}

TEST_CASE_METHOD(NativeConnection, "native: a header that is none is answered, then the connection closed") {
    peer.send_bytes(frame_with({.length = 15, .type = FrameType::ping, .correlation = {7}}));
    CHECK(peer.take(0, 1) == "error(bad_frame)");
    CHECK(peer.is_closed());
    CHECK(broker.counters().bad_frames.value() == 1);
}

TEST_CASE_METHOD(NativeConnection, "native: a frame over the limit is answered before it has come, then closed") {
    peer.send_bytes(frame_with({.length = (8U << 20U) + 1, .type = FrameType::publish, .correlation = {7}}));
    CHECK(peer.take(0, 1) == "error(frame_too_large)");
    CHECK(peer.is_closed());
}

TEST_CASE_METHOD(NativeConnection, "native: a body that does not decode is an Error, and the connection goes on") {
    const std::uint32_t topic = peer.open("a");
    const std::uint32_t subscription = peer.subscribe(topic);
    const native::RawBody rubbish{as_bytes("\xFF\xFF\xFF")};
    for (const auto type :
         {FrameType::create_topic, FrameType::alter_topic, FrameType::open_topic, FrameType::trim_topic,
          FrameType::list_topics, FrameType::describe_topic, FrameType::delete_topic, FrameType::describe_server}) {
        INFO(native::frame_type_name(type));
        CHECK(peer.request(type, rubbish).said() == "bad_frame");
    }
    for (const auto type : {FrameType::publish, FrameType::subscribe, FrameType::commit, FrameType::fetch}) {
        INFO(native::frame_type_name(type));
        CHECK(peer.request(type, rubbish, topic).said() == "bad_frame");
    }
    for (const auto type : {FrameType::unsubscribe, FrameType::grant, FrameType::seek}) {
        INFO(native::frame_type_name(type));
        CHECK(peer.request(type, rubbish, subscription).said() == "bad_frame");
    }
    CHECK(peer.ping() == "pong");
}

TEST_CASE_METHOD(NativeConnection, "native: an unknown type is an Error, also one that only the server sends") {
    CHECK(peer.request(static_cast<FrameType>(0x7E)).said() == "unknown_frame_type");
    CHECK(peer.request(FrameType::deliver).said() == "unknown_frame_type");
    CHECK(peer.ping() == "pong");
}

TEST_CASE_METHOD(NativeConnection, "native: handles and subscriptions that are none are Errors") {
    CHECK(peer.publish(1, {"a"}).said() == "unknown_handle");
    CHECK(peer.request(FrameType::subscribe, from_latest(), 0).said() == "unknown_handle");
    CHECK(peer.request(FrameType::fetch, native::Fetch{}, 77).said() == "unknown_handle");
    CHECK(peer.commit(1, "position", 0) == "unknown_handle");
    CHECK(peer.grant(1, 1) == "unknown_subscription");
    CHECK(peer.unsubscribe(1) == "unknown_subscription");
    CHECK(peer.request(FrameType::seek, native::Seek{}, 1).said() == "unknown_subscription");
}

TEST_CASE_METHOD(NativeConnection, "native: requests that are sent at once are answered in their order") {
    const std::uint32_t topic = peer.open("a");
    std::vector<Correlation> sent;
    for (int i = 0; i < 100; ++i) {
        sent.push_back(peer.post_publish(topic, {"record"}));
        sent.push_back(peer.post(FrameType::ping, native::RawBody{}));
        sent.push_back(peer.post_publish(topic, {"of another partition"}, 0, {.partition = {1}}));
    }
    for (const Correlation correlation : sent) {
        CHECK(peer.next_answer().header.correlation == correlation);
    }
}

TEST_CASE_METHOD(NativeConnection, "native: the server describes itself and its counters") {
    const Answer answer = peer.request(FrameType::describe_server);
    const auto description = answer.as<native::ServerDescription>();
    CHECK_FALSE(description.server_version.empty());
    std::vector<std::string> names;
    for (const native::Figure& figure : description.figures) {
        names.emplace_back(figure.name);
    }
    using Catch::Matchers::VectorContains;
    CHECK_THAT(names, VectorContains(std::string("cpu_user_us")) && VectorContains(std::string("rss_bytes")) &&
                          VectorContains(std::string("records_published")));
}

TEST_CASE_METHOD(NativeConnection, "native: what one connection does wrong touches no other") {
    NativePeer newcomer(broker.port());
    newcomer.send_bytes(frame_with({.length = 3}));
    CHECK(newcomer.take(0, 1) == "error(bad_frame)");
    CHECK(peer.ping() == "pong");
}

}  // namespace
}  // namespace leveret::test
