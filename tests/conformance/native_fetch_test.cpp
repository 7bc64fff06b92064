// Fetch: polling, with and without waiting.
#include <catch2/catch.hpp>

#include "conformance/native_peer.hpp"
#include "conformance/running_broker.hpp"

namespace leveret::test {
namespace {

using native::FrameType;
using Kind = native::Start::Kind;

constexpr std::uint32_t an_hour_ms = 3'600'000;

struct NativeFetch {
    ManualClock clock;
    RunningBroker broker{with_clock(clock)};
    NativePeer peer{broker.port()};
    std::uint32_t topic = peer.open("a");

    static BrokerOptions with_clock(Clock& clock) {
        BrokerOptions options;
        options.clock = &clock;
        return options;
    }
    static native::Fetch from_offset(std::uint64_t offset) { return {.start = start_at(Kind::offset, offset)}; }
    Answer fetch(const native::Fetch& how) { return peer.request(FrameType::fetch, how, topic); }
    /// Asks without waiting for the answer, and makes sure that the server has the request.
    void post_waiting_fetch(std::uint64_t offset, std::uint32_t max_wait_ms) {
        native::Fetch how = from_offset(offset);
        how.max_wait_ms = max_wait_ms;
        peer.post(FrameType::fetch, how, topic);
        CHECK(peer.ping() == "pong");  // overtakes it
    }
};

TEST_CASE_METHOD(NativeFetch, "native fetch: what is there comes at once, with where to go on") {
    peer.publish_each(topic, {"0", "1", "2"});
    const Answer answer = fetch(from_offset(1));
    const auto fetched = answer.as<native::Fetched>();
    CHECK(texts(fetched.records) == "1:1 2:2");
    CHECK(fetched.first == Offset{0});
    CHECK(fetched.next == Offset{3});
    CHECK(fetched.end == Offset{3});
    CHECK(fetched.missed_from == fetched.missed_to);
}

TEST_CASE_METHOD(NativeFetch, "native fetch: without a wait an empty answer comes at once") {
    const Answer answer = fetch(from_offset(0));
    CHECK(answer.as<native::Fetched>().records.empty());
}

TEST_CASE_METHOD(NativeFetch, "native fetch: max_bytes bounds it, but a record comes in any case") {
    peer.publish_each(topic, {"0", "1", "2"});
    native::Fetch how = from_offset(0);
    how.max_bytes = 1;
    CHECK(texts(fetch(how).as<native::Fetched>().records) == "0:0");
    how.max_bytes = 70;  // two records of 33 bytes
    const Answer two = fetch(how);
    CHECK(texts(two.as<native::Fetched>().records) == "0:0 1:1");
    CHECK(two.as<native::Fetched>().next == Offset{2});
    CHECK(two.as<native::Fetched>().end == Offset{3});
}

TEST_CASE_METHOD(NativeFetch, "native fetch: waits for a first record, and other requests are answered meanwhile") {
    post_waiting_fetch(0, an_hour_ms);
    NativePeer publisher(broker.port());
    publisher.publish_each(publisher.open("a"), {"0"});
    const Answer answer = peer.next_answer();
    CHECK(texts(answer.as<native::Fetched>().records) == "0:0");
}

TEST_CASE_METHOD(NativeFetch, "native fetch: a publish of the same connection answers it, too") {
    post_waiting_fetch(0, an_hour_ms);
    peer.post_publish(topic, {"0"}, native::flags::one_way);
    CHECK(peer.next_answer().said() == "fetched");
}

TEST_CASE_METHOD(NativeFetch, "native fetch: is answered empty when its time is up, and not before") {
    post_waiting_fetch(0, an_hour_ms);
    clock.advance(std::chrono::milliseconds(an_hour_ms - 1));
    CHECK(peer.ping() == "pong");
    CHECK(peer.ping() == "pong");
    clock.advance(std::chrono::milliseconds(1));
    const Answer answer = peer.next_answer();
    CHECK(answer.as<native::Fetched>().records.empty());
}

TEST_CASE_METHOD(NativeFetch, "native fetch: says which records are gone") {
    peer.create("a", {.retention_records = 2});
    peer.publish_each(topic, {"0", "1", "2", "3", "4"});
    const Answer answer = fetch(from_offset(1));
    const auto fetched = answer.as<native::Fetched>();
    CHECK(fetched.missed_from == Offset{1});
    CHECK(fetched.missed_to == Offset{3});
    CHECK(texts(fetched.records) == "3:3 4:4");
}

TEST_CASE_METHOD(NativeFetch, "native fetch: what cannot be is refused") {
    CHECK(fetch(from_offset(1)).said() == "offset_out_of_range");
    CHECK(fetch({.partition = {1}}).said() == "unknown_partition");
    CHECK(fetch({.start = start_at_position("")}).said() == "bad_position_name");
}

TEST_CASE_METHOD(NativeFetch, "native fetch: begins at the earliest, at a position, at a time") {
    peer.publish_each(topic, {"0"});
    clock.advance(std::chrono::seconds(1));
    const auto then = static_cast<std::uint64_t>(clock.wall_now().time_since_epoch().count());
    peer.publish_each(topic, {"1"});
    peer.commit(topic, "p", 1);
    CHECK(texts(fetch({.start = start_at(Kind::earliest)}).as<native::Fetched>().records) == "0:0 1:1");
    CHECK(texts(fetch({.start = start_at_position("p")}).as<native::Fetched>().records) == "1:1");
    CHECK(texts(fetch({.start = start_at(Kind::timestamp, then)}).as<native::Fetched>().records) == "1:1");
}

}  // namespace
}  // namespace leveret::test
