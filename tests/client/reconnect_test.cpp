// A connection is lost, and another one takes its place.
#include "fake_server.hpp"

using namespace leveret;
using namespace leveret::test;
using native::FrameType;

namespace {

Publisher::Acknowledged note(std::vector<std::uint64_t>& offsets) {
    return [&offsets](const Outcome<Acknowledgement>& outcome) {
        offsets.push_back(outcome ? outcome->offset.value : 999);
    };
}

}  // namespace

TEST_CASE("Reconnect: a subscription resumes after the last record that was received") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        co_await scenario.server.deliver(texts("a", "b"), 10);
        co_await expect_records(subscription, texts("a", "b"));
        scenario.server.drop_connection();
        co_await scenario.server.welcome();
        co_await scenario.server.open_topic();
        const auto request = (co_await scenario.server.start_subscription(71, 12)).as<native::Subscribe>();
        REQUIRE(request.start.kind == native::Start::Kind::offset);
        REQUIRE(request.start.value == 12);
        REQUIRE(request.expected.epoch == Epoch{1});
        co_await scenario.server.deliver(texts("c"), 12, 71);
        co_await expect_records(subscription, texts("c"));
    });
}

TEST_CASE("Reconnect: what was received and not yet asked for is kept, and not asked for again") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        co_await scenario.server.deliver(texts("kept"), 0);
        co_await scenario.settle();
        scenario.server.drop_connection();
        co_await scenario.server.welcome();
        co_await scenario.server.open_topic();
        const auto request = (co_await scenario.server.start_subscription()).as<native::Subscribe>();
        REQUIRE(request.start.value == 1);
        co_await expect_records(subscription, texts("kept"));
    });
}

TEST_CASE("Reconnect: one that has received nothing resumes where it had been placed") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscribing = scenario.start(scenario.client->subscribe("hello"));
        co_await scenario.server.open_topic();
        co_await scenario.server.start_subscription(subscription_handle, 33);
        const auto subscription = (co_await subscribing.result()).value();
        scenario.server.drop_connection();
        co_await scenario.server.welcome();
        co_await scenario.server.open_topic();
        const auto request = (co_await scenario.server.start_subscription()).as<native::Subscribe>();
        REQUIRE(request.start.kind == native::Start::Kind::offset);
        REQUIRE(request.start.value == 33);
    });
}

TEST_CASE("Reconnect: another topic of the same name is said, and read from its earliest record") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        co_await scenario.server.deliver(texts("old"), 10);
        co_await expect_records(subscription, texts("old"));
        scenario.server.drop_connection();
        co_await scenario.server.welcome();
        co_await scenario.server.open_topic(topic_handle, 2, 5);
        const auto request = (co_await scenario.server.start_subscription()).as<native::Subscribe>();
        REQUIRE(request.start.kind == native::Start::Kind::earliest);
        REQUIRE(request.expected.id == topic_id(2));
        co_await scenario.server.deliver(texts("new"), 0);
        const auto changed = std::get<TopicChanged>(co_await subscription.next());
        REQUIRE(changed.id == topic_id(2));
        REQUIRE(changed.epoch == Epoch{5});
        co_await expect_records(subscription, texts("new"));
    });
}

TEST_CASE("Reconnect: an offset of the topic before is not committed to the one that took its place") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe(from_position("worker"));
        co_await scenario.server.deliver(texts("old"), 10);
        co_await expect_records(subscription, texts("old"));
        scenario.server.drop_connection();
        co_await scenario.server.welcome();
        co_await scenario.server.open_topic(topic_handle, 2, 5);
        co_await scenario.server.start_subscription();
        for (std::uint8_t id = 1; id <= 2; ++id) {  // before and after its user is told
            auto committing = scenario.start(subscription.commit({11}));
            const auto request = co_await scenario.server.receive(FrameType::commit);
            REQUIRE(request.as<native::Commit>().expected.id == topic_id(id));
            co_await scenario.server.answer_ok(request);
            co_await committing.result();
            static_cast<void>(subscription.try_next());
        }
    });
}

TEST_CASE("Reconnect: a commit that waits for the new connection is for the topic that its offset is of") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe(from_position("worker"));
        bool is_told = false;
        subscription.on_received(
            [&is_told](const Received& what) { is_told = is_told || std::holds_alternative<TopicChanged>(what); });
        scenario.server.drop_connection();
        co_await scenario.settle();
        auto committing = scenario.start(subscription.commit({11}));
        co_await scenario.server.welcome();
        co_await scenario.server.open_topic(topic_handle, 2, 5);
        const auto request = co_await scenario.server.receive(FrameType::subscribe);
        co_await scenario.settle();
        REQUIRE(is_told);
        const native::Subscribed body{.id = topic_id(2), .epoch = {5}, .next = {0}};
        co_await scenario.server.answer(request, FrameType::subscribed, body, 80);
        const auto commit = co_await scenario.server.receive(FrameType::commit);
        REQUIRE(commit.as<native::Commit>().expected.id == topic_id(1));
        co_await scenario.server.answer_error(commit, Error::topic_changed);
        co_await expect_failure(committing.result(), Error::topic_changed);
    });
}

TEST_CASE("Reconnect: publishes that were not acknowledged are sent again, in order, under the topic's new handle") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto publisher = co_await scenario.open_publisher();
        std::vector<std::uint64_t> offsets;
        REQUIRE(!publisher.send("a", note(offsets)));
        const auto first = co_await scenario.server.receive(FrameType::publish);
        REQUIRE(!publisher.send("b", note(offsets)));
        co_await scenario.server.receive(FrameType::publish);
        REQUIRE(!publisher.send("c", note(offsets)));
        co_await scenario.server.receive(FrameType::publish);
        co_await scenario.server.acknowledge(first, 0);
        co_await scenario.settle();
        scenario.server.drop_connection();
        co_await scenario.server.welcome();
        co_await scenario.server.open_topic(99);
        for (const char* payload : {"b", "c"}) {
            const auto again = co_await scenario.server.receive(FrameType::publish);
            REQUIRE(again.payloads() == texts(payload));
            REQUIRE(again.header.handle == 99);
            co_await scenario.server.acknowledge(again, payload[0] == 'b' ? 1 : 2);
        }
        co_await expect_success(publisher.flush());
        co_await scenario.settle();
        REQUIRE(offsets == std::vector<std::uint64_t>{0, 1, 2});
    });
}

TEST_CASE("Reconnect: an awaited publish survives") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto publishing = scenario.start(scenario.client->publish("hello", "a"));
        co_await scenario.server.open_topic();
        co_await scenario.server.receive(FrameType::publish);
        scenario.server.drop_connection();
        co_await scenario.server.welcome();
        co_await scenario.server.open_topic();
        co_await scenario.server.acknowledge(co_await scenario.server.receive(FrameType::publish), 6);
        const auto outcome = co_await publishing.result();
        REQUIRE(outcome.value().offset == Offset{6});
    });
}

TEST_CASE("Reconnect: a publish whose topic was still being opened survives") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto publishing = scenario.start(scenario.client->publish("hello", "a"));
        co_await scenario.server.receive(FrameType::open_topic);
        scenario.server.drop_connection();
        co_await scenario.server.welcome();
        co_await scenario.server.open_topic();
        co_await scenario.server.acknowledge(co_await scenario.server.receive(FrameType::publish), 6);
        const auto outcome = co_await publishing.result();
        REQUIRE(outcome.value().offset == Offset{6});
    });
}

TEST_CASE(
    "Reconnect: records that are sent in the meantime leave afterwards; one-way ones that had left do not again") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto publisher = co_await scenario.open_publisher();
        REQUIRE(!publisher.send("left"));
        co_await scenario.server.receive(FrameType::publish);
        scenario.server.drop_connection();
        co_await scenario.settle();
        REQUIRE(!publisher.send("meanwhile"));
        co_await scenario.server.welcome();
        co_await scenario.server.open_topic(8);
        const auto frame = co_await scenario.server.receive(FrameType::publish);
        REQUIRE(frame.payloads() == texts("meanwhile"));
        REQUIRE(frame.header.handle == 8);
    });
}

TEST_CASE("Reconnect: an attempt that breaks half way leaves the queue as it was") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto publisher = co_await scenario.open_publisher();
        std::vector<std::uint64_t> offsets;
        REQUIRE(!publisher.send("a", note(offsets)));
        co_await scenario.server.receive(FrameType::publish);
        auto subscribing = scenario.start(scenario.client->subscribe("hello"));
        co_await scenario.server.start_subscription();
        const auto subscription = (co_await subscribing.result()).value();
        scenario.server.drop_connection();
        co_await scenario.server.welcome();
        co_await scenario.server.open_topic(21);
        co_await scenario.server.receive(FrameType::subscribe);
        scenario.server.drop_connection();
        co_await scenario.server.welcome();
        co_await scenario.server.open_topic(22);
        co_await scenario.server.start_subscription();
        const auto again = co_await scenario.server.receive(FrameType::publish);
        REQUIRE(again.payloads() == texts("a"));
        REQUIRE(again.header.handle == 22);
    });
}

TEST_CASE("Reconnect: a server that has no room for a topic yet is come back to") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        auto publishing = scenario.start(scenario.client->publish("hello", "a"));
        co_await scenario.server.receive(FrameType::publish);
        scenario.server.drop_connection();
        for (const Error full : {Error::memory_full, Error::topic_busy}) {
            co_await scenario.server.welcome();
            co_await scenario.server.answer_error(co_await scenario.server.receive(FrameType::open_topic), full);
            co_await scenario.server.wait_for_the_end();
        }
        co_await scenario.server.welcome();
        co_await scenario.server.open_topic();
        co_await scenario.server.start_subscription();
        co_await scenario.server.acknowledge(co_await scenario.server.receive(FrameType::publish), 6);
        const auto outcome = co_await publishing.result();
        REQUIRE(outcome.value().offset == Offset{6});
        co_await scenario.server.deliver(texts("a"), 0);
        co_await expect_records(subscription, texts("a"));
    });
}

TEST_CASE("Reconnect: a server that has no room for a subscription yet is come back to") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        scenario.server.drop_connection();
        co_await scenario.server.welcome();
        co_await scenario.server.open_topic();
        const auto request = co_await scenario.server.receive(FrameType::subscribe);
        co_await scenario.server.answer_error(request, Error::memory_full);
        co_await scenario.server.wait_for_the_end();
        co_await scenario.server.welcome();
        co_await scenario.server.open_topic();
        co_await scenario.server.start_subscription();
        co_await scenario.server.deliver(texts("a"), 0);
        co_await expect_records(subscription, texts("a"));
    });
}

TEST_CASE("Reconnect: a topic that is new to a server without room fails, and does not hold up the others") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        scenario.server.drop_connection();
        co_await scenario.settle();
        auto publishing = scenario.start(scenario.client->publish("hello", "a"));
        auto pinging = scenario.start(scenario.client->ping());
        co_await scenario.server.welcome();
        const auto request = co_await scenario.server.receive(FrameType::open_topic);
        co_await scenario.server.answer_error(request, Error::memory_full);
        co_await expect_failure(publishing.result(), Error::memory_full);
        co_await scenario.server.answer_next(FrameType::ping, FrameType::pong);
        co_await expect_success(pinging.result());
    });
}

TEST_CASE("Reconnect: credit that is granted after an attempt broke half way waits for the next Subscribe") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto first = co_await scenario.subscribe(with_credit(1));
        const auto one = with_credit(1);
        auto subscribing = scenario.start(scenario.client->subscribe("hello", one));
        co_await scenario.server.start_subscription(71);
        auto second = (co_await subscribing.result()).value();
        scenario.server.drop_connection();
        co_await scenario.server.welcome();
        co_await scenario.server.open_topic();
        co_await scenario.server.start_subscription();
        co_await scenario.server.receive(FrameType::subscribe);
        scenario.server.drop_connection();
        co_await scenario.server.accept();
        const auto hello = co_await scenario.server.receive(FrameType::hello);
        first.grant(5);
        second.grant(5);
        native::Welcome welcome;
        welcome.frame_bytes_max = 1U << 20U;
        co_await scenario.server.answer(hello, FrameType::welcome, welcome);
        co_await scenario.server.open_topic();
        for (const std::uint32_t handle : {80U, 81U}) {
            const auto request = (co_await scenario.server.start_subscription(handle)).as<native::Subscribe>();
            REQUIRE(request.credit_records == 6);
        }
    });
}

TEST_CASE("Reconnect: a request in flight fails with connection_lost, the next one waits for the new connection") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto lost = scenario.start(scenario.client->ping());
        co_await scenario.server.receive(FrameType::ping);
        scenario.server.drop_connection();
        co_await expect_failure(lost.result(), Error::connection_lost);
        auto waiting = scenario.start(scenario.client->ping());
        co_await scenario.server.welcome();
        co_await scenario.server.answer_next(FrameType::ping, FrameType::pong);
        co_await expect_success(waiting.result());
    });
}

TEST_CASE("Reconnect: credit that is left is asked for again, never none at all") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe(with_credit(3));
        co_await scenario.server.deliver(texts("a"), 0);
        co_await subscription.next();
        for (const std::uint64_t left : {2U, 1U}) {
            scenario.server.drop_connection();
            co_await scenario.server.welcome();
            co_await scenario.server.open_topic();
            const auto request = (co_await scenario.server.start_subscription()).as<native::Subscribe>();
            REQUIRE(request.credit_records == left);
            co_await scenario.server.deliver(texts("b", "c"), 1);
            co_await subscription.next();
        }
    });
}

TEST_CASE("Reconnect: a subscription that its user leaves meanwhile is unsubscribed on the new connection") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        scenario.server.drop_connection();
        co_await scenario.server.welcome();
        co_await scenario.server.open_topic();
        const auto request = co_await scenario.server.receive(FrameType::subscribe);
        co_await expect_success(subscription.unsubscribe());
        native::Subscribed body;
        body.id = topic_id(1);
        co_await scenario.server.answer(request, FrameType::subscribed, body, 72);
        const auto leaving = co_await scenario.server.receive(FrameType::unsubscribe);
        REQUIRE(leaving.header.handle == 72);
        co_await expect_closed(subscription);
    });
}

TEST_CASE("Reconnect: one that its user leaves while others are still put back in place is unsubscribed, too") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto first = co_await scenario.subscribe();
        auto subscribing = scenario.start(scenario.client->subscribe("hello"));
        co_await scenario.server.start_subscription(71);
        auto second = (co_await subscribing.result()).value();
        scenario.server.drop_connection();
        co_await scenario.server.welcome();
        co_await scenario.server.open_topic();
        co_await scenario.server.start_subscription(80);
        const auto request = co_await scenario.server.receive(FrameType::subscribe);
        co_await scenario.settle();
        auto leaving = scenario.start(first.unsubscribe());
        auto leaving_too = scenario.start(second.unsubscribe());
        const native::Subscribed body{.id = topic_id(1), .epoch = {1}, .next = {0}};
        co_await scenario.server.answer(request, FrameType::subscribed, body, 81);
        for (const std::uint32_t handle : {80U, 81U}) {
            const auto unsubscribe = co_await scenario.server.receive(FrameType::unsubscribe);
            REQUIRE(unsubscribe.header.handle == handle);
            co_await scenario.server.answer_ok(unsubscribe);
        }
        co_await expect_success(leaving.result());
        co_await expect_success(leaving_too.result());
    });
}

TEST_CASE("Reconnect: one that meets a damaged record before everything is back in place is unsubscribed, too") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        scenario.server.drop_connection();
        co_await scenario.server.welcome();
        co_await scenario.server.open_topic();
        const auto request = co_await scenario.server.receive(FrameType::subscribe);
        const native::Subscribed body{.id = topic_id(1), .epoch = {1}, .next = {0}};
        auto frames = FakeServer::frame(FrameType::subscribed, body, request.header.correlation, 80);
        auto deliver = FakeServer::deliver_frame(texts("bad"), 0, 80);
        deliver.back() = std::byte{'D'};
        frames.insert(frames.end(), deliver.begin(), deliver.end());
        auto pinging = scenario.start(scenario.client->ping());
        co_await scenario.server.send(std::move(frames));
        co_await expect_closed(subscription, Error::checksum_mismatch);
        const auto unsubscribe = co_await scenario.server.receive(FrameType::unsubscribe);
        REQUIRE(unsubscribe.header.handle == 80);
    });
}

TEST_CASE("Reconnect: a server that says it stops is come back to") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        const native::ErrorAnswer stopping{.code = Error::shutting_down, .text = "bye"};
        co_await scenario.server.send(FakeServer::frame(FrameType::error, stopping));
        scenario.server.drop_connection();
        co_await scenario.server.welcome();
        co_await scenario.settle();
        auto pinging = scenario.start(scenario.client->ping());
        co_await scenario.server.answer_next(FrameType::ping, FrameType::pong);
        co_await expect_success(pinging.result());
    });
}

TEST_CASE("Reconnect: without it everything that waits gets connection_lost") {
    Scenario scenario;
    scenario.options.reconnect = false;
    scenario.run([](Scenario& running) -> asio::awaitable<void> {
        co_await running.connect();
        auto subscription = co_await running.subscribe();
        auto publishing = running.start(running.client->publish("hello", "a"));
        co_await running.server.receive(FrameType::publish);
        running.server.drop_connection();
        co_await expect_failure(publishing.result(), Error::connection_lost);
        co_await expect_closed(subscription, Error::connection_lost);
        co_await expect_failure(running.client->ping(), Error::connection_lost);
    });
}

TEST_CASE("Reconnect: credit that is granted while the Subscribe is unanswered follows its answer") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe(with_credit(1));
        scenario.server.drop_connection();
        co_await scenario.server.welcome();
        co_await scenario.server.open_topic();
        const auto request = co_await scenario.server.receive(FrameType::subscribe);
        subscription.grant(5);
        const native::Subscribed body{.id = topic_id(1), .epoch = {1}, .next = {0}};
        co_await scenario.server.answer(request, FrameType::subscribed, body, 71);
        const auto grant = co_await scenario.server.receive(FrameType::grant);
        REQUIRE(grant.header.handle == 71);
        REQUIRE(grant.as<native::Grant>().records == 5);
    });
}
