#include <catch2/catch.hpp>

#include "subscription_manager/manager_fixture.hpp"

using namespace leveret;
using namespace leveret::test;
using namespace std::chrono_literals;

namespace {

zaichik::Publish message(std::string_view topic, std::string_view payload) {
    return {.topic = topic, .key = std::nullopt, .payload = as_bytes(payload)};
}

}  // namespace

TEST_CASE("ZaichikManager: one record is outstanding, and a commit asks for the next") {
    ManagerWorld world;
    ZaichikClient client(world, zaichik::Subscribe{"topic"});
    for (const auto* const payload : {"a", "b", "c"}) {
        world.publish("topic", payload);
    }
    world.run();
    CHECK(client.deliveries() == "a ");
    client.commit();
    CHECK(client.deliveries() == "b ");
    CHECK(client.deliveries().empty());
}

TEST_CASE("ZaichikManager: commits do not add up") {
    ManagerWorld world;
    ZaichikClient client(world, zaichik::Subscribe{"topic"});
    client.commit();
    client.commit();
    for (const auto* const payload : {"a", "b", "c"}) {
        world.publish("topic", payload);
    }
    world.run();
    CHECK(client.deliveries() == "a ");
}

TEST_CASE("ZaichikManager: a second subscription grants nothing") {
    ManagerWorld world;
    ZaichikClient client(world, zaichik::Subscribe{"one"});
    world.publish("one", "a");
    world.run();
    client.command(zaichik::Subscribe{"two"});
    world.publish("two", "b");
    world.run();
    CHECK(client.deliveries() == "a ");
    client.commit();
    CHECK(client.deliveries() == "b ");
}

TEST_CASE("ZaichikManager: a commit without a subscription is worth nothing") {
    ManagerWorld world;
    ZaichikClient client(world, zaichik::Commit{});
    client.command(zaichik::Subscribe{"topic"});
    client.command(zaichik::Unsubscribe{"topic"});
    client.commit();
    world.publish("topic", "a");
    world.run();
    CHECK(client.deliveries().empty());
}

TEST_CASE("ZaichikManager: a busy topic and a quiet one take turns") {
    ManagerWorld world;
    ZaichikClient client(world, zaichik::Subscribe{"busy"});
    client.command(zaichik::Subscribe{"quiet"});
    for (int i = 0; i < 100; ++i) {
        world.publish("busy", "busy");
    }
    world.publish("quiet", "quiet");
    world.run();
    client.commit();
    client.commit();
    const std::string deliveries = client.deliveries();
    CHECK(deliveries.find("quiet") != std::string::npos);
}

TEST_CASE("ZaichikManager: with a retention time what is retained comes first, without one only the latest") {
    ManagerWorld world;
    world.create_topic("kept", {.retention_ttl_ms = 1000});
    for (const auto* const topic : {"kept", "not kept"}) {
        world.publish(topic, "old");
    }
    ZaichikClient client(world, zaichik::Subscribe{"kept"});
    client.command(zaichik::Subscribe{"not kept"});
    client.commit();
    CHECK(client.deliveries() == "old ");
    world.publish("not kept", "new");
    world.run();
    CHECK(client.deliveries() == "new ");
}

TEST_CASE("ZaichikManager: an expired record uses no credit") {
    ManagerWorld world;
    world.create_topic("topic", {.retention_ttl_ms = 1000});
    world.publish("topic", "old");
    world.advance(1000ms);
    ZaichikClient client(world, zaichik::Subscribe{"topic"});
    world.publish("topic", "new");
    world.run();
    CHECK(client.deliveries() == "new ");
}

TEST_CASE("ZaichikManager: Unsubscribe drops what was pending") {
    ManagerWorld world;
    ZaichikClient client(world, zaichik::Subscribe{"topic"});
    world.publish("topic", "a");
    world.publish("topic", "b");
    world.run();
    client.command(zaichik::Unsubscribe{"topic"});
    client.commit();
    CHECK(client.deliveries() == "a ");
}

TEST_CASE("ZaichikManager: subscribing again replays what is retained") {
    ManagerWorld world;
    world.create_topic("topic", {.retention_ttl_ms = 1000});
    world.publish("topic", "a");
    ZaichikClient client(world, zaichik::Subscribe{"topic"});
    CHECK(client.deliveries() == "a ");
    client.command(zaichik::Subscribe{"topic"});
    client.commit();
    CHECK(client.deliveries() == "a ");
    CHECK(world.counters.subscriptions.value() == 1);
}

TEST_CASE("ZaichikManager: a lagged subscriber goes on at the oldest and does not stall") {
    ManagerWorld world;
    world.create_topic("topic", {.retention_records = 2});
    ZaichikClient client(world, zaichik::Subscribe{"topic"});
    for (const auto* const payload : {"a", "b", "c", "d", "e"}) {
        world.publish("topic", payload);
    }
    world.run();
    CHECK(client.deliveries() == "d ");
    CHECK(world.counters.records_missed.value() == 3);
}

TEST_CASE("ZaichikManager: where memory is full a subscription closes its connection") {
    ManagerWorld world;
    world.create_topic("topic");
    REQUIRE(world.memory.try_charge(world.memory.bytes_max() - world.memory.used_bytes()));
    const ZaichikClient client(world, zaichik::Subscribe{"topic"});
    CHECK(client.manager->closing() == make_error_code(Error::memory_full));
    CHECK(world.counters.memory_full.value() == 1);
}

TEST_CASE("ZaichikManager: a topic that is deleted closes the connection, which can be told no other way") {
    ManagerWorld world;
    ZaichikClient client(world, zaichik::Subscribe{"goes"});
    client.command(zaichik::Subscribe{"stays"});
    REQUIRE_FALSE(world.registry.remove("goes"));
    world.run();
    CHECK(client.manager->closing() == make_error_code(Error::topic_deleted));
}

TEST_CASE("ZaichikManager: a topic that is deleted closes the connection also while a Commit is awaited") {
    ManagerWorld world;
    ZaichikClient client(world, zaichik::Subscribe{"topic"});
    for (const auto* const payload : {"a", "b"}) {
        world.publish("topic", payload);
        world.run();
    }
    CHECK(client.deliveries() == "a ");
    REQUIRE_FALSE(world.registry.remove("topic"));
    world.run();
    CHECK(client.manager->closing() == make_error_code(Error::topic_deleted));
    CHECK(client.deliveries().empty());
}

TEST_CASE("ZaichikManager: a publisher goes on where its topic is deleted") {
    ManagerWorld world;
    ZaichikClient client(world, message("topic", "a"));
    REQUIRE_FALSE(world.registry.remove("topic"));
    client.command(message("topic", "b"));
    CHECK_FALSE(client.is_closing());
    CHECK(world.registry.find("topic")->figures().next == Offset{1});
}

TEST_CASE("ZaichikManager: publishes of one read are kept in order, across topics too") {
    ManagerWorld world;
    const auto one = zaichik_frame(message("one", "1"));
    ByteVector commands = one;
    append(commands, zaichik_frame(message("two", "2")));
    append(commands, one);
    ManagedClient client(world, commands);
    CHECK(world.registry.find("one")->figures().next == Offset{2});
    CHECK(world.registry.find("two")->figures().next == Offset{1});
}

TEST_CASE("ZaichikManager: frames cut at any byte are carried out once") {
    ByteVector commands = zaichik_frame(zaichik::Subscribe{"topic"});
    append(commands, zaichik_frame(message("topic", "a")));
    for (std::size_t cut = 4; cut < commands.size(); ++cut) {
        ManagerWorld world;
        const Bytes bytes(commands);
        ZaichikClient client(world, zaichik::Commit{});
        const std::size_t taken = client.send(bytes.first(cut));
        client.send(bytes.subspan(taken));
        CHECK(client.deliveries() == "a ");
    }
}

TEST_CASE("ZaichikManager: nothing behind CloseConnection is carried out") {
    ManagerWorld world;
    ByteVector commands = zaichik_frame(message("topic", "a"));
    append(commands, zaichik_frame(zaichik::CloseConnection{}));
    append(commands, zaichik_frame(message("topic", "b")));
    ManagedClient client(world, commands);
    CHECK(client.is_closing());
    CHECK(world.registry.find("topic")->figures().next == Offset{1});
}

TEST_CASE("ZaichikManager: what does not decode closes the connection, after what came before") {
    ManagerWorld world;
    ByteVector commands = zaichik_frame(message("topic", "a"));
    append(commands, ByteVector(4, std::byte{9}));
    ManagedClient client(world, commands);
    CHECK(client.manager->closing() == make_error_code(Error::bad_frame));
    CHECK(world.registry.find("topic")->figures().next == Offset{1});
    CHECK(world.counters.bad_frames.value() == 1);
}

TEST_CASE("ZaichikManager: a key that is no UTF-8 is left out and counted") {
    ManagerWorld world;
    ZaichikClient client(world, zaichik::Subscribe{"topic"});
    world.publish("topic", DraftedRecords().add("\xFF", "a"));
    world.run();
    const auto delivered = zaichik::decode(client.written, 1000).value();
    CHECK_FALSE(std::get<zaichik::Publish>(delivered->frame).key);
    CHECK(world.counters.deliveries_recoded.value() == 1);
}
