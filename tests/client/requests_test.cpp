// The requests of Client, one by one: what goes out and what comes back.
#include "fake_server.hpp"

using namespace leveret;
using namespace leveret::test;
using native::FrameType;

namespace {

/// Welcomes the client, then answers its next request, of this type, with Ok.
asio::awaitable<ReceivedFrame> answer_ok(Scenario& scenario, FrameType type) {
    ReceivedFrame request = co_await scenario.server.receive(type);
    co_await scenario.server.answer_ok(request);
    co_return request;
}

}  // namespace

TEST_CASE("Client: connect says who it is") {
    Scenario scenario;
    scenario.options.name = "tester";
    scenario.run([](Scenario& running) -> asio::awaitable<void> {
        auto connecting = running.start(running.client->connect(running.options));
        co_await running.server.accept();
        const auto hello = co_await running.server.receive(FrameType::hello);
        REQUIRE(hello.as<native::Hello>().client_name == "tester");
        REQUIRE(hello.as<native::Hello>().version_max == native::version);
        native::Welcome welcome;
        welcome.frame_bytes_max = 1U << 20U;
        co_await running.server.answer(hello, FrameType::welcome, welcome);
        co_await expect_success(connecting.result());
    });
}

TEST_CASE("Client: a connection that cannot be made says where to") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        const std::string begins = "no answer from 127.0.0.1:" + std::to_string(scenario.server.port()) + ": ";
        auto connecting = scenario.start(scenario.client->connect(scenario.options));
        co_await scenario.server.accept();
        scenario.server.drop_connection();
        auto outcome = co_await connecting.result();
        REQUIRE(outcome.error().code == Error::connection_lost);
        REQUIRE(outcome.error().text.starts_with(begins));
        scenario.options.connect_timeout = std::chrono::milliseconds(1);
        auto late = scenario.start(scenario.client->connect(scenario.options));
        outcome = co_await late.result();
        REQUIRE(outcome.error().code == Error::timed_out);
        REQUIRE(outcome.error().text == begins + "No answer came in time.");
        scenario.server.stop_listening();
        scenario.options.connect_timeout = std::chrono::seconds(60);
        auto refused = scenario.start(scenario.client->connect(scenario.options));
        outcome = co_await refused.result();
        REQUIRE(outcome.error().code == asio::error::connection_refused);
        REQUIRE(outcome.error().text == begins + "Connection refused");
    });
}

TEST_CASE("Client: connect passes the server's refusal on, and may be tried again") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        auto connecting = scenario.start(scenario.client->connect(scenario.options));
        co_await scenario.server.accept();
        co_await scenario.server.answer_error(co_await scenario.server.receive(FrameType::hello),
                                              Error::unsupported_version);
        co_await expect_failure(connecting.result(), Error::unsupported_version);
        co_await scenario.connect();
    });
}

TEST_CASE("Client: connect to where nobody listens is the system's error") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        scenario.server.stop_listening();
        const auto outcome = co_await scenario.client->connect(scenario.options);
        REQUIRE(outcome.error().code == asio::error::connection_refused);
    });
}

TEST_CASE("Client: a server that does not answer Hello is given up on") {
    Scenario scenario;
    scenario.options.connect_timeout = std::chrono::milliseconds(1);
    scenario.run([](Scenario& running) -> asio::awaitable<void> {
        const auto outcome = co_await running.client->connect(running.options);
        REQUIRE(outcome.error().code == Error::timed_out);
    });
}

TEST_CASE("Client: a request before connect says closed") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await expect_failure(scenario.client->ping(), Error::closed);
        co_await expect_failure(scenario.client->publish("hello", "a"), Error::closed);
    });
}

TEST_CASE("Client: create_topic sends the settings") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto creating = scenario.start(scenario.client->create_topic("hello", {.retention_ttl_ms = 10}));
        const auto request = co_await answer_ok(scenario, FrameType::create_topic);
        REQUIRE(request.as<native::CreateTopic>().name == "hello");
        REQUIRE(request.as<native::CreateTopic>().settings.retention_ttl_ms == 10);
        co_await expect_success(creating.result());
    });
}

TEST_CASE("Client: alter_topic names only what is to change") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        const TopicChange change{.compaction_window = std::chrono::milliseconds(20), .retention_records = 5};
        auto altering = scenario.start(scenario.client->alter_topic("hello", change));
        const auto request = (co_await answer_ok(scenario, FrameType::alter_topic)).as<native::AlterTopic>();
        REQUIRE(request.fields == (native::AlterTopic::compaction_window | native::AlterTopic::retention_records));
        REQUIRE(request.settings.compaction_window_ms == 20);
        REQUIRE(request.settings.retention_records == 5);
        co_await expect_success(altering.result());
    });
}

TEST_CASE("Client: a topic that was deleted is opened anew by the next publish") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto before = co_await scenario.open_publisher();
        auto deleting = scenario.start(scenario.client->delete_topic("hello"));
        co_await answer_ok(scenario, FrameType::delete_topic);
        co_await expect_success(deleting.result());
        REQUIRE(before.send("a") == Error::topic_deleted);
        auto publishing = scenario.start(scenario.client->publish("hello", "a"));
        co_await scenario.server.open_topic(9);
        const auto frame = co_await scenario.server.receive(FrameType::publish);
        REQUIRE(frame.header.handle == 9);
    });
}

TEST_CASE("Client: trim_topic says before what") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto trimming = scenario.start(scenario.client->trim_topic("hello", {77}));
        const auto request = co_await answer_ok(scenario, FrameType::trim_topic);
        REQUIRE(request.as<native::TrimTopic>().before == Offset{77});
        co_await expect_success(trimming.result());
    });
}

TEST_CASE("Client: list_topics asks until there are no more") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto listing = scenario.start(scenario.client->list_topics());
        const auto first = co_await scenario.server.receive(FrameType::list_topics);
        const native::TopicList page{.more = 1, .topics = {{.name = "a", .bytes = 3}}};
        co_await scenario.server.answer(first, FrameType::topic_list, page);
        const auto second = co_await scenario.server.receive(FrameType::list_topics);
        REQUIRE(second.as<native::ListTopics>().after == "a");
        const native::TopicList last{.topics = {{.name = "b"}}};
        co_await scenario.server.answer(second, FrameType::topic_list, last);
        const auto topics = (co_await listing.result()).value();
        REQUIRE(topics.size() == 2);
        REQUIRE(topics[0].bytes == 3);
        REQUIRE(topics[1].name == "b");
    });
}

TEST_CASE("Client: describe_topic passes on figures and positions") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto describing = scenario.start(scenario.client->describe_topic("hello"));
        const auto request = co_await scenario.server.receive(FrameType::describe_topic);
        const native::TopicDescription body{
            .name = "hello", .next = {4}, .settings = {}, .figures = {{"bytes", 128}}, .positions = {{"worker", {2}}}};
        co_await scenario.server.answer(request, FrameType::topic_description, body);
        const auto info = (co_await describing.result()).value();
        REQUIRE(info.bytes == 128);
        REQUIRE(info.next == Offset{4});
        REQUIRE(info.positions.at(0).second == Offset{2});
    });
}

TEST_CASE("Client: fetch gives records, what was missed and where to go on") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        const FetchOptions options{
            .from = From::offset({3}), .max_bytes = 100, .max_wait = std::chrono::milliseconds(9)};
        auto fetching = scenario.start(scenario.client->fetch("hello", options));
        co_await scenario.server.open_topic();
        const auto request = co_await scenario.server.receive(FrameType::fetch);
        REQUIRE(request.as<native::Fetch>().start.value == 3);
        REQUIRE(request.as<native::Fetch>().max_wait_ms == 9);
        const auto records = FakeServer::records(texts("a"), 5);
        const native::Fetched body{.epoch = {1},
                                   .missed_from = {3},
                                   .missed_to = {5},
                                   .first = {5},
                                   .next = {6},
                                   .end = {8},
                                   .records = records};
        co_await scenario.server.answer(request, FrameType::fetched, body);
        const auto result = (co_await fetching.result()).value();
        REQUIRE(payloads_of(result.delivery) == texts("a"));
        REQUIRE(result.missed.value().records() == 2);
        REQUIRE(result.next == Offset{6});
        REQUIRE(result.end == Offset{8});
    });
}

TEST_CASE("Client: fetch gives what comes before a damaged record, then a failure that names its offset") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto records = FakeServer::records(texts("one", "bad", "three"), 5);
        const std::size_t record_bytes = record_layout::header_bytes + 3;
        records.at(record_bytes + record_layout::header_bytes) = std::byte{'B'};
        native::Fetched body{.epoch = {1}, .first = {5}, .next = {8}, .end = {8}, .records = records};
        auto first = scenario.start(scenario.client->fetch("hello", From::offset({5})));
        co_await scenario.server.open_topic();
        const auto whole = co_await scenario.server.receive(FrameType::fetch);
        co_await scenario.server.answer(whole, FrameType::fetched, body);
        const auto result = (co_await first.result()).value();
        REQUIRE(payloads_of(result.delivery) == texts("one"));
        REQUIRE(result.next == Offset{6});

        auto second = scenario.start(scenario.client->fetch("hello", From::offset(result.next)));
        const auto rest = co_await scenario.server.receive(FrameType::fetch);
        body.records = Bytes(records).subspan(record_bytes);
        co_await scenario.server.answer(rest, FrameType::fetched, body);
        const auto outcome = co_await second.result();
        REQUIRE(outcome.error().code == Error::checksum_mismatch);
        REQUIRE(outcome.error().detail == 6);
    });
}

TEST_CASE("Client: fetch says what was missed before a damaged record, then fails") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto records = FakeServer::records(texts("bad"), 5);
        records.back() = std::byte{'D'};
        native::Fetched body{.epoch = {1},
                             .missed_from = {3},
                             .missed_to = {5},
                             .first = {5},
                             .next = {6},
                             .end = {6},
                             .records = records};
        auto first = scenario.start(scenario.client->fetch("hello", From::offset({3})));
        co_await scenario.server.open_topic();
        co_await scenario.server.answer(co_await scenario.server.receive(FrameType::fetch), FrameType::fetched, body);
        const auto outcome = co_await first.result();
        REQUIRE(outcome.has_value());
        REQUIRE(outcome->delivery.records().empty());
        REQUIRE(outcome->missed.value().from == Offset{3});
        REQUIRE(outcome->missed.value().to == Offset{5});
        REQUIRE(outcome->next == Offset{5});

        auto second = scenario.start(scenario.client->fetch("hello", From::offset(outcome->next)));
        body.missed_from = body.missed_to;
        co_await scenario.server.answer(co_await scenario.server.receive(FrameType::fetch), FrameType::fetched, body);
        co_await expect_failure(second.result(), Error::checksum_mismatch);
    });
}

TEST_CASE("Client: ping takes some time, and describe_server gives figures") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto pinging = scenario.start(scenario.client->ping());
        co_await scenario.server.answer_next(FrameType::ping, FrameType::pong);
        co_await expect_success(pinging.result());
        auto describing = scenario.start(scenario.client->describe_server());
        const auto request = co_await scenario.server.receive(FrameType::describe_server);
        const native::ServerDescription body{.server_version = "1.2", .figures = {{"topics", 3}}};
        co_await scenario.server.answer(request, FrameType::server_description, body);
        const auto info = (co_await describing.result()).value();
        REQUIRE(info.version == "1.2");
        REQUIRE(info.figures.at(0).second == 3);
    });
}

TEST_CASE("Client: an Error's code, sentence and detail reach the caller") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto creating = scenario.start(scenario.client->create_topic("hello"));
        const auto request = co_await scenario.server.receive(FrameType::create_topic);
        co_await scenario.server.answer_error(request, Error::topic_exists, "it has other settings", 3);
        const auto outcome = co_await creating.result();
        REQUIRE(outcome.error().code == Error::topic_exists);
        REQUIRE(outcome.error().text == "it has other settings");
        REQUIRE(outcome.error().detail == 3);
    });
}
