// The client of the original's dialect: exact bytes out, messages in.
#include "leveret/zaichik_client.hpp"

#include <asio/read.hpp>
#include <asio/write.hpp>

#include "fake_server.hpp"
#include "protocol/zaichik.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

struct ZaichikScenario {
    explicit ZaichikScenario(asio::awaitable<void> (*script)(ZaichikScenario&)) {
        std::exception_ptr failure;
        bool finished = false;
        asio::co_spawn(io, script(*this), [&](const std::exception_ptr& exception) {
            failure = exception;
            finished = true;
            io.stop();
        });
        io.run_for(std::chrono::seconds(60));
        if (failure) {
            std::rethrow_exception(failure);
        }
        REQUIRE(finished);
    }
    asio::awaitable<void> connect() {
        Started<Outcome<void>> connecting(io, client.connect("127.0.0.1", acceptor.local_endpoint().port()));
        peer = co_await acceptor.async_accept(asio::use_awaitable);
        co_await expect_success(connecting.result());
    }
    /// The server receives exactly these frames.
    asio::awaitable<void> expect(std::vector<zaichik::Frame> frames) {
        std::vector<std::byte> expected;
        for (const auto& frame : frames) {
            zaichik::encode(frame, expected);
        }
        std::vector<std::byte> received(expected.size());
        co_await asio::async_read(peer, asio::buffer(received), asio::use_awaitable);
        REQUIRE(received == expected);
    }
    asio::awaitable<void> send(std::vector<std::byte> bytes) {
        co_await asio::async_write(peer, asio::buffer(bytes), asio::use_awaitable);
    }

    asio::io_context io;
    asio::ip::tcp::acceptor acceptor{io, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
    asio::ip::tcp::socket peer{io};
    ZaichikClient client{io.get_executor()};
};

std::vector<std::byte> message_bytes(std::string_view topic, std::string_view payload) {
    std::vector<std::byte> bytes;
    zaichik::encode(zaichik::Publish{topic, std::nullopt, as_bytes(payload)}, bytes);
    return bytes;
}

}  // namespace

TEST_CASE("ZaichikClient: each verb sends its frame") {
    ZaichikScenario([](ZaichikScenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        const std::optional<std::string> key("key");
        co_await expect_success(scenario.client.create_topic("hello", 10'000, 5));
        co_await expect_success(scenario.client.publish("hello", key, "message"));
        co_await expect_success(scenario.client.subscribe("hello"));
        co_await expect_success(scenario.client.commit());
        co_await expect_success(scenario.client.unsubscribe("hello"));
        co_await expect_success(scenario.client.close());
        std::vector<zaichik::Frame> frames;
        frames.emplace_back(zaichik::CreateTopic{"hello", 10'000, 5});
        frames.emplace_back(zaichik::Publish{"hello", "key", as_bytes("message")});
        frames.emplace_back(zaichik::Subscribe{"hello"});
        frames.emplace_back(zaichik::Commit{});
        frames.emplace_back(zaichik::Unsubscribe{"hello"});
        frames.emplace_back(zaichik::CloseConnection{});
        co_await scenario.expect(frames);
    });
}

TEST_CASE("ZaichikClient: messages arrive whole, wherever the bytes were cut") {
    ZaichikScenario([](ZaichikScenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        auto bytes = message_bytes("hello", "first");
        const auto second = message_bytes("hello", std::string(300'000, 'x'));
        bytes.insert(bytes.end(), second.begin(), second.end());
        Started<bool> sending(
            scenario.io, [](ZaichikScenario& to, std::vector<std::byte> all) -> asio::awaitable<bool> {
                for (std::size_t at = 0; at < all.size(); at += 7'777) {
                    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(at);
                    const auto piece_bytes = static_cast<std::ptrdiff_t>(std::min<std::size_t>(7'777, all.size() - at));
                    std::vector<std::byte> piece(begin, begin + piece_bytes);
                    co_await to.send(std::move(piece));
                }
                co_return true;
            }(scenario, bytes));
        const auto one = co_await scenario.client.read_message();
        const auto two = co_await scenario.client.read_message();
        REQUIRE(as_text(one.value().payload) == "first");
        REQUIRE(two.value().payload.size() == 300'000);
        co_await sending.result();
    });
}

TEST_CASE("ZaichikClient: a server that sends anything but messages ends it") {
    ZaichikScenario([](ZaichikScenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        std::vector<std::byte> bytes;
        zaichik::encode(zaichik::Commit{}, bytes);
        co_await scenario.send(bytes);
        co_await expect_failure(scenario.client.read_message(), Error::bad_frame);
        co_await expect_failure(scenario.client.commit(), Error::bad_frame);
    });
}

TEST_CASE("ZaichikClient: its end wakes who reads") {
    ZaichikScenario([](ZaichikScenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        Started<Outcome<ZaichikMessage>> reading(scenario.io, scenario.client.read_message());
        ZaichikClient other(scenario.io.get_executor());
        { const ZaichikClient ended = std::move(scenario.client); }
        scenario.client = std::move(other);
        co_await expect_failure(reading.result(), Error::closed);
    });
}

TEST_CASE("ZaichikClient: a connection that cannot be made says where to") {
    ZaichikScenario([](ZaichikScenario& scenario) -> asio::awaitable<void> {
        const std::uint16_t port = scenario.acceptor.local_endpoint().port();
        scenario.acceptor.close();
        const auto outcome = co_await scenario.client.connect("127.0.0.1", port);
        REQUIRE(outcome.error().code == asio::error::connection_refused);
        REQUIRE(outcome.error().text == "no answer from 127.0.0.1:" + std::to_string(port) + ": Connection refused");
    });
}

TEST_CASE("ZaichikClient: a server that goes away is connection_lost") {
    ZaichikScenario([](ZaichikScenario& scenario) -> asio::awaitable<void> {
        co_await scenario.connect();
        scenario.peer.close();
        co_await expect_failure(scenario.client.read_message(), Error::connection_lost);
    });
}

TEST_CASE("ZaichikMessage: is printed as Rust prints it") {
    const auto bytes = [](std::string_view text) {
        return std::vector<std::byte>(as_bytes(text).begin(), as_bytes(text).end());
    };
    REQUIRE(to_string(ZaichikMessage{"hello", "key", bytes("message")}) ==
            R"(Publish { topic: "hello", key: Some("key"), payload: [109, 101, 115, 115, 97, 103, 101] })");
    REQUIRE(to_string(ZaichikMessage{"a\"b\\\n\x01", std::nullopt, {}}) ==
            R"(Publish { topic: "a\"b\\\n\u{1}", key: None, payload: [] })");
    REQUIRE(to_string(ZaichikMessage{"зайчик", "", {}}) ==
            R"(Publish { topic: "зайчик", key: Some(""), payload: [] })");
}
