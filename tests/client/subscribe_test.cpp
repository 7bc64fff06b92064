// Deliveries on their way in.
#include "fake_server.hpp"

using namespace leveret;
using namespace leveret::test;
using native::FrameType;

TEST_CASE("Subscription: records arrive in order with their offsets") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        co_await scenario.server.deliver(texts("a", "b"), 5);
        const Received received = co_await subscription.next();
        REQUIRE(payloads_of(received) == texts("a", "b"));
        REQUIRE((*std::get<Delivery>(received).begin()).offset() == Offset{5});
        REQUIRE(std::get<Delivery>(received).epoch() == Epoch{1});
    });
}

TEST_CASE("Subscription: records in the same read as the answer to Subscribe are not lost") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscribing = scenario.start(scenario.client->subscribe("hello"));
        co_await scenario.server.open_topic();
        const auto request = co_await scenario.server.receive(FrameType::subscribe);
        auto bytes = FakeServer::frame(FrameType::subscribed, native::Subscribed{.id = topic_id(1), .epoch = {1}},
                                       request.header.correlation, subscription_handle);
        const auto deliver = FakeServer::deliver_frame(texts("a"), 0);
        bytes.insert(bytes.end(), deliver.begin(), deliver.end());
        co_await scenario.server.send(bytes);
        auto subscription = (co_await subscribing.result()).value();
        co_await expect_records(subscription, texts("a"));
    });
}

TEST_CASE("Subscription: a delivery that arrives in two parts, cut at any byte, arrives whole") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        const auto frame = FakeServer::deliver_frame(texts("a", "bc"), 0);
        for (std::size_t cut = 1; cut < frame.size(); ++cut) {
            const auto middle = frame.begin() + static_cast<std::ptrdiff_t>(cut);
            co_await scenario.server.send({frame.begin(), middle});
            co_await scenario.settle();
            REQUIRE_FALSE(subscription.try_next().has_value());
            co_await scenario.server.send({middle, frame.end()});
            co_await expect_records(subscription, texts("a", "bc"));
        }
    });
}

TEST_CASE("Subscription: try_next drains what is there and does not wait") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        auto bytes = FakeServer::deliver_frame(texts("a"), 0);
        const auto second = FakeServer::deliver_frame(texts("b"), 1);
        bytes.insert(bytes.end(), second.begin(), second.end());
        co_await scenario.server.send(bytes);
        co_await expect_records(subscription, texts("a"));
        REQUIRE(payloads_of(subscription.try_next().value()) == texts("b"));
        REQUIRE_FALSE(subscription.try_next().has_value());
    });
}

TEST_CASE("Subscription: a delivery stays as it is while many more arrive") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        const std::string large(100'000, 'a');
        co_await scenario.server.deliver(texts(large), 0);
        const Received kept = co_await subscription.next();
        for (std::uint64_t offset = 1; offset < 50; ++offset) {
            co_await scenario.server.deliver(texts(std::string(100'000, 'b')), offset);
            co_await expect_records(subscription, texts(std::string(100'000, 'b')));
        }
        REQUIRE(payloads_of(kept) == texts(large));
    });
}

TEST_CASE("Subscription: missed records are said where they are missing") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        const native::Lagged lagged{.epoch = {1}, .from = {3}, .to = {9}};
        co_await scenario.server.deliver(texts("a"), 2);
        co_await scenario.server.send(FakeServer::frame(FrameType::lagged, lagged, {}, subscription_handle));
        co_await scenario.server.deliver(texts("b"), 9);
        co_await expect_records(subscription, texts("a"));
        const Received missed = co_await subscription.next();
        REQUIRE(std::get<Missed>(missed).records() == 6);
        co_await expect_records(subscription, texts("b"));
    });
}

TEST_CASE("Subscription: says what it asks for") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        SubscribeOptions options{
            .from = From::position("worker"), .credit_records = 10, .commit_gives_credit = true, .filter_keys = {"k"}};
        auto subscribing = scenario.start(scenario.client->subscribe("hello", options));
        co_await scenario.server.open_topic();
        const auto frame = co_await scenario.server.start_subscription();
        const auto request = frame.as<native::Subscribe>();
        REQUIRE(frame.header.handle == topic_handle);
        REQUIRE(request.start.kind == native::Start::Kind::position);
        REQUIRE(request.start.position == "worker");
        REQUIRE(request.credit_records == 10);
        REQUIRE(request.credit_bytes == 0);
        REQUIRE(request.flags == native::Subscribe::commit_gives_credit);
        REQUIRE(request.filter_keys.size() == 1);
        REQUIRE(request.expected.id == topic_id(1));
        co_await subscribing.result();
    });
}

TEST_CASE("Subscription: the library's credit is what it may hold, and is given back as it is drained") {
    Scenario scenario;
    scenario.options.receive_queue_bytes_max = 1000;
    scenario.run([](Scenario& running) -> asio::awaitable<void> {
        co_await running.connect();
        auto subscribing = running.start(running.client->subscribe("hello"));
        co_await running.server.open_topic();
        const auto frame = co_await running.server.start_subscription();
        REQUIRE(frame.as<native::Subscribe>().credit_bytes == 1000);
        auto subscription = (co_await subscribing.result()).value();
        const std::string payload(300 - record_layout::header_bytes, 'x');
        co_await running.server.deliver(texts(payload), 0);
        co_await subscription.next();
        const auto grant = co_await running.server.receive(FrameType::grant);
        REQUIRE(grant.header.handle == subscription_handle);
        REQUIRE(grant.is_one_way());
        REQUIRE(grant.as<native::Grant>().bytes == 300);
    });
}

TEST_CASE("Subscription: one that nobody drains does not hold up acknowledgements") {
    Scenario scenario;
    scenario.options.receive_queue_bytes_max = 1000;
    scenario.run([](Scenario& running) -> asio::awaitable<void> {
        co_await running.connect();
        auto subscription = co_await running.subscribe();
        co_await running.server.deliver(texts(std::string(2000, 'x')), 0);
        auto publishing = running.start(running.client->publish("hello", "a"));
        co_await running.server.acknowledge(co_await running.server.receive(FrameType::publish), 1);
        co_await expect_success(publishing.result());
    });
}

TEST_CASE("Subscription: grant adds to a limited credit") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe(with_credit(1));
        subscription.grant(5);
        const auto grant = co_await scenario.server.receive(FrameType::grant);
        REQUIRE(grant.as<native::Grant>().records == 5);
    });
}

TEST_CASE("Subscription: commit moves the position that it was started from") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe(from_position("worker"));
        auto committing = scenario.start(subscription.commit({12}));
        const auto frame = co_await scenario.server.receive(FrameType::commit);
        REQUIRE(frame.header.handle == topic_handle);
        REQUIRE(frame.as<native::Commit>().position == "worker");
        REQUIRE(frame.as<native::Commit>().offset == Offset{12});
        co_await scenario.server.answer_ok(frame);
        co_await expect_success(committing.result());
    });
}

TEST_CASE("Subscription: commit without a position is refused") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        const auto outcome = co_await subscription.commit({12});
        REQUIRE(outcome.error().code == Error::bad_position_name);
    });
}

TEST_CASE("Subscription: commit to a topic that was deleted says so") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe(from_position("worker"));
        const native::ErrorAnswer deleted{.code = Error::topic_deleted, .text = "it was deleted"};
        co_await scenario.server.send(FakeServer::frame(FrameType::error, deleted, {}, subscription_handle));
        co_await expect_closed(subscription, Error::topic_deleted);
        co_await expect_failure(subscription.commit({12}), Error::topic_deleted);
    });
}

TEST_CASE("Subscription: seek drops what was received before its answer and nothing after it") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        co_await scenario.server.deliver(texts("before"), 0);
        auto seeking = scenario.start(subscription.seek(From::offset({100})));
        const auto request = co_await scenario.server.receive(FrameType::seek);
        REQUIRE(request.as<native::Seek>().start.value == 100);
        auto bytes = FakeServer::deliver_frame(texts("meanwhile"), 1);
        const native::Subscribed body{.id = topic_id(1), .epoch = {1}, .next = {100}};
        for (const auto& frame :
             {FakeServer::frame(FrameType::subscribed, body, request.header.correlation, subscription_handle),
              FakeServer::deliver_frame(texts("after"), 100)}) {
            bytes.insert(bytes.end(), frame.begin(), frame.end());
        }
        co_await scenario.server.send(bytes);
        co_await expect_success(seeking.result());
        co_await expect_records(subscription, texts("after"));
    });
}

TEST_CASE("Subscription: a seek that is refused drops nothing") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        co_await scenario.server.deliver(texts("before"), 0);
        auto seeking = scenario.start(subscription.seek(From::offset({100})));
        co_await scenario.server.answer_error(co_await scenario.server.receive(FrameType::seek),
                                              Error::offset_out_of_range);
        co_await expect_failure(seeking.result(), Error::offset_out_of_range);
        co_await expect_records(subscription, texts("before"));
    });
}

TEST_CASE("Subscription: after unsubscribe it is closed without a failure, and late deliveries are ignored") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        auto leaving = scenario.start(subscription.unsubscribe());
        const auto request = co_await scenario.server.receive(FrameType::unsubscribe);
        REQUIRE(request.header.handle == subscription_handle);
        co_await scenario.server.deliver(texts("late"), 0);
        co_await scenario.server.answer_ok(request);
        co_await expect_success(leaving.result());
        co_await expect_closed(subscription);
        co_await expect_closed(subscription);
    });
}

TEST_CASE("Subscription: one that is let go of is unsubscribed") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        { const auto subscription = co_await scenario.subscribe(); }
        const auto request = co_await scenario.server.receive(FrameType::unsubscribe);
        REQUIRE(request.header.handle == subscription_handle);
    });
}

TEST_CASE("Subscription: a deleted topic ends it with that reason, after what was delivered") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        co_await scenario.server.deliver(texts("last"), 0);
        const native::ErrorAnswer deleted{.code = Error::topic_deleted, .text = "it was deleted"};
        co_await scenario.server.send(FakeServer::frame(FrameType::error, deleted, {}, subscription_handle));
        co_await expect_records(subscription, texts("last"));
        co_await expect_closed(subscription, Error::topic_deleted);
    });
}

TEST_CASE("Subscription: a wait that is cancelled loses nothing") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        asio::cancellation_signal cancel;
        bool cancelled = false;
        asio::co_spawn(
            scenario.io, subscription.next(),
            asio::bind_cancellation_slot(cancel.slot(), [&](const std::exception_ptr& exception, const Received&) {
                cancelled = exception != nullptr;
            }));
        co_await scenario.settle();
        cancel.emit(asio::cancellation_type::terminal);
        co_await scenario.settle();
        REQUIRE(cancelled);
        co_await scenario.server.deliver(texts("a"), 0);
        co_await expect_records(subscription, texts("a"));
    });
}

TEST_CASE("Subscription: a handler gets what has come, what comes, and Closed last") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe();
        co_await scenario.server.deliver(texts("a"), 0);
        co_await scenario.settle();
        std::vector<std::string> got;
        subscription.on_received([&got](const Received& received) {
            if (std::holds_alternative<Closed>(received)) {
                got.emplace_back("closed");
            } else {
                const auto payloads = payloads_of(received);
                got.insert(got.end(), payloads.begin(), payloads.end());
            }
        });
        REQUIRE(got.empty());  // never within a call
        co_await scenario.server.deliver(texts("b", "c"), 1);
        co_await scenario.settle();
        REQUIRE(got == texts("a", "b", "c"));
        auto leaving = scenario.start(subscription.unsubscribe());
        co_await scenario.server.answer_next(FrameType::unsubscribe, FrameType::ok);
        REQUIRE((co_await leaving.result()).has_value());
        REQUIRE(got == texts("a", "b", "c", "closed"));
    });
}

TEST_CASE("Subscription: what one handler throws keeps nothing from the others, nor from itself") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto first = co_await scenario.subscribe();
        auto subscribing = scenario.start(scenario.client->subscribe("hello"));
        constexpr std::uint32_t second_handle = subscription_handle + 1;
        co_await scenario.server.start_subscription(second_handle);
        auto second = (co_await subscribing.result()).value();
        std::vector<std::string> got;
        const auto take_or_throw = [&got](const Received& received) {
            if (payloads_of(received) == texts("bad")) {
                throw HandlerFailure();
            }
            for (const std::string& payload : payloads_of(received)) {
                got.push_back(payload);
            }
        };
        first.on_received(take_or_throw);
        second.on_received(take_or_throw);
        std::vector<std::byte> bytes;  // in one read
        for (const auto& frame : {FakeServer::deliver_frame(texts("bad"), 0), FakeServer::deliver_frame(texts("a"), 1),
                                  FakeServer::deliver_frame(texts("b"), 0, second_handle)}) {
            bytes.insert(bytes.end(), frame.begin(), frame.end());
        }
        co_await scenario.server.send(bytes);
        co_await scenario.settle();
        REQUIRE(scenario.handler_failures == 1);
        REQUIRE(got == texts("b", "a"));
    });
}

TEST_CASE("Subscription: a handler may let go of its subscription, and hears nothing afterwards") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        std::optional<Subscription> subscription = co_await scenario.subscribe();
        int calls = 0;
        subscription->on_received([&](const Received& /*received*/) {
            ++calls;
            subscription.reset();
        });
        auto bytes = FakeServer::deliver_frame(texts("a"), 0);
        const auto second = FakeServer::deliver_frame(texts("b"), 1);
        bytes.insert(bytes.end(), second.begin(), second.end());
        co_await scenario.server.send(bytes);
        co_await scenario.settle();
        REQUIRE(calls == 1);
    });
}
