// Every limit of environment/limits.hpp: set small, reached, its error and its counter seen.
#include <catch2/catch.hpp>

#include "conformance/native_peer.hpp"
#include "conformance/running_broker.hpp"
#include "conformance/zaichik_peer.hpp"
#include "message_log/temporary_directory.hpp"

namespace leveret::test {
namespace {

using native::FrameType;

/// Limits with one of them set, to read in one line.
template <class T>
Limits with(T Limits::*limit, T value) {
    Limits limits;
    limits.*limit = value;
    return limits;
}

BrokerOptions with_clock(Clock& clock, const Limits& limits = {}) {
    BrokerOptions options;
    options.clock = &clock;
    options.limits = limits;
    return options;
}

/// Its topics are stored, unless they say otherwise.
BrokerOptions on(const TemporaryDirectory& directory, const Limits& limits) {
    BrokerOptions options;
    options.storage.data_dir = directory.path();
    options.topic_defaults.store = Store::file;
    options.limits = limits;
    return options;
}

void append_publish(std::vector<std::byte>& frames, Correlation correlation, std::uint32_t topic,
                    const DraftBatch& batch) {
    native::Publish fields{};
    fields.record_count = batch.batch().record_count;
    const std::size_t begin = frames.size();
    frames.resize(begin + native::header_bytes + native::Publish::prefix_bytes);
    frames.insert(frames.end(), batch.bytes().begin(), batch.bytes().end());
    native::write_header(frames.data() + begin, {.length = static_cast<std::uint32_t>(frames.size() - begin),
                                                 .type = FrameType::publish,
                                                 .correlation = correlation,
                                                 .handle = topic});
    fields.write_prefix(frames.data() + begin + native::header_bytes);
}

TEST_CASE("limits: frame_bytes_max") {
    const RunningBroker broker(with<std::size_t>(&Limits::frame_bytes_max, 4096));
    NativePeer native(broker.port());
    const std::string payload(3900, 'x');
    const std::uint32_t topic = native.open("a");
    CHECK(native.publish(topic, {payload}).said() == "published");
    native.post_publish(topic, {payload + std::string(200, 'x')});
    CHECK(native.take(0, 1) == "error(frame_too_large)");
    ZaichikPeer zaichik(broker.port());
    zaichik.publish("a", payload + std::string(200, 'x'));
    CHECK(zaichik.is_closed());
    CHECK(broker.counters().bad_frames.value() == 2);
}

TEST_CASE("limits: topics_max") {
    const RunningBroker broker(with<std::size_t>(&Limits::topics_max, 1));
    NativePeer native(broker.port());
    CHECK(native.create("a") == "ok");
    CHECK(native.create("b") == "too_many_topics");
    CHECK(native.request(FrameType::open_topic, native::TopicName{"b"}).said() == "too_many_topics");
    CHECK(native.create("a") == "ok");
    ZaichikPeer zaichik(broker.port());
    zaichik.subscribe("b");
    CHECK(zaichik.is_closed());
    CHECK(broker.counters().topics_refused.value() == 3);
}

TEST_CASE("limits: connections_max") {
    const RunningBroker broker(with<std::size_t>(&Limits::connections_max, 1));
    {
        NativePeer first(broker.port());
        WireSocket second(broker.port());
        CHECK(second.read_to_end() == 0);
        CHECK(broker.counters().connections_refused.value() == 1);
        CHECK(first.ping() == "pong");
    }
    broker.wait_for_no_connection();
    CHECK(NativePeer(broker.port()).ping() == "pong");
}

TEST_CASE("limits: subscriptions_per_connection_max") {
    const RunningBroker broker(with<std::size_t>(&Limits::subscriptions_per_connection_max, 1));
    NativePeer native(broker.port());
    const std::uint32_t topic = native.open("a");
    const std::uint32_t subscription = native.subscribe(topic);
    CHECK(native.request(FrameType::subscribe, from_latest(), topic).said() == "too_many_subscriptions");
    native.unsubscribe(subscription);
    CHECK(native.request(FrameType::subscribe, from_latest(), topic).said() == "subscribed");
    ZaichikPeer zaichik(broker.port());
    zaichik.subscribe("a");
    zaichik.subscribe("a");  // replaces the first
    zaichik.subscribe("b");
    CHECK(zaichik.is_closed());
    CHECK(broker.counters().subscriptions_refused.value() == 2);
}

TEST_CASE("limits: open_topics_per_connection_max") {
    const RunningBroker broker(with<std::size_t>(&Limits::open_topics_per_connection_max, 1));
    NativePeer peer(broker.port());
    static_cast<void>(peer.open("a"));
    static_cast<void>(peer.open("a"));
    CHECK(peer.request(FrameType::open_topic, native::TopicName{"b"}).said() == "too_many_open_topics");
    CHECK(broker.counters().opens_refused.value() == 1);
}

TEST_CASE("limits: waiting_fetches_per_connection_max") {
    const RunningBroker broker(with<std::size_t>(&Limits::waiting_fetches_per_connection_max, 1));
    NativePeer peer(broker.port());
    const std::uint32_t topic = peer.open("a");
    const native::Fetch waiting{.max_wait_ms = 3'600'000};
    peer.post(FrameType::fetch, waiting, topic);
    CHECK(peer.request(FrameType::fetch, waiting, topic).said() == "too_many_fetches");
    CHECK(broker.counters().fetches_refused.value() == 1);
    CHECK(peer.request(FrameType::fetch, native::Fetch{}, topic).said() == "fetched");  // does not wait
}

TEST_CASE("limits: positions_per_topic_max") {
    const RunningBroker broker(with<std::size_t>(&Limits::positions_per_topic_max, 1));
    NativePeer peer(broker.port());
    const std::uint32_t topic = peer.open("a");
    peer.publish_each(topic, {"0"});
    CHECK(peer.commit(topic, "p", 0) == "ok");
    CHECK(peer.commit(topic, "q", 0) == "too_many_positions");
    CHECK(peer.commit(topic, "p", 1) == "ok");
    CHECK(broker.counters().positions_refused.value() == 1);
}

TEST_CASE("limits: filter_keys_max") {
    const RunningBroker broker(with<std::size_t>(&Limits::filter_keys_max, 1));
    NativePeer peer(broker.port());
    const std::uint32_t topic = peer.open("a");
    native::Subscribe how = from_latest();
    how.filter_keys = {"k", "l"};
    CHECK(peer.request(FrameType::subscribe, how, topic).said() == "too_many_filter_keys");
    how.filter_keys = {"k"};
    CHECK(peer.request(FrameType::subscribe, how, topic).said() == "subscribed");
    CHECK(broker.counters().subscriptions_refused.value() == 1);
    how.filter_keys.assign(native::Subscribe::filter_keys_max + 1, "k");
    CHECK(peer.request(FrameType::subscribe, how, topic).said() == "too_many_filter_keys");
    CHECK(broker.counters().subscriptions_refused.value() == 2);
}

TEST_CASE("limits: topic_records_max") {
    const RunningBroker broker(with<std::uint64_t>(&Limits::topic_records_max, 2));
    NativePeer peer(broker.port());
    const std::uint32_t topic = peer.open("a");
    peer.publish_each(topic, {"0", "1", "2"});
    const std::uint32_t subscription = peer.subscribe(topic, from(native::Start::Kind::offset, 0));
    CHECK(peer.take(subscription, 3) == "lagged(0,1) 1:1 2:2");
    CHECK(broker.counters().records_evicted.value() == 1);
    CHECK(broker.counters().records_missed.value() == 1);
    CHECK(peer.publish(topic, {"a", "b", "c"}).said() == "bad_record");  // more than the topic may keep
}

TEST_CASE("limits: topic_bytes_max") {
    constexpr std::uint64_t bytes_max = 64U << 10U;
    const RunningBroker broker(with<std::uint64_t>(&Limits::topic_bytes_max, bytes_max));
    NativePeer peer(broker.port());
    const std::uint32_t topic = peer.open("a");
    const std::string kilobyte(1024, 'x');
    for (int i = 0; i < 200; ++i) {
        static_cast<void>(peer.publish(topic, {kilobyte}).as<native::Published>());
    }
    const Answer answer = peer.request(FrameType::open_topic, native::TopicName{"a"});
    const auto opened = answer.as<native::TopicOpened>();
    const std::uint64_t kept_bytes = (opened.next.value - opened.first.value) * (1024 + 32);
    CHECK(kept_bytes <= bytes_max);
    CHECK(kept_bytes >= bytes_max * 3 / 4);
    CHECK(broker.counters().records_evicted.value() == opened.first.value);
}

TEST_CASE("limits: window_keys_max") {
    const RunningBroker broker(with<std::size_t>(&Limits::window_keys_max, 2));
    NativePeer peer(broker.port());
    peer.create("a", {.compaction_window_ms = 3'600'000});
    const std::uint32_t topic = peer.open("a");
    CHECK(peer.publish(topic, DraftBatch().add("k1", "").add("k2", "")).said() == "published");
    CHECK(peer.publish(topic, DraftBatch().add("k3", "")).said() == "window_full");
    CHECK(peer.publish(topic, DraftBatch().add("k1", "")).said() == "published");
    CHECK(peer.publish(topic, {"keyless"}).said() == "published");
    CHECK(broker.counters().window_full.value() == 1);
}

TEST_CASE("limits: deliver_bytes_max bounds a Deliver frame, but a larger record is still delivered") {
    const RunningBroker broker(with<std::size_t>(&Limits::deliver_bytes_max, 4096));
    NativePeer peer(broker.port());
    const std::uint32_t topic = peer.open("a");
    const std::string kilobyte(1000, 'x');
    peer.publish(topic, {kilobyte, kilobyte, kilobyte, kilobyte, kilobyte, kilobyte});
    peer.publish(topic, {std::string(10'000, 'y')});
    static_cast<void>(peer.subscribe(topic, from_earliest()));
    std::uint64_t next = 0;
    while (next < 6) {
        const std::vector<std::byte> bytes = peer.next_delivered_bytes();
        CHECK(bytes.size() <= 4096);
        for (const RecordView record : Records(bytes)) {
            next = record.offset().value + 1;
        }
    }
    CHECK(peer.next_delivered_bytes().size() > 10'000);
}

TEST_CASE("limits: requests whose answers together exceed reply_bytes_max are all answered") {
    constexpr std::uint32_t requests = 1000;
    const RunningBroker broker(with<std::size_t>(&Limits::reply_bytes_max, 4096));
    NativePeer peer(broker.port());
    std::vector<std::byte> frames;
    for (std::uint32_t i = 1; i <= requests; ++i) {
        native::append_frame(frames, FrameType::describe_server, native::RawBody{}, {i});
    }
    peer.send_bytes(frames);
    for (std::uint32_t i = 1; i <= requests; ++i) {
        CHECK(peer.next_answer().header.correlation == Correlation{i});
    }
}

TEST_CASE("limits: reply_bytes_max, and write_timeout for a client that never reads") {
    ManualClock clock;
    const RunningBroker broker(with_clock(clock, with<std::size_t>(&Limits::reply_bytes_max, 4096)));
    NativePeer peer(broker.port());
    NativePeer bystander(broker.port());
    std::vector<std::byte> requests;
    for (std::uint32_t i = 1; i <= 1000; ++i) {
        native::append_frame(requests, FrameType::describe_server, native::RawBody{}, {i});
    }
    // Time goes on while it sends as much as is taken; whole requests, whatever fits of them.
    Bytes rest(requests);
    wait_until([&] {
        rest = rest.subspan(peer.socket().send_some(rest));
        rest = rest.empty() ? Bytes(requests) : rest;
        clock.advance(std::chrono::milliseconds(250));
        return broker.counters().write_timeouts.value() == 1;
    });
    CHECK(broker.counters().reply_queue_full.value() == 1);
    CHECK(broker.counters().memory_full.value() == 0);  // what it sent was not read without end
    CHECK(bystander.ping() == "pong");
}

TEST_CASE("limits: a subscriber that never reads is not closed, however long that lasts, and holds up nobody") {
    ManualClock clock;
    const RunningBroker broker(with_clock(clock));
    NativePeer stopped(broker.port());
    static_cast<void>(stopped.subscribe(stopped.open("a")));
    NativePeer publisher(broker.port());
    const std::uint32_t topic = publisher.open("a");
    const std::uint32_t subscription = publisher.subscribe(topic, from_latest());
    const std::string megabyte(1U << 20U, 'x');
    for (int i = 0; i < 100; ++i) {
        static_cast<void>(publisher.publish(topic, {megabyte}).as<native::Published>());
        CHECK(publisher.take(subscription, 1) == std::to_string(i) + ":" + megabyte);
        clock.advance(std::chrono::minutes(1));
    }
    CHECK(stopped.ping() == "pong");
    CHECK(broker.counters().write_timeouts.value() == 0);
}

TEST_CASE("limits: pending_bytes_max makes publishers of different topics wait for each other, and all are answered") {
    const TemporaryDirectory directory;
    const RunningBroker broker(on(directory, with<std::uint64_t>(&Limits::pending_bytes_max, 4096)));
    NativePeer first(broker.port());
    NativePeer second(broker.port());
    const std::uint32_t first_topic = first.open("a");
    const std::uint32_t second_topic = second.open("b");
    const std::string payload(4000, 'x');
    wait_until([&] {
        for (int i = 0; i < 10; ++i) {
            first.post_publish(first_topic, {payload});
            second.post_publish(second_topic, {payload});
        }
        for (int i = 0; i < 10; ++i) {
            REQUIRE(first.next_answer().said() == "published");
            REQUIRE(second.next_answer().said() == "published");
        }
        return broker.counters().pending_waits.value() > 0;
    });
    CHECK(first.publish(first_topic, {payload + payload}).said() == "published");  // larger than the limit
    CHECK(broker.counters().topic_busy.value() == 0);
}

TEST_CASE("limits: catch_up_bytes_max is set aside where there is a data directory, and only there") {
    const TemporaryDirectory directory;
    const Limits limits = with<std::uint64_t>(&Limits::catch_up_bytes_max, 3U << 20U);
    CHECK(RunningBroker(on(directory, limits)).memory_used_bytes() == 3U << 20U);
    CHECK(RunningBroker(limits).memory_used_bytes() == 0);
}

TEST_CASE("limits: catch_up_pause, while somebody publishes") {
    const TemporaryDirectory directory;
    {
        const RunningBroker broker(on(directory, {}));
        NativePeer peer(broker.port());
        REQUIRE(peer.publish(peer.open("a"), {"x", "y"}).said() == "published");
    }
    const RunningBroker broker(on(directory, {}));  // has nothing of it in memory
    NativePeer peer(broker.port());
    const std::uint32_t topic = peer.open("a");
    const std::uint32_t other = peer.open("b");
    const native::Fetch from_first{.start = start_at(native::Start::Kind::offset, 0)};
    wait_until([&] {
        REQUIRE(peer.publish(other, {"z"}).said() == "published");
        REQUIRE(peer.request(FrameType::fetch, from_first, topic).said() == "fetched");
        return broker.counters().catch_up_pauses.value() > 0;
    });
}

TEST_CASE("limits: awaited_answers_per_connection_max, and everything is answered") {
    const TemporaryDirectory directory;
    const RunningBroker broker(on(directory, with<std::size_t>(&Limits::awaited_answers_per_connection_max, 3)));
    NativePeer peer(broker.port());
    peer.create("in memory", {.store = Store::memory});
    const std::uint32_t stored = peer.open("stored");
    const std::uint32_t in_memory = peer.open("in memory");
    std::vector<std::byte> frames;  // in one write, so that they are read as one run for each topic
    for (std::uint32_t i = 1; i <= 20; ++i) {
        append_publish(frames, {i}, i <= 10 ? stored : in_memory, DraftBatch{"x"});
    }
    peer.send_bytes(frames);
    for (std::uint32_t i = 1; i <= 20; ++i) {
        CHECK(peer.next_answer().said() == "published");
    }
    CHECK(broker.counters().answer_waits.value() == 3);
}

TEST_CASE("limits: handshake_timeout closes who says too little, not who says nothing") {
    ManualClock clock;
    const RunningBroker broker(with_clock(clock));
    NativePeer silent(broker.port(), NativePeer::Unopened{});
    NativePeer two_bytes(broker.port(), NativePeer::Unopened{});
    two_bytes.send_bytes(as_bytes("\xEC\x4C"));
    NativePeer only_magic(broker.port(), NativePeer::Unopened{});
    only_magic.send_magic();
    wait_until([&] {
        clock.advance(std::chrono::seconds(1));
        return broker.counters().handshake_timeouts.value() == 2;
    });
    CHECK(two_bytes.is_closed());
    CHECK(only_magic.is_closed());
    clock.advance(std::chrono::hours(1));
    silent.send_magic();
    CHECK(silent.request(FrameType::hello, native::Hello{}).said() == "welcome");
}

TEST_CASE("limits: the handshake timeout is over once the handshake is") {
    ManualClock clock;
    const RunningBroker broker(with_clock(clock));
    NativePeer native(broker.port());
    ZaichikPeer zaichik(broker.port());
    zaichik.subscribe("a");
    broker.wait_for(&Counters::subscriptions, 1);
    clock.advance(std::chrono::hours(1));
    CHECK(native.ping() == "pong");
    zaichik.publish("a", "still here");
    CHECK(zaichik.next() == "a/-/still here");
    CHECK(broker.counters().handshake_timeouts.value() == 0);
}

}  // namespace
}  // namespace leveret::test
