#include <algorithm>
#include <array>
#include <thread>

#include <asio/error.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <catch2/catch.hpp>
#include <sched.h>

#include "server/broker_fixture.hpp"

using namespace leveret;
using namespace leveret::test;
using namespace std::chrono_literals;
using native::FrameType;

namespace {

/// Says Hello over TCP and answers what the first frame's type is that comes back.
FrameType greet(std::uint16_t port) {
    asio::io_context context;
    asio::ip::tcp::socket socket(context);
    socket.connect({asio::ip::address_v4::loopback(), port});
    asio::write(socket, asio::buffer(opening()));
    std::array<std::byte, native::header_bytes> header{};
    asio::read(socket, asio::buffer(header));
    return static_cast<FrameType>(header[4]);
}

/// A run of a broker and three clients in virtual time: everything that the broker sent to them.
ByteVector record_run(std::uint64_t seed) {
    Limits limits;
    limits.topic_records_max = 20;
    BrokerFixture fixture(limits, seed);
    OpenedClient publisher(fixture);
    OpenedClient reader(fixture);
    OpenedClient slow_reader(fixture, 128);
    reader.send(subscribe(1, from_earliest()));
    slow_reader.send(subscribe(1, from_earliest()));
    for (int i = 0; i < 60; ++i) {
        publisher.send(open_topic("topic " + std::to_string(i % 7)));
        publisher.send(publish(1, DraftedRecords(std::to_string(i))));
        fixture.advance(17ms);
        slow_reader.read_some(40);
    }
    publisher.send(frame(FrameType::list_topics, native::ListTopics{.after = {}}));
    ByteVector run;
    for (MemoryClient* const client : {static_cast<MemoryClient*>(&publisher), static_cast<MemoryClient*>(&reader),
                                       static_cast<MemoryClient*>(&slow_reader)}) {
        client->read_all();
        append(run, client->unread);
    }
    return run;
}

}  // namespace

TEST_CASE("Broker: two live in one process, one after the other and side by side, and share nothing") {
    for (int round = 0; round < 2; ++round) {
        Broker first({.port = 0, .threads = 1});
        Broker second({.port = 0, .threads = 2});
        REQUIRE_FALSE(first.start());
        REQUIRE_FALSE(second.start());
        CHECK(first.port() != second.port());
        CHECK(greet(first.port()) == FrameType::welcome);
        CHECK(greet(second.port()) == FrameType::welcome);
        CHECK(first.registry().find_or_create("topic").has_value());
        CHECK(second.registry().find("topic") == nullptr);
        first.stop();
        CHECK(first.is_stopped());
        CHECK(greet(second.port()) == FrameType::welcome);
        second.stop();
    }
}

TEST_CASE("Broker: of processors those count that it may use") {
    cpu_set_t usable;
    REQUIRE(::sched_getaffinity(0, sizeof usable, &usable) == 0);
    int first = 0;
    while (!CPU_ISSET(first, &usable)) {
        ++first;
    }
    // One less than there are, and at least one.
    CHECK(Broker({.port = 0}).threads() == static_cast<unsigned>(std::max(2, CPU_COUNT(&usable)) - 1));
    unsigned on_one = 0;
    std::thread([&] {  // what it may use is its own
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(first, &one);
        REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
        on_one = Broker({.port = 0}).threads();
    })
        .join();
    CHECK(on_one == 1);
}

TEST_CASE("Broker: a peer that ends its input gets the answers it is due, then the end") {
    constexpr std::size_t pings = 10'000;
    Broker broker({.port = 0, .threads = 2});
    REQUIRE_FALSE(broker.start());
    asio::io_context context;
    asio::ip::tcp::socket socket(context);
    socket.connect({asio::ip::address_v4::loopback(), broker.port()});
    ByteVector bytes = opening();
    for (std::size_t i = 0; i < pings; ++i) {
        append(bytes, bodiless(FrameType::ping));
    }
    asio::write(socket, asio::buffer(bytes));
    socket.shutdown(asio::ip::tcp::socket::shutdown_send);
    ByteVector answers;
    std::error_code error;
    asio::read(socket, asio::dynamic_buffer(answers), error);
    CHECK(error == asio::error::eof);
    CHECK(take_frames(answers).size() == pings + 1);
}

TEST_CASE("Broker: a port in use is an error, and the broker can be thrown away") {
    Broker first({.port = 0, .threads = 1});
    REQUIRE_FALSE(first.start());
    Broker second({.port = first.port(), .threads = 1});
    CHECK(second.start() == asio::error::address_in_use);
    CHECK(second.start_failure().find("cannot listen on 127.0.0.1") == 0);
    CHECK(first.start_failure().empty());
}

TEST_CASE("Broker: an empty host is an error, not every address of this machine") {
    Broker broker({.host = "", .port = 0, .threads = 1});
    CHECK(broker.start() == std::errc::invalid_argument);
}

TEST_CASE("Broker: one that was never started can be thrown away") {
    Broker broker({.port = 0});
    CHECK(broker.port() == 0);
}

TEST_CASE("Broker: from the same seed comes the same run") {
    const ByteVector run = record_run(7);
    CHECK(run.size() > 5000);
    CHECK(run == record_run(7));
    CHECK(run != record_run(8));  // topic ids, at least
}

TEST_CASE("Broker: a stop says so to clients, writes what is due and closes") {
    BrokerFixture fixture;
    OpenedClient client(fixture);
    client.subscribe_to_topic();
    fixture.publish("topic", "due");
    fixture.broker.stop();
    fixture.run();
    const auto frames = client.received();
    CHECK(frames.at(0).payloads() == "due ");
    CHECK(frames.at(1).as<native::ErrorAnswer>().code == Error::shutting_down);
    CHECK(client.is_closed());
    CHECK(fixture.broker.is_stopped());
    CHECK(fixture.broker.memory_used_bytes() == 0);
}

TEST_CASE("Broker: a stop waits for a reader that does not read for the drain time and no longer") {
    BrokerFixture fixture;
    OpenedClient client(fixture, 100);
    client.send(subscribe(1, from_earliest()));
    fixture.publish("topic", std::string(10'000, 'x'));
    fixture.run();
    fixture.broker.stop();
    fixture.run();
    fixture.advance(fixture.broker.limits().drain_timeout - 1ms);
    CHECK_FALSE(fixture.broker.is_stopped());
    fixture.advance(1ms);
    CHECK(fixture.broker.is_stopped());
    CHECK(fixture.broker.counters().drains_cut.value() == 1);
}

TEST_CASE("Broker: what is attached after a stop is closed at once and counted") {
    BrokerFixture fixture;
    fixture.broker.stop();
    MemoryClient late(fixture);
    CHECK(late.is_closed());
    CHECK(fixture.broker.counters().connections_refused.value() == 1);
}

TEST_CASE("Broker: connections over the limit are closed at once and counted") {
    Limits limits;
    limits.connections_max = 1;
    BrokerFixture fixture(limits);
    OpenedClient first(fixture);
    MemoryClient second(fixture);
    CHECK(second.is_closed());
    CHECK(fixture.broker.counters().connections_refused.value() == 1);
    first.send(bodiless(FrameType::ping));
    CHECK(first.received().size() == 1);
}

TEST_CASE("Broker: closed connections give back all they held") {
    BrokerFixture fixture;
    const TopicPtr topic = fixture.topic("topic");
    const std::uint64_t before = fixture.broker.memory_used_bytes();
    for (int i = 0; i < 20; ++i) {
        OpenedClient client(fixture, 200);
        client.send(subscribe(1, from_earliest()));
        client.send(ByteVector(100, std::byte{1}));
    }
    CHECK(fixture.connections() == 0);
    CHECK(fixture.broker.counters().subscriptions.value() == 0);
    CHECK(fixture.broker.memory_used_bytes() == before);
}
