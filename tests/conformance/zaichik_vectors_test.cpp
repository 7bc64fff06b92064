// tests/vectors/zaichik.json against a live server: the original's bytes, whole and in pieces, and those it must
// refuse.
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "conformance/running_broker.hpp"
#include "conformance/zaichik_peer.hpp"
#include "project_file.hpp"
#include "protocol/hex.hpp"
#include "protocol/wire.hpp"

namespace leveret::test {
namespace {

using nlohmann::json;

const json& vectors(const char* list) {
    static const json document = json::parse(project_file("tests/vectors/zaichik.json"));
    const json& items = document.at(list);
    REQUIRE_FALSE(items.empty());
    return items;
}

const json& vector_named(const char* list, const std::string& name) {
    for (const json& vector : vectors(list)) {
        if (vector.at("name") == name) {
            return vector;
        }
    }
    throw std::runtime_error("there is no vector " + name);
}

std::vector<std::byte> bytes_of(const json& vector) {
    return from_hex(vector.at("hex").get<std::string>());
}

/// Sends `bytes` in two reads of the server's: the second leaves when the first has been read.
void send_in_two(const RunningBroker& broker, ZaichikPeer& peer, Bytes bytes, std::size_t split) {
    const std::uint64_t before = broker.counters().bytes_received.value();
    peer.send_bytes(bytes.first(split));
    broker.wait_for(&Counters::bytes_received, before + split);
    peer.send_bytes(bytes.subspan(split));
}

/// Whether the connection is served: something that it publishes comes back to it.
bool is_served(ZaichikPeer& peer) {
    peer.subscribe("probe");
    peer.publish("probe", "are you there?");
    return peer.next_and_commit() == "probe/-/are you there?";
}

/// What the subscriber of a vector's topic gets to see of it.
std::string expected_message(const json& frame) {
    const std::string payload = frame.contains("payload_hex")
                                    ? std::string(as_text(from_hex(frame.at("payload_hex").get<std::string>())))
                                    : frame.value("payload_utf8", "");
    const bool has_key = frame.contains("key") && !frame.at("key").is_null();
    return frame.at("topic").get<std::string>() + "/" + (has_key ? frame.at("key").get<std::string>() : "-") + "/" +
           payload;
}

bool is_publish(const json& vector) {
    return vector.at("frame").at("type") == "Publish";
}

TEST_CASE("zaichik vectors: each frame is carried out once, wherever it is split") {
    for (const json& vector : vectors("frames")) {
        const RunningBroker broker;
        const std::vector<std::byte> bytes = bytes_of(vector);
        for (std::size_t split = 1; split < bytes.size(); ++split) {
            INFO(vector.at("name") << " split at " << split);
            const std::uint64_t frames = broker.counters().frames_received.value();
            ZaichikPeer peer(broker.port());
            send_in_two(broker, peer, bytes, split);
            const bool closes = vector.at("frame").at("type") == "CloseConnection";
            CHECK((closes ? peer.is_closed() : is_served(peer)));
            CHECK(broker.counters().frames_received.value() - frames >= (closes ? 1 : 3));
            CHECK(broker.counters().bad_frames.value() == 0);
        }
    }
}

TEST_CASE("zaichik vectors: what a split Publish carries arrives unchanged") {
    for (const json& vector : vectors("frames")) {
        if (!is_publish(vector)) {
            continue;
        }
        const RunningBroker broker;
        const std::vector<std::byte> bytes = bytes_of(vector);
        ZaichikPeer subscriber(broker.port());
        subscriber.subscribe(vector.at("frame").at("topic").get<std::string>());
        broker.wait_for(&Counters::subscriptions, 1);
        ZaichikPeer publisher(broker.port());
        for (std::size_t split = 1; split < bytes.size(); ++split) {
            INFO(vector.at("name") << " split at " << split);
            send_in_two(broker, publisher, bytes, split);
            CHECK(subscriber.next_and_commit() == expected_message(vector.at("frame")));
        }
    }
}

TEST_CASE("zaichik vectors: malformed bytes close their connection, and no other one notices") {
    const RunningBroker broker;
    ZaichikPeer bystander(broker.port());
    for (const json& vector : vectors("malformed")) {
        INFO(vector.at("name"));
        ZaichikPeer peer(broker.port());
        peer.send_bytes(bytes_of(vector));
        CHECK(peer.is_closed());
        CHECK(is_served(bystander));
    }
}

TEST_CASE("zaichik vectors: refused frames close their connection, and nothing of them happens") {
    RunningBroker broker;
    for (const json& vector : vectors("refused")) {
        if (vector.contains("hex")) {
            INFO(vector.at("name"));
            ZaichikPeer peer(broker.port());
            peer.send_bytes(bytes_of(vector));
            CHECK(peer.is_closed());
        }
    }
    CHECK(broker.registry().size() == 0);
}

TEST_CASE("zaichik vectors: a key of 65,536 bytes closes the connection, one of 65,535 does not") {
    RunningBroker broker;
    ZaichikPeer peer(broker.port());
    peer.publish("hello", std::string(65'535, 'k'), "");
    broker.wait_for(&Counters::records_published, 1);
    peer.publish("hello", std::string(65'536, 'k'), "");
    CHECK(peer.is_closed());
    CHECK(broker.counters().records_published.value() == 1);
}

TEST_CASE("zaichik vectors: a payload over the limit closes the connection before it has come") {
    RunningBroker broker;
    ZaichikPeer peer(broker.port());
    std::vector<std::byte> bytes = from_hex("01000000 0500000000000000 68656c6c6f 00");
    const std::uint64_t declared = Limits{}.frame_bytes_max + 1;
    WireWriter(bytes).number(declared);
    peer.send_bytes(bytes);
    CHECK(peer.is_closed());
    CHECK(broker.counters().bad_frames.value() == 1);
}

TEST_CASE("zaichik vectors: several frames in one read are carried out in their order") {
    const RunningBroker broker;
    ZaichikPeer peer(broker.port());
    peer.subscribe("hello");
    peer.send_bytes(bytes_of(vector_named("sequences", "two_publishes_in_one_read")));
    CHECK(peer.take(2) == "hello/-/a hello/-/b ");

    ZaichikPeer other(broker.port());
    other.send_bytes(bytes_of(vector_named("sequences", "subscribe_publish_commit")));
    CHECK(other.next() == "hello/key/message");
}

TEST_CASE("zaichik vectors: what comes behind CloseConnection is not carried out") {
    RunningBroker broker;
    ZaichikPeer peer(broker.port());
    peer.send_bytes(bytes_of(vector_named("sequences", "close_then_publish")));
    CHECK(peer.is_closed());
    CHECK(broker.registry().size() == 0);
}

}  // namespace
}  // namespace leveret::test
