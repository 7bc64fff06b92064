#include <catch2/catch.hpp>

#include "subscription_manager/manager_fixture.hpp"

using namespace leveret;
using namespace leveret::test;
using namespace std::chrono_literals;
using native::FrameType;

namespace {

ByteVector fetch(std::uint32_t topic, std::uint64_t offset, std::uint32_t max_wait_ms, std::uint32_t max_bytes = 0) {
    return frame(FrameType::fetch,
                 native::Fetch{.start = at_offset(offset), .max_bytes = max_bytes, .max_wait_ms = max_wait_ms}, 77,
                 topic);
}

struct FetchFixture : ManagerWorld {
    NativeClient client{*this};
    std::uint32_t topic = client.open("topic");

    /// The answer's payloads; "nothing yet" where there is no answer, "empty" where it has no records.
    std::string answer() {
        const auto frames = client.received();
        if (frames.empty()) {
            return "nothing yet";
        }
        std::string text;
        const auto fetched = frames.at(0).as<native::Fetched>();
        for (const RecordView record : Records(fetched.records)) {
            text += std::string(record.payload_text()) + ' ';
        }
        return text.empty() ? "empty" : text;
    }
};

}  // namespace

TEST_CASE("Fetch: what is there comes at once") {
    FetchFixture fixture;
    fixture.publish("topic", "a");
    fixture.publish("topic", "b");
    fixture.client.send(fetch(fixture.topic, 0, 1000));
    CHECK(fixture.answer() == "a b ");
}

TEST_CASE("Fetch: from a time that no record can have there is nothing, however large it is") {
    FetchFixture fixture;
    fixture.publish("topic", "a");
    for (const std::uint64_t microseconds : {std::uint64_t{1} << 62U, std::uint64_t{1} << 63U, ~std::uint64_t{0}}) {
        fixture.client.send(frame(
            FrameType::fetch,
            native::Fetch{.start = {.kind = native::Start::Kind::timestamp, .value = microseconds, .position = {}}}, 77,
            fixture.topic));
        CHECK(fixture.answer() == "empty");
    }
}

TEST_CASE("Fetch: without time to wait the answer is empty at once") {
    FetchFixture fixture;
    fixture.client.send(fetch(fixture.topic, 0, 0));
    CHECK(fixture.answer() == "empty");
}

TEST_CASE("Fetch: a waiting one is answered by the first record") {
    FetchFixture fixture;
    fixture.client.send(fetch(fixture.topic, 0, 1000));
    fixture.advance(999ms);
    CHECK(fixture.answer() == "nothing yet");
    fixture.publish("topic", "a");
    fixture.run();
    CHECK(fixture.answer() == "a ");
    fixture.advance(1h);
    CHECK(fixture.answer() == "nothing yet");
}

TEST_CASE("Fetch: a waiting one is answered when its time is up, not before") {
    FetchFixture fixture;
    fixture.client.send(fetch(fixture.topic, 0, 1000));
    fixture.advance(999ms);
    CHECK(fixture.answer() == "nothing yet");
    fixture.advance(1ms);
    CHECK(fixture.answer() == "empty");
    CHECK(fixture.registry.find("topic")->figures().waiters == 0);
}

TEST_CASE("Fetch: the answer says where to go on and what was missed") {
    FetchFixture fixture;
    fixture.create_topic("small", {.retention_records = 2});
    for (const auto* const payload : {"a", "b", "c", "d"}) {
        fixture.publish("small", payload);
    }
    const auto answer = fixture.client.ask(fetch(fixture.client.open("small"), 1, 0)).as<native::Fetched>();
    CHECK(answer.missed_from == Offset{1});
    CHECK(answer.missed_to == Offset{2});
    CHECK(answer.first == Offset{2});
    CHECK(answer.next == Offset{4});
    CHECK(answer.end == Offset{4});
}

TEST_CASE("Fetch: only so many of a connection wait, and one that was answered makes room") {
    FetchFixture fixture;
    fixture.limits.waiting_fetches_per_connection_max = 2;
    fixture.client.send(fetch(fixture.topic, 0, 1000));
    fixture.client.send(fetch(fixture.topic, 0, 1000));
    CHECK(fixture.client.refusal(fetch(fixture.topic, 0, 1000)) == Error::too_many_fetches);
    fixture.advance(1000ms);
    fixture.client.received();
    fixture.client.send(fetch(fixture.topic, 0, 1000));
    CHECK(fixture.answer() == "nothing yet");
}

TEST_CASE("Fetch: where memory is full none waits, and one that does not is answered") {
    FetchFixture fixture;
    const std::uint64_t before = fixture.memory.used_bytes();
    fixture.client.send(fetch(fixture.topic, 0, 10));
    CHECK(fixture.memory.used_bytes() > before);
    fixture.advance(10ms);
    CHECK(fixture.answer() == "empty");
    CHECK(fixture.memory.used_bytes() == before);

    REQUIRE(fixture.memory.try_charge(fixture.memory.bytes_max() - before));
    CHECK(fixture.client.refusal(fetch(fixture.topic, 0, 10)) == Error::memory_full);
    CHECK(fixture.counters.memory_full.value() == 1);
    fixture.client.send(fetch(fixture.topic, 0, 0));
    CHECK(fixture.answer() == "empty");
}

TEST_CASE("Fetch: a waiting one whose topic is deleted is told so") {
    FetchFixture fixture;
    fixture.client.send(fetch(fixture.topic, 0, 1000));
    REQUIRE_FALSE(fixture.registry.remove("topic"));
    fixture.run();
    CHECK(fixture.client.received().at(0).as<native::ErrorAnswer>().code == Error::topic_deleted);
}

TEST_CASE("Fetch: a connection that goes takes its waiting ones along") {
    ManagerWorld world;
    const TopicPtr topic = world.create_topic("topic");
    {
        NativeClient client(world);
        client.send(fetch(client.open("topic"), 0, 1000));
        CHECK(topic->figures().waiters == 1);
    }
    CHECK(topic->figures().waiters == 0);
    world.advance(2000ms);
    world.publish("topic", "a");
    world.run();
}

TEST_CASE("Fetch: as many bytes as asked for, and at least one record") {
    FetchFixture fixture;
    for (const auto* const payload : {"a", "b", "c", "d"}) {
        fixture.publish("topic", payload);
    }
    fixture.client.send(fetch(fixture.topic, 0, 0, 1));
    CHECK(fixture.answer() == "a ");
    fixture.client.send(fetch(fixture.topic, 1, 0, 66));
    CHECK(fixture.answer() == "b c ");
}

TEST_CASE("Fetch: those that wait are answered with what is there when the connection closes, and before a Close is") {
    FetchFixture fixture;
    fixture.client.send(fetch(fixture.topic, 0, 1000));
    fixture.client.send(fetch(fixture.topic, 0, 1000));
    FrameType last{};
    SECTION("the client says Close") {
        fixture.client.send(bodiless(FrameType::close, 78));
        last = FrameType::ok;
    }
    SECTION("the server stops") {
        fixture.client.manager->close(make_error_code(Error::shutting_down));
        fixture.client.go_on_writing();
        last = FrameType::error;
    }
    const auto frames = fixture.client.received();
    REQUIRE(frames.size() == 3);
    CHECK(frames[0].as<native::Fetched>().records.empty());
    CHECK(frames[1].as<native::Fetched>().records.empty());
    CHECK(frames[2].header.type == last);
    CHECK_FALSE(fixture.client.manager->awaits_answers());
    fixture.advance(1h);
    CHECK(fixture.client.received().empty());
}

TEST_CASE("Fetch: those that are held up by answers nobody takes still come before the answer to Close") {
    FetchFixture fixture;
    fixture.limits.reply_bytes_max = 100;
    for (int i = 0; i < 5; ++i) {
        fixture.client.send(fetch(fixture.topic, 0, 1000));
    }
    fixture.client.stop_writing();
    fixture.client.manager->close({});
    CHECK(fixture.client.manager->has_too_many_answers());
    CHECK(fixture.client.manager->awaits_answers());
    SECTION("they are taken after all") {
        fixture.client.go_on_writing();
        CHECK(fixture.client.received().size() == 5);
    }
    SECTION("they are given up") {
        fixture.client.manager->give_up_answers();
    }
    CHECK_FALSE(fixture.client.manager->awaits_answers());
    fixture.advance(1h);
    CHECK(fixture.client.received().size() <= 2);
}

TEST_CASE("Fetch: those that wait are answered in the order in which they came") {
    FetchFixture fixture;
    constexpr std::uint32_t count = 20;
    for (std::uint32_t i = 0; i < count; ++i) {
        fixture.client.send(
            frame(FrameType::fetch, native::Fetch{.start = at_offset(0), .max_wait_ms = 1000}, i, fixture.topic));
    }
    fixture.client.manager->close({});
    fixture.client.go_on_writing();
    const auto frames = fixture.client.received();
    REQUIRE(frames.size() == count);
    for (std::uint32_t i = 0; i < count; ++i) {
        CHECK(frames[i].header.correlation == Correlation{i});
    }
}
