// The client for those who do not know coroutines; the server has a thread of its own.
#include "leveret/blocking_client.hpp"

#include <thread>

#include "fake_server.hpp"

using namespace leveret;
using namespace leveret::test;
using native::FrameType;

namespace {

/// Runs a script of the server on another thread while the test calls the client.
class ServedScript {
  public:
    explicit ServedScript(asio::awaitable<void> (*script)(FakeServer&)) {
        asio::co_spawn(io_, script(server_), [this](const std::exception_ptr& exception) {
            if (exception) {  // the test sees its connection end
                server_.drop_connection();
                server_.stop_listening();
            }
        });
        thread_ = std::thread([this] { io_.run_for(std::chrono::seconds(60)); });
    }
    ~ServedScript() { thread_.join(); }
    ServedScript(const ServedScript&) = delete;
    ServedScript& operator=(const ServedScript&) = delete;

    ClientOptions options() const {
        ClientOptions options;
        options.port = port_;
        options.reconnect = false;
        return options;
    }

  private:
    asio::io_context io_;
    FakeServer server_{io_};
    std::uint16_t port_ = server_.port();
    std::thread thread_;
};

}  // namespace

TEST_CASE("BlockingClient: publish waits for the acknowledgement") {
    const ServedScript script([](FakeServer& server) -> asio::awaitable<void> {
        co_await server.welcome();
        co_await server.open_topic();
        const auto frame = co_await server.receive(FrameType::publish);
        co_await server.acknowledge(frame, 4);
        co_await server.wait_for_the_end();
    });
    BlockingClient client;
    REQUIRE(client.connect(script.options()).has_value());
    REQUIRE(client.publish("hello", "message").value().offset == Offset{4});
}

TEST_CASE("BlockingClient: next returns what is delivered, in order, and nothing when the time is over") {
    const ServedScript script([](FakeServer& server) -> asio::awaitable<void> {
        co_await server.welcome();
        co_await server.open_topic();
        co_await server.start_subscription();
        co_await server.receive(FrameType::ping);
        co_await server.deliver(texts("a"), 0);
        co_await server.deliver(texts("b"), 1);
        co_await server.wait_for_the_end();
    });
    BlockingClient client;
    REQUIRE(client.connect(script.options()).has_value());
    auto subscription = client.subscribe("hello").value();
    REQUIRE_FALSE(subscription.next(std::chrono::milliseconds(1)).has_value());
    std::thread pinging([&] { static_cast<void>(client.ping()); });
    REQUIRE(payloads_of(subscription.next()) == texts("a"));
    REQUIRE(payloads_of(subscription.next(std::chrono::seconds(60)).value()) == texts("b"));
    { const BlockingClient ended = std::move(client); }
    pinging.join();
    REQUIRE(std::holds_alternative<Closed>(subscription.next()));
    REQUIRE(std::holds_alternative<Closed>(subscription.next()));
}

TEST_CASE("BlockingClient: its end wakes a thread that waits") {
    const ServedScript script([](FakeServer& server) -> asio::awaitable<void> {
        co_await server.welcome();
        co_await server.open_topic();
        co_await server.start_subscription();
        co_await server.wait_for_the_end();
    });
    std::optional<BlockingClient> client(std::in_place);
    REQUIRE(client->connect(script.options()).has_value());
    auto subscription = client->subscribe("hello").value();
    bool closed = false;
    std::thread waiting([&] { closed = std::holds_alternative<Closed>(subscription.next()); });
    client.reset();
    waiting.join();
    REQUIRE(closed);
}

TEST_CASE("BlockingPublisher: records travel many at a time, in order") {
    const ServedScript script([](FakeServer& server) -> asio::awaitable<void> {
        co_await server.welcome();
        co_await server.open_topic();
        std::vector<std::string> received;
        while (received.size() < 3) {
            const auto frame = co_await server.receive(FrameType::publish);
            for (const std::string& payload : frame.payloads()) {
                received.push_back(payload);
            }
        }
        co_await server.answer_next(FrameType::close,
                                    received == texts("a", "b", "c") ? FrameType::ok : FrameType::pong);
        co_await server.wait_for_the_end();
    });
    BlockingClient client;
    REQUIRE(client.connect(script.options()).has_value());
    auto publisher = client.publisher("hello").value();
    for (const char* payload : {"a", "b", "c"}) {
        REQUIRE(publisher.send(payload).has_value());
    }
    REQUIRE(publisher.flush().has_value());
    REQUIRE(client.close().has_value());
    REQUIRE(publisher.send("d").has_value());  // gathered
    REQUIRE(publisher.flush().error().code == Error::closed);
}

TEST_CASE("BlockingClient: records that are missed while next waits with a time limit are told") {
    const ServedScript script([](FakeServer& server) -> asio::awaitable<void> {
        co_await server.welcome();
        co_await server.open_topic();
        co_await server.start_subscription();
        co_await server.receive(FrameType::ping);
        const native::Lagged lagged{.epoch = {1}, .from = {3}, .to = {9}};
        co_await server.send(FakeServer::frame(FrameType::lagged, lagged, {}, subscription_handle));
        co_await server.wait_for_the_end();
    });
    BlockingClient client;
    REQUIRE(client.connect(script.options()).has_value());
    auto subscription = client.subscribe("hello").value();
    std::thread pinging([&] { static_cast<void>(client.ping()); });
    const auto received = subscription.next(std::chrono::seconds(60));
    { const BlockingClient ended = std::move(client); }
    pinging.join();
    REQUIRE(received.has_value());
    REQUIRE(std::get<Missed>(*received).records() == 6);
}

TEST_CASE("BlockingClient: an offset of the topic before is not committed to the one that took its place") {
    const ServedScript script([](FakeServer& server) -> asio::awaitable<void> {
        co_await server.welcome();
        co_await server.open_topic();
        co_await server.start_subscription();
        co_await server.receive(FrameType::ping);
        co_await server.deliver(texts("old"), 10);
        server.drop_connection();
        co_await server.welcome();
        co_await server.open_topic(topic_handle, 2, 5);
        co_await server.start_subscription();
        co_await server.answer_next(FrameType::ping, FrameType::pong);
        co_await server.receive();
        server.drop_connection();
        server.stop_listening();
    });
    ClientOptions options = script.options();
    options.reconnect = true;
    BlockingClient client;
    REQUIRE(client.connect(options).has_value());
    auto subscription = client.subscribe("hello", from_position("worker")).value();
    REQUIRE(client.ping().error().code == Error::connection_lost);
    REQUIRE(client.ping().has_value());
    REQUIRE(payloads_of(subscription.next()) == texts("old"));
    REQUIRE(subscription.commit({11}).error().code == Error::topic_changed);
    SECTION("it is told") {
        REQUIRE(std::holds_alternative<TopicChanged>(subscription.next()));
    }
    SECTION("it is left before that") {
        static_cast<void>(subscription.unsubscribe());
        REQUIRE(subscription.commit({11}).error().code == Error::topic_changed);
    }
}
