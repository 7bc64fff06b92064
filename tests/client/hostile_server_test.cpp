// A server that sends what it may not: the client ends with a reason, and nothing worse happens.
#include <cstring>

#include "fake_server.hpp"

using namespace leveret;
using namespace leveret::test;
using native::FrameType;

namespace {

/// Whatever the server sent, the client has ended, and says this.
asio::awaitable<void> expect_end(Scenario& scenario, Error code) {
    co_await scenario.server.wait_for_the_end();
    const auto outcome = co_await scenario.client->ping();
    REQUIRE(outcome.error().code == code);
    REQUIRE_FALSE(outcome.error().text.empty());
}

/// A client with a subscription, to which the server sends these bytes.
asio::awaitable<Subscription> send_to_subscriber(Scenario& scenario, std::vector<std::byte> bytes) {
    co_await scenario.connect();
    auto subscription = co_await scenario.subscribe();
    co_await scenario.server.send(std::move(bytes));
    co_return subscription;
}

std::vector<std::byte> with_byte(std::vector<std::byte> bytes, std::size_t at, int value) {
    bytes.at(at) = static_cast<std::byte>(value);
    return bytes;
}

constexpr std::size_t first_record_at = native::header_bytes + native::Deliver::prefix_bytes;

}  // namespace

TEST_CASE("Hostile server: a frame shorter than its header") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        co_await scenario.server.send(std::vector<std::byte>(16));
        co_await expect_end(scenario, Error::bad_frame);
    });
}

TEST_CASE("Hostile server: a frame that is said to be huge") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        co_await scenario.server.send(std::vector<std::byte>(16, std::byte{0x7F}));
        co_await expect_end(scenario, Error::frame_too_large);
    });
}

TEST_CASE("Hostile server: an answer that nobody asked for") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        const Correlation unknown{1234};
        co_await scenario.server.send(FakeServer::frame(FrameType::ok, native::RawBody(), unknown));
        co_await expect_end(scenario, Error::bad_frame);
    });
}

TEST_CASE("Hostile server: an answer of the wrong type") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto pinging = scenario.start(scenario.client->ping());
        co_await scenario.server.answer_next(FrameType::ping, FrameType::ok);
        co_await expect_failure(pinging.result(), Error::bad_frame);
        co_await expect_end(scenario, Error::bad_frame);
    });
}

TEST_CASE("Hostile server: an acknowledgement of nothing") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        const native::Published nothing;
        const Correlation first_publish{0x4000'0000};
        co_await scenario.server.send(FakeServer::frame(FrameType::published, nothing, first_publish));
        co_await expect_end(scenario, Error::bad_frame);
    });
}

TEST_CASE("Hostile server: an acknowledgement that counts or names records that were not sent") {
    const std::vector<native::Published> wrong{{.accepted = 3},
                                               {.accepted = 0, .duplicates = {0}},
                                               {.accepted = 1, .duplicates = {2}},
                                               {.duplicates = {1, 1}}};
    for (const native::Published& answer : wrong) {
        static native::Published body;
        body = answer;
        Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
            co_await scenario.connect();
            const std::vector<Message> messages{"a", "b"};
            auto publishing = scenario.start(scenario.client->publish_batch("hello", messages));
            co_await scenario.server.open_topic();
            co_await scenario.server.answer(co_await scenario.server.receive(FrameType::publish), FrameType::published,
                                            body);
            co_await expect_failure(publishing.result(), Error::bad_frame);
            co_await expect_end(scenario, Error::bad_frame);
        });
    }
}

TEST_CASE("Hostile server: a Deliver without records") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        const std::vector<std::byte> prefix(native::Deliver::prefix_bytes);
        const native::RawBody body{prefix};
        const auto subscription =
            co_await send_to_subscriber(scenario, FakeServer::frame(FrameType::deliver, body, {}, subscription_handle));
        co_await expect_end(scenario, Error::bad_frame);
    });
}

TEST_CASE("Hostile server: a record that reaches behind its frame, or is shorter than its parts") {
    for (const int size : {0, 1, 31, 32, 60, 255}) {
        static int claimed;
        claimed = size;
        Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
            auto frame = FakeServer::deliver_frame(texts("payload"), 0);
            frame = with_byte(std::move(frame), first_record_at, claimed);
            auto subscription = co_await send_to_subscriber(scenario, std::move(frame));
            const auto closed = std::get<Closed>(co_await subscription.next());
            REQUIRE((closed.failure.code == Error::bad_frame || closed.failure.code == Error::checksum_mismatch));
        });
    }
}

TEST_CASE("Hostile server: a changed byte in a record ends the subscription, and only that") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        auto frame = FakeServer::deliver_frame(texts("payload"), 0);
        frame = with_byte(std::move(frame), first_record_at + record_layout::header_bytes, 'P');
        auto subscription = co_await send_to_subscriber(scenario, std::move(frame));
        co_await expect_closed(subscription, Error::checksum_mismatch);
        co_await scenario.server.receive(FrameType::unsubscribe);
        auto pinging = scenario.start(scenario.client->ping());
        co_await scenario.server.answer_next(FrameType::ping, FrameType::pong);
        co_await expect_success(pinging.result());
    });
}

TEST_CASE("Hostile server: what comes before a damaged record is handed over, and the failure says where to go on") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        auto frame = FakeServer::deliver_frame(texts("one", "bad", "three"), 7);
        const std::size_t record_bytes = record_layout::header_bytes + 3;
        frame = with_byte(std::move(frame), first_record_at + record_bytes + record_layout::header_bytes, 'B');
        auto subscription = co_await send_to_subscriber(scenario, std::move(frame));
        co_await expect_records(subscription, texts("one"));
        const auto closed = std::get<Closed>(co_await subscription.next());
        REQUIRE(closed.failure.code == Error::checksum_mismatch);
        REQUIRE(closed.failure.detail == 8);
        REQUIRE(closed.failure.text.find("offset 8 ") != std::string::npos);
    });
}

TEST_CASE("Hostile server: what comes before a damaged record can be committed, and the offset behind that record") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto subscription = co_await scenario.subscribe(from_position("worker"));
        auto frame = FakeServer::deliver_frame(texts("one", "bad"), 7);
        frame.back() = std::byte{'D'};
        co_await scenario.server.send(std::move(frame));
        co_await scenario.server.receive(FrameType::unsubscribe);
        co_await expect_records(subscription, texts("one"));
        const auto closed = std::get<Closed>(co_await subscription.next());
        REQUIRE(closed.failure.detail == 8);
        for (const Offset done : {Offset{8}, Offset{closed.failure.detail + 1}}) {
            auto committing = scenario.start(subscription.commit(done));
            const auto request = co_await scenario.server.receive(FrameType::commit);
            REQUIRE(request.header.handle == topic_handle);
            REQUIRE(request.as<native::Commit>().position == "worker");
            REQUIRE(request.as<native::Commit>().offset == done);
            co_await scenario.server.answer_ok(request);
            co_await expect_success(committing.result());
        }
    });
}

TEST_CASE("Hostile server: checksums are not looked at where that is not wanted") {
    Scenario scenario;
    scenario.options.verify_checksums = false;
    scenario.run([](Scenario& running) -> asio::awaitable<void> {
        auto frame = FakeServer::deliver_frame(texts("payload"), 0);
        frame = with_byte(std::move(frame), first_record_at + record_layout::header_bytes, 'P');
        auto subscription = co_await send_to_subscriber(running, std::move(frame));
        co_await expect_records(subscription, texts("Payload"));
    });
}

TEST_CASE("Hostile server: one that delivers without credit cannot make the client hold all of it") {
    Scenario scenario;
    scenario.options.receive_queue_bytes_max = 1000;
    scenario.run([](Scenario& running) -> asio::awaitable<void> {
        co_await running.connect();
        const auto subscription = co_await running.subscribe();
        for (std::uint64_t offset = 0; offset < 3; ++offset) {
            co_await running.server.deliver(texts(std::string(900'000, 'x')), offset);
        }
        co_await expect_end(running, Error::bad_frame);
    });
}

TEST_CASE("Hostile server: every byte of a Deliver changed in turn does no harm") {
    const std::size_t bytes = FakeServer::deliver_frame(texts("a", "b"), 0).size();
    for (std::size_t at = 0; at < bytes; ++at) {
        static std::size_t changed;
        changed = at;
        Scenario scenario;
        scenario.options.reconnect = false;
        scenario.run([](Scenario& running) -> asio::awaitable<void> {
            auto frame = FakeServer::deliver_frame(texts("a", "b"), 0);
            frame = with_byte(std::move(frame), changed, 0xA5);
            auto subscription = co_await send_to_subscriber(running, std::move(frame));
            co_await running.settle();
            running.server.drop_connection();
            Received last = co_await subscription.next();
            while (!std::holds_alternative<Closed>(last)) {
                last = co_await subscription.next();
            }
        });
    }
}

TEST_CASE("Hostile server: a subscription's answer and other bodies that cannot be read") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto opening = scenario.start(scenario.client->publisher("hello"));
        const auto request = co_await scenario.server.receive(FrameType::open_topic);
        co_await scenario.server.answer(request, FrameType::topic_opened, native::RawBody{as_bytes("short")});
        co_await expect_failure(opening.result(), Error::bad_frame);
        auto listing = scenario.start(scenario.client->list_topics());
        const auto list = co_await scenario.server.receive(FrameType::list_topics);
        co_await scenario.server.answer(list, FrameType::topic_list, native::RawBody{as_bytes("\x01\xFF\xFF\xFF\x7F")});
        co_await expect_failure(listing.result(), Error::bad_frame);
    });
}

TEST_CASE("Hostile server: another protocol's, whatever it says first") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        std::vector<std::vector<std::byte>> greetings;
        for (const std::string_view text : {"HTTP/1.1 400 Bad Request\r\n\r\n", "-ERR unknown command\r\n"}) {
            const Bytes bytes = as_bytes(text);
            greetings.emplace_back(bytes.begin(), bytes.end());
        }
        greetings.emplace_back(16);  // a length of nothing
        const Correlation none{};
        greetings.push_back(FakeServer::frame(FrameType::ok, native::RawBody(), none));  // a frame, by accident
        for (const std::vector<std::byte>& greeting : greetings) {
            auto connecting = scenario.start(scenario.client->connect(scenario.options));
            co_await scenario.server.accept();
            co_await scenario.server.send(greeting);
            const auto outcome = co_await connecting.result();
            REQUIRE(outcome.error().code == Error::unknown_dialect);
            REQUIRE(outcome.error().text == "what listens at 127.0.0.1:" + std::to_string(scenario.server.port()) +
                                                " does not speak this protocol: is the port right?");
        }
    });
}

TEST_CASE("Hostile server: a Welcome that makes no sense") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        auto connecting = scenario.start(scenario.client->connect(scenario.options));
        co_await scenario.server.accept();
        const auto hello = co_await scenario.server.receive(FrameType::hello);
        co_await scenario.server.answer(hello, FrameType::welcome, native::Welcome{});
        co_await expect_failure(connecting.result(), Error::unsupported_version);
    });
}
