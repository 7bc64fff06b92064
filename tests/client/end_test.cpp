// How a client ends: close(), its destructor, and an io_context that goes first.
#include "fake_server.hpp"

using namespace leveret;
using namespace leveret::test;
using native::FrameType;

TEST_CASE("Client: close writes what is queued, waits for its acknowledgements and says Close") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto publisher = co_await scenario.open_publisher();
        bool acknowledged = false;
        REQUIRE(
            !publisher.send("a", [&](const Outcome<Acknowledgement>& outcome) { acknowledged = outcome.has_value(); }));
        auto closing = scenario.start(scenario.client->close());
        const auto frame = co_await scenario.server.receive(FrameType::publish);
        co_await scenario.settle();
        REQUIRE_FALSE(closing.is_done());
        co_await scenario.server.acknowledge(frame, 0);
        co_await scenario.server.answer_next(FrameType::close, FrameType::ok);
        co_await expect_success(closing.result());
        co_await scenario.server.wait_for_the_end();
        REQUIRE(acknowledged);
    });
}

TEST_CASE("Client: close ends a subscription after what it had received, without a failure") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        co_await scenario.server.deliver(texts("a"), 0);
        auto closing = scenario.start(scenario.client->close());
        co_await scenario.server.answer_next(FrameType::close, FrameType::ok);
        co_await expect_success(closing.result());
        co_await expect_records(subscription, texts("a"));
        co_await expect_closed(subscription);
    });
}

TEST_CASE("Client: a server that closes instead of answering Close is as good") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        auto closing = scenario.start(scenario.client->close());
        co_await scenario.server.receive(FrameType::close);
        scenario.server.drop_connection();
        co_await expect_success(closing.result());
        co_await expect_closed(subscription);
    });
}

TEST_CASE("Client: close says so where records could not be delivered") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto publishing = scenario.start(scenario.client->publish("hello", "a"));
        co_await scenario.server.open_topic();
        co_await scenario.server.receive(FrameType::publish);
        auto closing = scenario.start(scenario.client->close());
        co_await scenario.settle();
        scenario.server.drop_connection();
        co_await expect_failure(closing.result(), Error::connection_lost);
        co_await expect_failure(publishing.result(), Error::connection_lost);
    });
}

TEST_CASE("Client: close says so where the topic of a record could not be opened") {
    Scenario scenario;
    scenario.options.reconnect_delay_min = std::chrono::hours(1);
    scenario.options.reconnect_delay_max = std::chrono::hours(1);
    scenario.run([](Scenario& running) -> asio::awaitable<void> {
        co_await running.connect();
        running.server.drop_connection();
        co_await running.settle();
        auto publishing = running.start(running.client->publish("hello", "a"));
        co_await running.settle();
        co_await expect_failure(running.client->close(), Error::connection_lost);
        co_await expect_failure(publishing.result(), Error::closed);
    });
}

TEST_CASE("Client: after close everything says closed") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto publisher = co_await scenario.open_publisher();
        auto closing = scenario.start(scenario.client->close());
        co_await scenario.server.answer_next(FrameType::close, FrameType::ok);
        co_await closing.result();
        REQUIRE(publisher.send("a") == Error::closed);
        co_await expect_failure(scenario.client->publish("hello", "a"), Error::closed);
        co_await expect_failure(scenario.client->subscribe("hello"), Error::closed);
        co_await expect_failure(scenario.client->connect(scenario.options), Error::closed);
        co_await publisher.writable();
    });
}

TEST_CASE("Client: its end wakes everything that waits") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        auto publisher = Publisher((co_await scenario.client->publisher("hello")).value());
        auto receiving = scenario.start(subscription.next());
        auto pinging = scenario.start(scenario.client->ping());
        auto publishing = scenario.start(scenario.client->publish("hello", "a"));
        auto opening = scenario.start(scenario.client->publisher("other"));
        auto flushing = scenario.start(publisher.flush());
        co_await scenario.settle();
        scenario.client.reset();
        const Received received = co_await receiving.result();
        REQUIRE_FALSE(std::get<Closed>(received).failure.code);
        co_await expect_failure(pinging.result(), Error::closed);
        co_await expect_failure(publishing.result(), Error::closed);
        co_await expect_failure(opening.result(), Error::closed);
        co_await expect_failure(flushing.result(), Error::closed);
        REQUIRE(publisher.send("a") == Error::closed);
        co_await scenario.server.wait_for_the_end();
    });
}

TEST_CASE("Client: its end while it reconnects wakes everything that waits") {
    Scenario scenario;
    scenario.options.reconnect_delay_min = std::chrono::hours(1);
    scenario.options.reconnect_delay_max = std::chrono::hours(1);
    scenario.run([](Scenario& running) -> asio::awaitable<void> {
        co_await running.connect();
        running.server.drop_connection();
        co_await running.settle();
        auto pinging = running.start(running.client->ping());
        co_await running.settle();
        running.client.reset();
        co_await expect_failure(pinging.result(), Error::closed);
    });
}

TEST_CASE("Client: its end while it connects gives connect() an answer") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        auto connecting = scenario.start(scenario.client->connect(scenario.options));
        co_await scenario.server.accept();
        scenario.client.reset();
        co_await expect_failure(connecting.result(), Error::closed);
    });
}

TEST_CASE("Client: a coroutine that it wakes may end it") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        auto ending = [](Scenario& running, Subscription from) -> asio::awaitable<bool> {
            co_await from.next();
            running.client.reset();
            co_return true;
        };
        auto ended = scenario.start(ending(scenario, subscription));
        co_await scenario.settle();
        auto bytes = FakeServer::deliver_frame(texts("a"), 0);
        const auto more = FakeServer::deliver_frame(texts("b"), 1);
        bytes.insert(bytes.end(), more.begin(), more.end());
        co_await scenario.server.send(bytes);
        co_await ended.result();
        co_await expect_records(subscription, texts("b"));
        co_await expect_closed(subscription);
    });
}

TEST_CASE("Client: an io_context that ends first destroys the coroutines that wait") {
    static bool destroyed;
    destroyed = false;
    struct Witness {
        ~Witness() { destroyed = true; }
    };
    {
        asio::io_context io;
        FakeServer server(io);
        auto waiting = [](asio::io_context& on, FakeServer& with) -> asio::awaitable<void> {
            const Witness witness;
            Client client(on.get_executor());
            ClientOptions options;
            options.port = with.port();
            asio::co_spawn(on, with.welcome(), [](const std::exception_ptr&) {});
            co_await expect_success(client.connect(options));
            static_cast<void>(co_await client.ping());  // which nobody answers
        };
        asio::co_spawn(io, waiting(io, server), [](const std::exception_ptr&) {});
        for (int turn = 0; turn < 100; ++turn) {
            io.poll_one();
        }
        REQUIRE_FALSE(destroyed);
    }
    REQUIRE(destroyed);
}
