#include <catch2/catch.hpp>

#include "subscription_manager/manager_fixture.hpp"
#include "subscription_manager/native/native_subscription.hpp"

using namespace leveret;
using namespace leveret::test;
using namespace std::chrono_literals;
using native::FrameType;

namespace {

std::string types_of(const std::vector<ReceivedFrame>& frames) {
    std::string text;
    for (const ReceivedFrame& frame : frames) {
        text += std::string(native::frame_type_name(frame.header.type)) + ' ';
    }
    return text;
}

ByteVector joined(const std::vector<ByteVector>& parts) {
    ByteVector whole;
    for (const ByteVector& part : parts) {
        append(whole, part);
    }
    return whole;
}

}  // namespace

TEST_CASE("NativeManager: frames cut at any byte are carried out once and in order") {
    const ByteVector commands =
        joined({open_topic("topic", 1), subscribe(1, from_earliest(), 2), publish(1, DraftedRecords("a").add("b"), 3),
                publish(1, DraftedRecords("c"), 4), bodiless(FrameType::ping, 5)});
    for (std::size_t cut = 1; cut < commands.size(); ++cut) {
        ManagerWorld world;
        NativeClient client(world);
        const Bytes bytes(commands);
        const std::size_t taken = client.send(bytes.first(cut));
        CHECK(client.send(bytes.subspan(taken)) == commands.size() - taken);
        const auto frames = client.received();
        std::string deliveries;
        for (const ReceivedFrame& frame : frames) {
            deliveries += frame.header.type == FrameType::deliver ? frame.payloads() : "";
        }
        CHECK(deliveries == "a b c ");
        CHECK(frames.size() >= 6);
    }
}

TEST_CASE("NativeManager: a run of publishes is answered one by one, between its neighbours' answers") {
    ManagerWorld world;
    NativeClient client(world);
    client.send(
        joined({open_topic("topic", 1), publish(1, DraftedRecords("a"), 2), publish(1, DraftedRecords("b"), 3),
                publish(9, DraftedRecords("x"), 4), publish(1, DraftedRecords("c"), 5), bodiless(FrameType::ping, 6)}));
    const auto frames = client.received();
    CHECK(types_of(frames) == "topic_opened published published error published pong ");
    for (std::uint32_t i = 0; i < frames.size(); ++i) {
        CHECK(frames[i].header.correlation == Correlation{i + 1});
    }
    CHECK(frames.at(4).as<native::Published>().first == Offset{2});
}

TEST_CASE("NativeManager: a one-way publish is answered only if it fails") {
    ManagerWorld world;
    NativeClient client(world);
    const auto topic = client.open("topic");
    client.send(publish_one_way(topic, DraftedRecords("a")));
    CHECK(client.received().empty());
    client.send(publish_one_way(topic + 1, DraftedRecords("a")));
    CHECK(client.received().at(0).as<native::ErrorAnswer>().code == Error::unknown_handle);
}

TEST_CASE("NativeManager: a batch that is more than its topic keeps is refused with a text that says so") {
    ManagerWorld world;
    world.limits.topic_records_max = 2;
    NativeClient client(world);
    client.send(open_topic("topic", 1));
    client.send(publish(1, DraftedRecords("a").add("b").add("c"), 2));
    const auto frames = client.received();
    const auto refused = frames.back().as<native::ErrorAnswer>();
    CHECK(refused.code == Error::bad_record);
    CHECK(refused.text.find("more than its topic keeps") != std::string::npos);
}

TEST_CASE("NativeManager: while answers wait in too great a number no command is carried out") {
    ManagerWorld world;
    world.limits.reply_bytes_max = 100;
    NativeClient client(world);
    client.stop_writing();
    ByteVector pings;
    for (std::uint32_t i = 0; i < 20; ++i) {
        append(pings, bodiless(FrameType::ping, i));
    }
    const std::size_t taken = client.send(pings);
    CHECK(client.manager->blocked());
    CHECK(taken == 7 * native::header_bytes);
    client.go_on_writing();
    CHECK_FALSE(client.manager->blocked());
    CHECK(client.received().size() == 7);
}

TEST_CASE("NativeManager: deliveries alone never block commands") {
    ManagerWorld world;
    NativeClient client(world);
    client.subscribe_to("topic");
    client.stop_writing();
    for (int i = 0; i < 300; ++i) {
        world.publish("topic", std::string(10'000, 'x'));
    }
    CHECK_FALSE(client.manager->blocked());
    CHECK(client.send(bodiless(FrameType::ping)) == native::header_bytes);
}

TEST_CASE("NativeManager: a subscription is charged to the memory budget until it ends") {
    ManagerWorld world;
    NativeClient client(world);
    client.open("topic");
    const std::uint64_t before = world.memory.used_bytes();
    const auto subscription = client.subscribe_to("topic");
    const std::uint64_t plain = world.memory.used_bytes() - before;
    CHECK(plain > sizeof(NativeSubscription));
    CHECK(client.ask(bodiless(FrameType::unsubscribe, 1, subscription)).header.type == FrameType::ok);
    CHECK(world.memory.used_bytes() == before);

    native::Subscribe committing = from_earliest();
    committing.flags = native::Subscribe::commit_gives_credit;
    client.subscribe_to("topic", committing);
    CHECK(world.memory.used_bytes() - before > plain);
}

TEST_CASE("NativeManager: where memory is full no more topics are opened, and those that are stay so") {
    ManagerWorld world;
    NativeClient client(world);
    const auto topic = client.open("topic");
    world.create_topic("other");
    const std::uint64_t rest = world.memory.bytes_max() - world.memory.used_bytes();
    REQUIRE(world.memory.try_charge(rest));
    CHECK(client.refusal(open_topic("other")) == Error::memory_full);
    CHECK(world.counters.memory_full.value() == 1);
    CHECK(client.open("topic") == topic);
    world.memory.release(rest);
    CHECK(client.open("other") != topic);
}

TEST_CASE("NativeManager: where memory is full a subscription is refused, and its connection goes on") {
    ManagerWorld world;
    NativeClient client(world);
    const auto topic = client.open("topic");
    REQUIRE(world.memory.try_charge(world.memory.bytes_max() - world.memory.used_bytes()));
    CHECK(client.refusal(subscribe(topic, from_earliest())) == Error::memory_full);
    CHECK(world.counters.memory_full.value() == 1);
    CHECK(world.counters.subscriptions.value() == 0);
    CHECK(client.ask(bodiless(FrameType::ping)).header.type == FrameType::pong);
}

TEST_CASE("NativeManager: for a subscription a topic loses its oldest block") {
    ManagerWorld world;
    NativeClient client(world);
    const auto topic = client.open("topic");
    for (int i = 0; i < 100; ++i) {
        world.publish("topic", std::string(100'000, 'x'));
    }
    REQUIRE(world.memory.try_charge(world.memory.bytes_max() - world.memory.used_bytes()));
    CHECK(client.ask(subscribe(topic, from_earliest())).header.type == FrameType::subscribed);
    CHECK(world.counters.records_evicted.value() > 0);
}

TEST_CASE("NativeManager: a topic that is deleted ends its subscriptions with an error that names them") {
    ManagerWorld world;
    NativeClient client(world);
    const auto subscription = client.subscribe_to("topic");
    REQUIRE_FALSE(world.registry.remove("topic"));
    world.run();
    const auto frames = client.received();
    CHECK(frames.at(0).header.handle == subscription);
    CHECK(frames.at(0).as<native::ErrorAnswer>().code == Error::topic_deleted);
    CHECK(world.counters.subscriptions.value() == 0);
    CHECK(client.refusal(bodiless(FrameType::unsubscribe, 1, subscription)) == Error::unknown_subscription);
    CHECK(client.refusal(publish(1, DraftedRecords("a"))) == Error::topic_deleted);
}

TEST_CASE("NativeManager: a topic that was deleted and created again is another one, with another handle") {
    ManagerWorld world;
    NativeClient client(world);
    const auto first = client.open("topic");
    REQUIRE_FALSE(world.registry.remove("topic"));
    const auto second = client.open("topic");
    CHECK(first != second);
    CHECK(client.ask(publish(second, DraftedRecords("a"))).header.type == FrameType::published);
}

TEST_CASE("NativeManager: a subscriber that was left behind is told exactly what it missed") {
    ManagerWorld world;
    world.create_topic("topic", {.retention_records = 3});
    NativeClient client(world);
    client.subscribe_to("topic");
    client.stop_writing();
    for (const auto* const payload : {"a", "b", "c", "d", "e"}) {
        world.publish("topic", payload);
    }
    client.go_on_writing();
    CHECK(client.deliveries() == "missed:0-2 c d e ");
    CHECK(world.counters.records_missed.value() == 2);
}

TEST_CASE("NativeManager: what expires before it is delivered is passed over in silence") {
    ManagerWorld world;
    world.create_topic("topic", {.retention_ttl_ms = 1000});
    NativeClient client(world);
    client.subscribe_to("topic");
    client.stop_writing();
    world.publish("topic", "old");
    world.advance(1000ms);
    world.publish("topic", "new");
    client.go_on_writing();
    CHECK(client.deliveries() == "new ");
}

TEST_CASE("NativeManager: Seek goes back and forth") {
    ManagerWorld world;
    NativeClient client(world);
    const auto subscription = client.subscribe_to("topic");
    for (const auto* const payload : {"a", "b", "c"}) {
        world.publish("topic", payload);
    }
    world.run();
    CHECK(client.deliveries() == "a b c ");
    client.send(frame(FrameType::seek, native::Seek{.start = at_offset(1)}, 0, subscription));
    CHECK(client.deliveries() == "b c ");
}

TEST_CASE("NativeManager: after Unsubscribe nothing more comes") {
    ManagerWorld world;
    NativeClient client(world);
    const auto subscription = client.subscribe_to("topic");
    client.stop_writing();
    world.publish("topic", "a");
    client.send(bodiless(FrameType::unsubscribe, 1, subscription));
    client.go_on_writing();
    CHECK(types_of(client.received()) == "ok ");
    world.publish("topic", "b");
    world.run();
    CHECK(client.received().empty());
}

TEST_CASE("NativeManager: its own publishes come to its own subscription, after their answer") {
    ManagerWorld world;
    NativeClient client(world);
    client.subscribe_to("topic");
    client.send(publish(1, DraftedRecords("a")));
    CHECK(types_of(client.received()) == "published deliver ");
}

TEST_CASE("NativeManager: Close is answered, and nothing behind it is carried out") {
    ManagerWorld world;
    NativeClient client(world);
    const auto topic = client.open("topic");
    client.send(
        joined({publish(topic, DraftedRecords("a")), bodiless(FrameType::close), publish(topic, DraftedRecords("b"))}));
    CHECK(types_of(client.received()) == "published ok ");
    CHECK(client.is_closing());
    CHECK_FALSE(*client.manager->closing());
    CHECK(world.registry.find("topic")->figures().next == Offset{1});
}

TEST_CASE("NativeManager: bytes that are no frame are answered and end the connection, after what came before") {
    ManagerWorld world;
    NativeClient client(world);
    const auto topic = client.open("topic");
    ByteVector bytes = publish(topic, DraftedRecords("a"));
    append(bytes, ByteVector(16, std::byte{0xFF}));
    client.send(bytes);
    const auto frames = client.received();
    CHECK(types_of(frames) == "published error ");
    CHECK(client.is_closing());
    CHECK(world.counters.bad_frames.value() == 1);
}

TEST_CASE(
    "NativeManager: a flag or a handle that a request's type does not have is refused, and the connection goes on") {
    ManagerWorld world;
    NativeClient client(world);
    const auto topic = client.open("topic");
    const auto subscription = client.subscribe_to("topic");
    constexpr std::uint8_t one_way = native::flags::one_way;
    constexpr std::uint8_t no_create = native::flags::no_create;
    const native::Fetch fetch_now{.start = at_offset(0)};
    for (const std::uint8_t flag : std::initializer_list<std::uint8_t>{0x01, 0x02, 0x04, 0x80}) {
        CHECK(client.refusal(frame(FrameType::ping, native::RawBody{}, 1, 0, flag)) == Error::bad_frame);
        CHECK(client.refusal(frame(FrameType::fetch, fetch_now, 1, topic, flag)) == Error::bad_frame);
        if (flag != one_way) {
            CHECK(client.refusal(frame(FrameType::grant, native::Grant{}, 1, subscription, flag)) == Error::bad_frame);
        }
        if (flag != no_create) {
            CHECK(client.refusal(frame(FrameType::open_topic, native::TopicName{"new"}, 1, 0, flag)) ==
                  Error::bad_frame);
        }
        ByteVector bytes = publish(topic, DraftedRecords("a"));
        bytes[5] = std::byte{flag};
        CHECK((flag == one_way || client.refusal(bytes) == Error::bad_frame));
    }
    CHECK(client.refusal(bodiless(FrameType::ping, 1, 9)) == Error::bad_frame);
    CHECK(client.refusal(bodiless(FrameType::describe_server, 1, topic)) == Error::bad_frame);
    CHECK(client.refusal(frame(FrameType::open_topic, native::TopicName{"new"}, 1, topic)) == Error::bad_frame);
    CHECK(client.refusal(frame(FrameType{0x7F}, native::RawBody{}, 1, 9, 0x80)) == Error::unknown_frame_type);
    CHECK(world.registry.find("new") == nullptr);
    CHECK(world.registry.find("topic")->figures().next == Offset{0});
    CHECK(client.ask(bodiless(FrameType::ping)).header.type == FrameType::pong);
}

TEST_CASE("NativeManager: a Hello with a flag that it does not have opens no connection") {
    ManagerWorld world;
    const Bytes magic = std::as_bytes(std::span(native::magic));
    ManagedClient client(
        world, joined({{magic.begin(), magic.end()},
                       frame(FrameType::hello, native::Hello{.client_name = "test", .mechanism = {}}, 0, 0, 0x80)}));
    CHECK(take_frames(client.written).at(0).as<native::ErrorAnswer>().code == Error::bad_frame);
    CHECK(client.is_closing());
}

TEST_CASE("NativeManager: before Hello nothing else is allowed") {
    ManagerWorld world;
    const Bytes magic = std::as_bytes(std::span(native::magic));
    ManagedClient client(world, joined({{magic.begin(), magic.end()}, open_topic("topic")}));
    CHECK(take_frames(client.written).at(0).as<native::ErrorAnswer>().code == Error::hello_expected);
    CHECK(client.is_closing());
    CHECK(world.registry.find("topic") == nullptr);
}

TEST_CASE("NativeManager: a stopping server says so, and delivers what is due") {
    ManagerWorld world;
    NativeClient client(world);
    client.subscribe_to("topic");
    client.stop_writing();
    world.publish("topic", "due");
    client.manager->close(make_error_code(Error::shutting_down));
    client.go_on_writing();
    const auto frames = client.received();
    CHECK(types_of(frames) == "error deliver ");
    CHECK(frames.at(0).as<native::ErrorAnswer>().code == Error::shutting_down);
}

TEST_CASE("NativeManager: a connection that ends leaves no subscription behind") {
    ManagerWorld world;
    {
        NativeClient client(world);
        client.subscribe_to("topic");
        client.subscribe_to("other");
        CHECK(world.counters.subscriptions.value() == 2);
        CHECK(world.registry.find("topic")->figures().waiters == 1);
    }
    CHECK(world.counters.subscriptions.value() == 0);
    CHECK(world.registry.find("topic")->figures().waiters == 0);
}

TEST_CASE("NativeManager: closing, it delivers what was due and not what is published from then on") {
    ManagerWorld world;
    NativeClient client(world);
    client.subscribe_to("topic");
    client.stop_writing();
    world.publish("topic", "due");
    client.send(bodiless(FrameType::close));
    client.go_on_writing();
    CHECK(client.deliveries() == "due ");
    world.publish("topic", "late");
    world.run();
    client.go_on_writing();
    CHECK(client.deliveries().empty());
}
