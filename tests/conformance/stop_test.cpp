// How a broker stops: nothing that is due is lost, nobody waits for ever.
#include <csignal>
#include <thread>

#include <catch2/catch.hpp>

#include "conformance/native_peer.hpp"
#include "conformance/running_broker.hpp"
#include "conformance/server_process.hpp"
#include "conformance/zaichik_peer.hpp"

namespace leveret::test {
namespace {

using native::FrameType;

TEST_CASE("stop: what is due is delivered, then the client is told and the connection closed") {
    RunningBroker broker;
    NativePeer peer(broker.port());
    const std::uint32_t topic = peer.open("a");
    const std::uint32_t subscription = peer.subscribe(topic);
    peer.publish(topic, {"0", "1", "2"});
    broker.stop();
    CHECK(peer.take(subscription, 3) == "0:0 1:1 2:2");
    CHECK(peer.take(0, 1) == "error(shutting_down)");
    CHECK(peer.is_closed());
    CHECK(broker.is_stopped());
}

TEST_CASE("stop: connections that have said nothing, and subscribers without credit, are closed") {
    RunningBroker broker;
    ZaichikPeer silent(broker.port());
    ZaichikPeer waiting(broker.port());
    waiting.subscribe("a");
    waiting.publish("a", "1");
    waiting.publish("a", "2");
    CHECK(waiting.next() == "a/-/1");
    broker.stop();
    CHECK(waiting.is_closed());
    CHECK(silent.is_closed());
}

TEST_CASE("stop: nobody can connect any more") {
    RunningBroker broker;
    const std::uint16_t port = broker.port();
    broker.stop();
    CHECK_THROWS_AS(WireSocket(port), std::system_error);
}

TEST_CASE("stop: a reader that takes nothing is cut after the drain timeout, and counted") {
    ManualClock clock;
    BrokerOptions options;
    options.clock = &clock;
    RunningBroker broker(options);
    NativePeer reader(broker.port());
    const std::uint32_t topic = reader.open("a");
    static_cast<void>(reader.subscribe(topic));
    NativePeer publisher(broker.port());
    const std::uint32_t published_to = publisher.open("a");
    const std::string megabyte(1U << 20U, 'x');
    for (int i = 0; i < 32; ++i) {  // more than the buffers of both ends of a connection hold
        static_cast<void>(publisher.publish(published_to, {megabyte}).as<native::Published>());
    }
    std::thread stopping([&] { broker.stop(); });
    wait_until([&] {
        clock.advance(std::chrono::seconds(1));
        return broker.is_stopped();
    });
    stopping.join();
    CHECK(broker.counters().drains_cut.value() == 1);
}

TEST_CASE("stop: a reader that has taken nothing for long gets what is due if it begins to read in time") {
    ManualClock clock;
    BrokerOptions options;
    options.clock = &clock;
    RunningBroker broker(options);
    NativePeer reader(broker.port());
    const std::uint32_t topic = reader.open("a");
    const std::uint32_t subscription = reader.subscribe(topic);
    NativePeer publisher(broker.port());
    const std::uint32_t published_to = publisher.open("a");
    const std::string megabyte(1U << 20U, 'x');
    for (int i = 0; i < 32; ++i) {
        static_cast<void>(publisher.publish(published_to, {megabyte}).as<native::Published>());
    }
    clock.advance(std::chrono::hours(1));
    std::thread stopping([&] { broker.stop(); });
    CHECK(reader.take(subscription, 32).find("31:x") != std::string::npos);
    CHECK(reader.take(0, 1) == "error(shutting_down)");
    stopping.join();
    CHECK(broker.counters().drains_cut.value() == 0);
}

TEST_CASE("stop: two brokers in one process share nothing, one after the other or side by side") {
    for (int life = 0; life < 2; ++life) {
        RunningBroker one;
        RunningBroker two;
        NativePeer in_one(one.port());
        NativePeer in_two(two.port());
        CHECK(text(in_one.publish(in_one.open("a"), {"x"}).as<native::Published>()) == "0+1");
        CHECK(text(in_two.publish(in_two.open("a"), {"y"}).as<native::Published>()) == "0+1");
        one.stop();
        CHECK(in_two.ping() == "pong");
    }
}

TEST_CASE("stop: SIGTERM and SIGINT end the server with exit code 0, and its clients are told") {
    for (const int signal : {SIGTERM, SIGINT}) {
        ServerProcess server({"--port", "0"});
        const std::uint16_t port = server.port();
        REQUIRE(port != 0);
        NativePeer peer(port);
        const std::uint32_t topic = peer.open("a");
        const std::uint32_t subscription = peer.subscribe(topic);
        peer.publish(topic, {"0", "1"});
        server.signal(signal);
        CHECK(peer.take(subscription, 2) == "0:0 1:1");
        CHECK(peer.take(0, 1) == "error(shutting_down)");
        CHECK(server.exit_code() == 0);
    }
}

}  // namespace
}  // namespace leveret::test
