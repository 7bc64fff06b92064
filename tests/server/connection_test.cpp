// Connections over the in-memory transport, through a broker in virtual time.
#include <algorithm>
#include <deque>
#include <functional>

#include <asio/post.hpp>
#include <catch2/catch.hpp>

#include "protocol/zaichik.hpp"
#include "server/broker_fixture.hpp"
#include "server/read_buffer.hpp"

using namespace leveret;
using namespace leveret::test;
using namespace std::chrono_literals;
using native::FrameType;

namespace {

/// Publishes records of 10 kB until `bytes` of them have gone.
void fill(BrokerFixture& fixture, std::size_t bytes) {
    for (std::size_t published = 0; published < bytes; published += 10'000) {
        fixture.publish("topic", std::string(10'000, 'x'));
    }
    fixture.run();
}

ByteVector pings(int count) {
    ByteVector bytes;
    for (int i = 0; i < count; ++i) {
        append(bytes, bodiless(FrameType::ping, 1));
    }
    return bytes;
}

std::string payloads_of(TopicController& topic) {
    std::string payloads;
    TopicCursor cursor;
    Gathered gathered;
    do {
        topic.gather(cursor, 1U << 20U, ~std::uint64_t{0}, gathered);
        for (const Slice& slice : gathered.slices()) {
            for (const RecordView record : Records(slice.records)) {
                payloads += as_text(record.payload());
            }
        }
    } while (!gathered.empty());
    return payloads;
}

}  // namespace

TEST_CASE("Connection: frames split at every byte are carried out once and in order") {
    ByteVector bytes = opening();
    append(bytes, open_topic("topic"));
    append(bytes, subscribe(1, from_earliest()));
    append(bytes, publish(1, DraftedRecords("a").add("b")));
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
        BrokerFixture fixture;
        OpenedClient client(fixture);  // another one, that sees what the first does
        client.subscribe_to_topic();
        MemoryClient split(fixture);
        split.send(Bytes(bytes).first(cut));
        split.send(Bytes(bytes).subspan(cut));
        CHECK(client.deliveries() == "a b ");
        CHECK(split.received().size() == 5);
    }
}

TEST_CASE("Connection: a byte at a time is as good as all at once") {
    BrokerFixture fixture;
    MemoryClient client(fixture);
    ByteVector bytes = opening();
    append(bytes, open_topic("topic"));
    append(bytes, publish(1, DraftedRecords("a")));
    for (const std::byte& byte : bytes) {
        client.send({&byte, 1});
    }
    CHECK(client.received().at(2).header.type == FrameType::published);
}

TEST_CASE("Connection: a frame larger than any buffer arrives, and its memory is given back") {
    BrokerFixture fixture;
    OpenedClient client(fixture);
    const std::uint64_t before = fixture.broker.memory_used_bytes();
    const std::string payload(7'000'000, 'x');
    client.send(publish(1, DraftedRecords(payload)));
    CHECK(client.received().at(0).header.type == FrameType::published);
    CHECK(fixture.broker.memory_used_bytes() <= before + fixture.topic("topic")->charged_bytes());
    client.subscribe_to_topic();
    fixture.publish("topic", "behind it");
    fixture.run();
    CHECK(client.deliveries() == "behind it ");
}

TEST_CASE("Connection: memory does not follow a length that a client merely declares") {
    BrokerFixture fixture;
    OpenedClient client(fixture);
    ByteVector header(native::header_bytes);
    native::write_header(header.data(), {.length = 8U << 20U, .type = FrameType::publish, .handle = 1});
    client.send(header);
    CHECK(fixture.broker.memory_used_bytes() < 4096);
}

TEST_CASE("Connection: a frame over the limit ends the connection at once, with an error") {
    BrokerFixture fixture;
    OpenedClient client(fixture);
    ByteVector header(native::header_bytes);
    native::write_header(header.data(), {.length = (8U << 20U) + 1, .type = FrameType::publish, .handle = 1});
    client.send(header);
    CHECK(client.received().at(0).as<native::ErrorAnswer>().code == Error::frame_too_large);
    CHECK(client.is_closed());
    CHECK(fixture.connections() == 0);
}

TEST_CASE("Connection: a reader that stops holds no evicted block, and its memory is bounded") {
    Limits limits;
    limits.topic_bytes_max = 1U << 20U;
    BrokerFixture fixture(limits);
    OpenedClient client(fixture, 1000);
    client.send(subscribe(1, from_earliest()));
    fill(fixture, 5U << 20U);
    fixture.advance(1s);  // the stall is looked at
    CHECK(fixture.broker.memory_used_bytes() <
          fixture.topic("topic")->charged_bytes() + 2 * limits.deliver_bytes_max + 16'000);
    CHECK(fixture.connections() == 1);
}

TEST_CASE("Connection: a reader that stopped goes on where it was and is told what it missed") {
    Limits limits;
    limits.topic_records_max = 10;
    BrokerFixture fixture(limits);
    OpenedClient client(fixture, 64);
    client.send(subscribe(1, from_earliest()));
    for (int i = 0; i < 100; ++i) {
        fixture.publish("topic", std::to_string(i));
        fixture.run();
    }
    fixture.advance(1h);
    std::string text = client.deliveries();
    CHECK(text.find("missed:") != std::string::npos);
    CHECK(text.substr(text.size() - 6) == "98 99 ");
    CHECK(fixture.broker.counters().write_timeouts.value() == 0);
}

TEST_CASE("Connection: where memory is full a stalled write makes room at the topics' cost") {
    Limits limits;
    limits.memory_bytes_max = 2U << 20U;
    BrokerFixture fixture(limits);
    OpenedClient client(fixture, 1000);
    client.send(subscribe(1, from_earliest()));
    fill(fixture, 5U << 20U);
    fixture.advance(1s);
    fill(fixture, 5U << 20U);
    fixture.advance(1s);
    CHECK(fixture.connections() == 1);
    CHECK(fixture.broker.memory_used_bytes() <= limits.memory_bytes_max);
    client.read_all();
    CHECK(client.last_read_error == asio::error::would_block);
}

TEST_CASE("Connection: whoever does not take its answers is closed after the write timeout") {
    Limits limits;
    limits.reply_bytes_max = 4096;
    BrokerFixture fixture(limits);
    OpenedClient client(fixture, 4096);
    CHECK_FALSE(client.send(pings(5000)));
    fixture.advance(limits.write_timeout - 1s);
    CHECK(fixture.connections() == 1);
    fixture.advance(1s);
    fixture.advance(1s);
    CHECK(fixture.connections() == 0);
    CHECK(fixture.broker.counters().reply_queue_full.value() == 1);
    CHECK(fixture.broker.counters().write_timeouts.value() == 1);
}

TEST_CASE("Connection: whoever takes its answers in time loses none of them") {
    Limits limits;
    limits.reply_bytes_max = 4096;
    BrokerFixture fixture(limits);
    OpenedClient client(fixture, 4096);
    const ByteVector bytes = pings(2000);
    std::size_t answers = 0;
    Bytes rest(bytes);
    while (!rest.empty()) {
        const Bytes part = rest.first(std::min<std::size_t>(rest.size(), 4096));
        rest = rest.subspan(part.size());
        client.send(part);
        fixture.advance(limits.write_timeout / 2);
        answers += client.received().size();
    }
    CHECK(answers + client.received().size() == 2000);
}

TEST_CASE("Connection: a full reply queue does not touch another connection") {
    Limits limits;
    limits.reply_bytes_max = 4096;
    BrokerFixture fixture(limits);
    OpenedClient stuck(fixture, 4096);
    OpenedClient other(fixture);
    stuck.send(pings(5000));
    other.send(pings(1));
    CHECK(other.received().size() == 1);
}

TEST_CASE("Connection: Close with answers pending lets them be written first") {
    BrokerFixture fixture;
    OpenedClient client(fixture, 100);
    client.subscribe_to_topic();
    client.send(pings(100));
    ByteVector last = publish_one_way(1, DraftedRecords("last"));
    append(last, bodiless(FrameType::close));
    client.send(last);
    const auto frames = client.received();
    CHECK(frames.size() == 102);
    CHECK(client.is_closed());
    CHECK(fixture.topic("topic")->figures().next == Offset{1});
}

TEST_CASE("Connection: what one read brought is carried out in turns, between which others have theirs") {
    BrokerFixture fixture;
    OpenedClient client(fixture, 1U << 20U);
    ByteVector frames;
    for (int i = 0; i < 10; ++i) {
        append(frames, publish_one_way(1, DraftedRecords(std::string(60'000, 'x'))));
    }
    append(frames, publish_one_way(1, DraftedRecords(std::string(300'000, 'x'))));  // more than a turn
    std::vector<std::uint64_t> seen;
    std::function<void()> look = [&] {
        seen.push_back(fixture.topic("topic")->figures().next.value);
        if (seen.back() < 11 && seen.size() < 100) {
            asio::post(fixture.context, look);
        }
    };
    asio::post(fixture.context, look);
    CHECK(client.send(frames));
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    CHECK(seen == std::vector<std::uint64_t>{0, 4, 8, 10, 11});
}

TEST_CASE("Connection: payloads of every size arrive whole and in order, however reads and turns cut them") {
    BrokerFixture fixture;
    const auto topic = fixture.topic("topic");
    ByteVector native;
    ByteVector zaichik;
    std::string sent;
    for (const std::size_t size :
         std::initializer_list<std::size_t>{1, 60'000, 300'000, 17, 400'000, 131'072, 262'144, 5'000, 800'000, 3}) {
        const std::string payload(size, static_cast<char>('a' + size % 26));
        append(native, publish_one_way(1, DraftedRecords(payload)));
        zaichik::encode(zaichik::Publish{"topic", std::nullopt, as_bytes(payload)}, zaichik);
        sent += payload;
    }
    SECTION("native") {
        OpenedClient client(fixture, 1U << 20U);
        CHECK(client.send(native));
    }
    SECTION("zaichik") {
        MemoryClient client(fixture, 1U << 20U);
        CHECK(client.send(zaichik));
    }
    SECTION("native, and the peer has gone before they are carried out") {
        OpenedClient client(fixture, 4U << 20U);
        asio::post(fixture.context, [&] { client.close(); });
        CHECK(client.send(native));
    }
    CHECK((payloads_of(*topic) == sent));  // without printing them
    CHECK(fixture.connections() == 0);
}

TEST_CASE("Connection: a client whose answers are held up between turns gets them all") {
    Limits limits;
    limits.reply_bytes_max = 4096;
    BrokerFixture fixture(limits);
    OpenedClient client(fixture, 1U << 20U);
    CHECK(client.send(pings(40'000)));
    CHECK(client.received().size() == 40'000);
}

TEST_CASE("Connection: one that is held up gives back the memory that it was read into") {
    Limits limits;
    limits.reply_bytes_max = 4096;
    BrokerFixture fixture(limits);
    std::deque<OpenedClient> stuck;
    for (int i = 0; i < 8; ++i) {
        CHECK_FALSE(stuck.emplace_back(fixture, 4096).send(pings(5000)));
    }
    CHECK(fixture.broker.memory_used_bytes() < 8 * (ReadMemoryPool::piece_bytes / 8));
}

TEST_CASE("Connection: closing with megabytes due writes them all, in many turns") {
    BrokerFixture fixture;
    fill(fixture, 4U << 20U);
    OpenedClient client(fixture, 16U << 20U);
    ByteVector bytes = subscribe(1, from_earliest());
    append(bytes, bodiless(FrameType::close));
    client.send(bytes);
    std::size_t records = 0;
    for (const ReceivedFrame& frame : client.received()) {
        records += frame.header.type == FrameType::deliver ? frame.body.size() / 10'000 : 0;
    }
    CHECK(records >= (4U << 20U) / 10'000);
    CHECK(client.is_closed());
    CHECK(fixture.connections() == 0);
}

TEST_CASE("Connection: frames that came before a peer vanished are carried out") {
    BrokerFixture fixture;
    {
        OpenedClient client(fixture);
        client.send(publish_one_way(1, DraftedRecords("a")));
    }
    CHECK(fixture.topic("topic")->figures().next == Offset{1});
    CHECK(fixture.connections() == 0);
}

TEST_CASE("Connection: a peer that vanishes while fetches wait for room among its answers leaves nothing behind") {
    Limits limits;
    limits.reply_bytes_max = 100;
    BrokerFixture fixture(limits);
    {
        OpenedClient client(fixture, 300);
        for (int i = 0; i < 12; ++i) {
            client.send(frame(FrameType::fetch, native::Fetch{.start = at_offset(0), .max_wait_ms = 60'000}, 7, 1));
        }
        fixture.publish("topic", std::string(200, 'x'));
        fixture.run();
        client.send(bodiless(FrameType::close, 78));
        CHECK(client.read_some(300) == 300);
        CHECK(fixture.connections() == 1);
    }
    CHECK(fixture.connections() == 0);
}

TEST_CASE("Connection: a vanished zaichik peer takes nothing from its topic") {
    BrokerFixture fixture;
    ByteVector bytes;
    zaichik::encode(zaichik::CreateTopic{.topic = "topic", .retention_ttl_ms = 10'000}, bytes);
    zaichik::encode(zaichik::Subscribe{"topic"}, bytes);
    {
        MemoryClient client(fixture);
        client.send(bytes);
        client.close();
    }
    for (const auto* const payload : {"a", "b"}) {
        fixture.publish("topic", payload);
    }
    MemoryClient next(fixture);
    next.send(bytes);
    next.read_all();
    CHECK(std::get<zaichik::Publish>(zaichik::decode(next.unread, 1000).value()->frame).payload.front() ==
          std::byte{'a'});
}

TEST_CASE("Connection: stuck in its opening it is closed in time, and silent it may stay") {
    BrokerFixture fixture;
    MemoryClient stuck(fixture);
    MemoryClient silent(fixture);
    const ByteVector bytes = opening();
    stuck.send(Bytes(bytes).first(3));
    fixture.advance(fixture.broker.limits().handshake_timeout - 1ms);
    CHECK(fixture.connections() == 2);
    fixture.advance(1ms);
    CHECK(fixture.connections() == 1);
    CHECK(stuck.is_closed());
    fixture.advance(24h);
    CHECK_FALSE(silent.is_closed());
    CHECK(fixture.broker.counters().handshake_timeouts.value() == 1);
}

TEST_CASE("Connection: the magic bytes without Hello are no opening") {
    BrokerFixture fixture;
    MemoryClient client(fixture);
    client.send(std::as_bytes(std::span(native::magic)));
    fixture.advance(fixture.broker.limits().handshake_timeout);
    CHECK(client.is_closed());
}

TEST_CASE("Connection: one that falls silent within a frame is closed in time, and its memory is free again") {
    BrokerFixture fixture;
    static_cast<void>(fixture.topic("topic"));  // exists already
    const auto frame_timeout = fixture.broker.limits().frame_timeout;
    const std::uint64_t before = fixture.broker.memory_used_bytes();
    const std::string payload(4'000'000, 'x');
    MemoryClient client(fixture);
    SECTION("native") {
        ByteVector bytes = opening();
        append(bytes, open_topic("topic"));
        append(bytes, publish(1, DraftedRecords(payload)));
        client.send(Bytes(bytes).first(3'000'000));
    }
    SECTION("zaichik") {
        ByteVector bytes;
        zaichik::encode(zaichik::Publish{"topic", std::nullopt, as_bytes(payload)}, bytes);
        client.send(Bytes(bytes).first(3'000'000));
    }
    CHECK(fixture.broker.memory_used_bytes() >= before + 3'000'000);
    fixture.advance(frame_timeout - 1ms);
    CHECK(fixture.connections() == 1);
    fixture.advance(1ms);
    CHECK(client.is_closed());
    CHECK(fixture.broker.memory_used_bytes() == before);
    CHECK(fixture.broker.counters().frame_timeouts.value() == 1);
}

TEST_CASE("Connection: a frame that comes slowly, and silence between two, are no reason to close") {
    BrokerFixture fixture;
    OpenedClient client(fixture);
    const auto frame_timeout = fixture.broker.limits().frame_timeout;
    const ByteVector bytes = publish(1, DraftedRecords("a"));
    for (int times = 0; times < 2; ++times) {
        for (const std::byte& byte : bytes) {
            fixture.advance(frame_timeout - 1ms);
            client.send({&byte, 1});
        }
        CHECK(client.received().at(0).header.type == FrameType::published);
        fixture.advance(24h);
    }
    CHECK_FALSE(client.is_closed());
    client.send(Bytes(bytes).first(1));
    fixture.advance(frame_timeout);
    CHECK(client.is_closed());
}

TEST_CASE("Connection: the time for a frame begins anew once the opening is over") {
    Limits limits;
    limits.frame_timeout = limits.handshake_timeout / 10;
    BrokerFixture fixture(limits);
    MemoryClient client(fixture);
    const ByteVector bytes = opening();
    client.send(Bytes(bytes).first(3));
    fixture.advance(limits.handshake_timeout - 1ms);
    client.send(Bytes(bytes).subspan(3));
    fixture.advance(1ms);
    CHECK_FALSE(client.is_closed());
    client.send(pings(1));
    client.send(Bytes(pings(1)).first(5));
    fixture.advance(limits.frame_timeout);
    CHECK(client.is_closed());
    CHECK(fixture.broker.counters().handshake_timeouts.value() == 0);
    CHECK(fixture.broker.counters().frame_timeouts.value() == 1);
}

TEST_CASE("Connection: one that is not read from, with a part of a frame behind, is not closed for that") {
    Limits limits;
    limits.reply_bytes_max = 4096;
    limits.frame_timeout = limits.write_timeout / 10;
    BrokerFixture fixture(limits);
    OpenedClient client(fixture, 4096);
    const ByteVector bytes = pings(800);
    client.send(Bytes(bytes).first(5));  // so that what is read at once ends within a frame
    client.send(Bytes(bytes).subspan(5));
    fixture.advance(limits.write_timeout / 2);
    CHECK(client.received().size() == 800);
    CHECK_FALSE(client.is_closed());
}

TEST_CASE("Connection: an unknown dialect is closed without a word") {
    BrokerFixture fixture;
    MemoryClient client(fixture);
    client.send(as_bytes("GET / HTTP/1.1"));
    CHECK(client.is_closed());
    CHECK(client.unread.empty());
    CHECK(fixture.broker.counters().unknown_dialects.value() == 1);
}

TEST_CASE("Connection: idle it holds nothing of the memory budget but its open topic and its subscription") {
    BrokerFixture fixture;
    OpenedClient client(fixture);
    client.subscribe_to_topic();
    const std::uint64_t with_topic = fixture.broker.memory_used_bytes();
    OpenedClient second(fixture);
    const std::uint64_t opened = fixture.broker.memory_used_bytes() - with_topic;
    CHECK(opened > 0);
    CHECK(opened < 256);
    second.subscribe_to_topic();
    const std::uint64_t subscribed = fixture.broker.memory_used_bytes() - with_topic - opened;
    CHECK(subscribed > 0);
    CHECK(subscribed < 1024);
}
