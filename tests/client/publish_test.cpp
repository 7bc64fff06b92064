// Records on their way out.
#include <array>

#include "fake_server.hpp"

using namespace leveret;
using namespace leveret::test;
using native::FrameType;
using Strings = std::vector<std::string>;

namespace {

/// Sends until the queue is full; says how many it took.
std::size_t send_until_full(Publisher& publisher, std::size_t payload_bytes) {
    const std::string payload(payload_bytes, 'x');
    std::size_t sent = 0;
    std::error_code error;
    while (!(error = publisher.send(std::string_view(payload)))) {
        ++sent;
    }
    REQUIRE(error == Error::publish_queue_full);
    return sent;
}

Publisher::Acknowledged note(std::vector<std::uint64_t>& offsets) {
    return [&offsets](const Outcome<Acknowledgement>& outcome) {
        offsets.push_back(outcome ? outcome->offset.value : 999);
    };
}

}  // namespace

TEST_CASE("Client: publish returns the offset that the server gave") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto publishing = scenario.start(scenario.client->publish("hello", "message"));
        co_await scenario.server.open_topic();
        const auto frame = co_await scenario.server.receive(FrameType::publish);
        REQUIRE(frame.payloads() == texts("message"));
        REQUIRE(frame.header.handle == topic_handle);
        co_await scenario.server.acknowledge(frame, 41);
        const auto outcome = co_await publishing.result();
        REQUIRE(outcome.value().offset == Offset{41});
    });
}

TEST_CASE("Client: records for a topic that keeps few share no frame that it would refuse") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto opening = scenario.start(scenario.client->publisher("hello"));
        const TopicSettings settings{.retention_records = 2};
        co_await scenario.server.open_topic(topic_handle, 1, 1, settings);
        auto publisher = co_await opening.result();
        for (const char* const payload : {"a", "b", "c"}) {
            REQUIRE(!publisher->send(payload));
        }
        const auto first = co_await scenario.server.receive(FrameType::publish);
        REQUIRE(first.payloads() == texts("a", "b"));
        const auto second = co_await scenario.server.receive(FrameType::publish);
        REQUIRE(second.payloads() == texts("c"));
    });
}

TEST_CASE("Client: a message is copied before publish returns") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        std::string text = "before";
        auto operation = scenario.client->publish("hello", std::string_view(text));
        text = "after!";
        auto publishing = scenario.start(std::move(operation));
        co_await scenario.server.open_topic();
        const auto frame = co_await scenario.server.receive(FrameType::publish);
        REQUIRE(frame.payloads() == texts("before"));
        co_await scenario.server.acknowledge(frame, 0);
        co_await publishing.result();
    });
}

TEST_CASE("Client: publishes of a topic that is still being opened keep their order and open it once") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto first = scenario.start(scenario.client->publish("hello", "first"));
        auto second = scenario.start(scenario.client->publish("hello", "second"));
        co_await scenario.server.open_topic();
        Strings payloads;
        while (payloads.size() < 2) {
            const auto frame = co_await scenario.server.receive(FrameType::publish);
            const std::size_t offset = payloads.size();
            for (const auto& payload : frame.payloads()) {
                payloads.push_back(payload);
            }
            co_await scenario.server.acknowledge(frame, offset);
        }
        REQUIRE(payloads == texts("first", "second"));
        const auto of_first = co_await first.result();
        REQUIRE(of_first.value().offset == Offset{0});
        const auto of_second = co_await second.result();
        REQUIRE(of_second.value().offset == Offset{1});
    });
}

TEST_CASE("Client: a key, headers and a tombstone arrive") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto publisher = co_await scenario.open_publisher();
        const std::vector<Header> headers{{"trace", as_bytes("7")}};
        Message message(Bytes{});
        message.key = "k";
        message.headers = headers;
        message.tombstone = true;
        REQUIRE(!publisher.send(message));
        const auto frame = co_await scenario.server.receive(FrameType::publish);
        const RecordView record(frame.as<native::Publish>().records.data());
        REQUIRE(record.key() == "k");
        REQUIRE(record.is_tombstone());
        REQUIRE(record.headers().at(0).name == "trace");
    });
}

TEST_CASE("Publisher: records sent in one turn travel in one frame") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto publisher = co_await scenario.open_publisher();
        for (const char* payload : {"a", "b", "c"}) {
            REQUIRE(!publisher.send(payload));
        }
        const auto frame = co_await scenario.server.receive(FrameType::publish);
        REQUIRE(frame.is_one_way());
        REQUIRE(frame.payloads() == texts("a", "b", "c"));
    });
}

TEST_CASE("Publisher: a frame ends at publish_frame_bytes_max") {
    Scenario scenario;
    scenario.options.publish_frame_bytes_max = 300;
    scenario.run([](Scenario& running) -> asio::awaitable<void> {
        co_await running.connect();
        auto publisher = co_await running.open_publisher();
        const std::string payload(68, 'x');  // a record of 100 bytes
        for (int i = 0; i < 5; ++i) {
            REQUIRE(!publisher.send(std::string_view(payload)));
        }
        std::vector<std::size_t> counts;
        for (std::size_t seen = 0; seen < 5; seen += counts.back()) {
            counts.push_back((co_await running.server.receive(FrameType::publish)).payloads().size());
        }
        REQUIRE(counts == std::vector<std::size_t>{2, 2, 1});
    });
}

TEST_CASE("Publisher: a record larger than a frame still leaves") {
    Scenario scenario;
    scenario.options.publish_frame_bytes_max = 300;
    scenario.run([](Scenario& running) -> asio::awaitable<void> {
        co_await running.connect();
        auto publisher = co_await running.open_publisher();
        const std::string payload(200'000, 'x');
        REQUIRE(!publisher.send(std::string_view(payload)));
        const auto frame = co_await running.server.receive(FrameType::publish);
        REQUIRE(frame.payloads() == texts(payload));
    });
}

TEST_CASE("Publisher: records of several topics keep the connection's order") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto opening = scenario.start(scenario.client->publisher("one"));
        co_await scenario.server.open_topic(1, 1);
        auto one = (co_await opening.result()).value();
        opening = scenario.start(scenario.client->publisher("two"));
        co_await scenario.server.open_topic(2, 2);
        auto two = (co_await opening.result()).value();
        REQUIRE(!one.send("a"));
        REQUIRE(!two.send("b"));
        REQUIRE(!one.send("c"));
        Strings seen;
        for (int i = 0; i < 3; ++i) {
            const auto frame = co_await scenario.server.receive(FrameType::publish);
            seen.push_back(std::to_string(frame.header.handle) + frame.payloads().at(0));
        }
        REQUIRE(seen == texts("1a", "2b", "1c"));
    });
}

TEST_CASE("Publisher: acknowledgements call back in order, duplicates say so") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto publisher = co_await scenario.open_publisher();
        std::vector<std::pair<std::uint64_t, bool>> seen;
        for (const char* payload : {"a", "b", "c"}) {
            REQUIRE(!publisher.send(payload, [&seen](const Outcome<Acknowledgement>& outcome) {
                seen.emplace_back(outcome.value().offset.value, outcome.value().duplicate);
            }));
        }
        const auto frame = co_await scenario.server.receive(FrameType::publish);
        const native::Published body{.first = {10}, .accepted = 2, .duplicates = {1}};
        co_await scenario.server.answer(frame, FrameType::published, body);
        co_await expect_success(publisher.flush());
        co_await scenario.settle();
        REQUIRE(seen == std::vector<std::pair<std::uint64_t, bool>>{{10, false}, {11, true}, {11, false}});
    });
}

TEST_CASE("Publisher: an Error reaches each record of its frame and no other") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto publisher = co_await scenario.open_publisher();
        std::vector<std::uint64_t> offsets;
        REQUIRE(!publisher.send("a", note(offsets)));
        const auto refused = co_await scenario.server.receive(FrameType::publish);
        REQUIRE(!publisher.send("b", note(offsets)));
        const auto taken = co_await scenario.server.receive(FrameType::publish);
        co_await scenario.server.answer_error(refused, Error::topic_busy);
        co_await scenario.server.acknowledge(taken, 5);
        co_await expect_success(publisher.flush());
        co_await scenario.settle();
        REQUIRE(offsets == std::vector<std::uint64_t>{999, 5});
    });
}

namespace {

/// How many callbacks there had been when flush() returned.
asio::awaitable<std::size_t> count_at_flush(Publisher publisher, const std::vector<std::uint64_t>& offsets) {
    const auto flushed = co_await publisher.flush();
    co_return flushed ? offsets.size() : 0;
}

}  // namespace

TEST_CASE("Publisher: flush returns after the callbacks of what was refused") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto publisher = co_await scenario.open_publisher();
        std::vector<std::uint64_t> offsets;
        REQUIRE(!publisher.send("a", note(offsets)));
        auto flushing = scenario.start(count_at_flush(publisher, offsets));
        const auto refused = co_await scenario.server.receive(FrameType::publish);
        co_await scenario.server.answer_error(refused, Error::topic_busy);
        const std::size_t count = co_await flushing.result();
        REQUIRE(count == 1);
    });
}

TEST_CASE("Publisher: what the server has against a one-way record is said by flush, once") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto publisher = co_await scenario.open_publisher();
        REQUIRE(!publisher.send("a"));
        const auto frame = co_await scenario.server.receive(FrameType::publish);
        co_await scenario.server.answer_error(frame, Error::memory_full);
        co_await scenario.settle();
        const auto flushed = co_await publisher.flush();
        REQUIRE(flushed.error().code == Error::memory_full);
        co_await expect_success(publisher.flush());
    });
}

TEST_CASE("Publisher: a full queue refuses, and takes records again once it is written") {
    Scenario scenario;
    scenario.options.publish_queue_bytes_max = 20U << 20U;  // more than two sockets hold
    scenario.run([](Scenario& running) -> asio::awaitable<void> {
        co_await running.connect();
        auto publisher = co_await running.open_publisher();
        const std::size_t sent = send_until_full(publisher, 1000);
        REQUIRE(sent * 1032 > running.options.publish_queue_bytes_max - 1032);
        auto draining = [](FakeServer& server, std::size_t records) -> asio::awaitable<bool> {
            std::size_t received = 0;
            while (received < records) {
                received += (co_await server.receive(FrameType::publish)).payloads().size();
            }
            co_return received == records;
        };
        auto drained = running.start(draining(running.server, sent));
        co_await publisher.writable();
        const bool all_arrived = co_await drained.result();
        REQUIRE(all_arrived);
        REQUIRE(!publisher.send(std::string_view("x")));
    });
}

TEST_CASE("Publisher: records that wait for their acknowledgement count towards the full queue") {
    Scenario scenario;
    scenario.options.publish_queue_bytes_max = 100;
    scenario.run([](Scenario& running) -> asio::awaitable<void> {
        co_await running.connect();
        auto publisher = co_await running.open_publisher();
        std::vector<std::uint64_t> offsets;
        REQUIRE(!publisher.send("first", note(offsets)));
        REQUIRE(!publisher.send("second", note(offsets)));
        const auto frame = co_await running.server.receive(FrameType::publish);
        REQUIRE(publisher.send("third", note(offsets)) == Error::publish_queue_full);
        co_await running.server.acknowledge(frame, 0);
        co_await publisher.writable();
        REQUIRE(!publisher.send("third", note(offsets)));
    });
}

TEST_CASE("Publisher: flush waits for the acknowledgements of what was sent before") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto publisher = co_await scenario.open_publisher();
        std::vector<std::uint64_t> offsets;
        REQUIRE(!publisher.send("a", note(offsets)));
        auto flushing = scenario.start(publisher.flush());
        const auto frame = co_await scenario.server.receive(FrameType::publish);
        co_await scenario.settle();
        REQUIRE_FALSE(flushing.is_done());
        co_await scenario.server.acknowledge(frame, 3);
        co_await expect_success(flushing.result());
    });
}

TEST_CASE("Publisher: a record over the server's frame limit is refused here") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto publisher = co_await scenario.open_publisher();
        const std::string payload(1U << 20U, 'x');
        REQUIRE(publisher.send(std::string_view(payload)) == Error::bad_record);
    });
}

TEST_CASE("Client: a batch is one frame and answers for each record") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        const std::vector<Message> messages{"a", "b", "c"};
        auto publishing = scenario.start(scenario.client->publish_batch("hello", messages));
        co_await scenario.server.open_topic();
        const auto frame = co_await scenario.server.receive(FrameType::publish);
        REQUIRE(frame.payloads() == texts("a", "b", "c"));
        co_await scenario.server.acknowledge(frame, 7);
        const auto outcome = co_await publishing.result();
        REQUIRE(outcome.value().size() == 3);
        REQUIRE(outcome.value().back().offset == Offset{9});
    });
}

TEST_CASE("Client: the durability that messages ask for travels with them, one frame for each") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto publisher = co_await scenario.open_publisher();
        Message safe("b");
        safe.durability = Durability::sync;
        REQUIRE(!publisher.send("a"));
        REQUIRE(!publisher.send(safe));
        REQUIRE(!publisher.send(safe));
        for (const Durability expected : std::array{Durability::server_default, Durability::sync}) {
            const auto frame = co_await scenario.server.receive(FrameType::publish);
            REQUIRE(frame.as<native::Publish>().durability == expected);
            REQUIRE(frame.payloads().size() == (expected == Durability::sync ? 2 : 1));
        }
    });
}

TEST_CASE("Client: a batch asks for the safest durability of its messages, also while its topic is being opened") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        std::vector<Message> messages{"a", "b", "c"};
        messages[0].durability = Durability::os;
        messages[1].durability = Durability::interval;
        for (const bool is_open : {false, true}) {
            auto publishing = scenario.start(scenario.client->publish_batch("hello", messages));
            if (!is_open) {
                co_await scenario.server.open_topic();
            }
            const auto frame = co_await scenario.server.receive(FrameType::publish);
            REQUIRE(frame.as<native::Publish>().durability == Durability::interval);
            co_await scenario.server.acknowledge(frame, 0);
            co_await publishing.result();
        }
    });
}

TEST_CASE("Client: a batch with a bad record is refused whole, and says which it is") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        std::vector<Message> messages{"a", "b"};
        messages[1].tombstone = true;  // with a payload
        const auto outcome = co_await scenario.client->publish_batch("hello", messages);
        REQUIRE(outcome.error().code == Error::bad_record);
        REQUIRE(outcome.error().detail == 1);
    });
}

TEST_CASE("Client: a topic that cannot be opened fails what waits for it, and is tried anew") {
    Scenario().run([](Scenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto publishing = scenario.start(scenario.client->publish("hello", "a"));
        const auto refused = co_await scenario.server.receive(FrameType::open_topic);
        co_await scenario.server.answer_error(refused, Error::too_many_topics, "there are enough");
        const auto outcome = co_await publishing.result();
        REQUIRE(outcome.error().code == Error::too_many_topics);
        REQUIRE(outcome.error().text == "there are enough");
        auto again = scenario.start(scenario.client->publisher("hello"));
        co_await scenario.server.open_topic();
        co_await expect_success(again.result());
    });
}
