// Connections and topics that come and go while others use them.
#include <atomic>
#include <thread>

#include <catch2/catch.hpp>

#include "stress/tcp_client.hpp"

using namespace leveret;
using namespace leveret::test;
using native::FrameType;

namespace {

void join_all(std::vector<std::thread>& threads) {
    for (std::thread& thread : threads) {
        thread.join();
    }
}

/// Publishes until it is told to stop.
std::thread publish_until(const std::atomic<bool>& stopped, std::uint16_t port, const std::string& topic) {
    return std::thread([&stopped, port, topic] {
        TcpClient client(port);
        while (!stopped) {
            const std::uint32_t handle = client.open(topic);
            for (int i = 0; i < 20; ++i) {
                static_cast<void>(client.ask(publish(handle, DraftedRecords("record"))));
            }
        }
    });
}

/// Waits, by asking over a connection, until the broker has seen the others go.
void wait_until_alone(Broker& broker, TcpClient& client) {
    while (broker.counters().connections.value() > 1) {
        static_cast<void>(client.ask(bodiless(FrameType::ping)));
    }
}

}  // namespace

TEST_CASE("Stress: connections that come and go during publishes leave nothing behind") {
    constexpr int visitors = 4;
    constexpr int visits = 150;
    ThreadedBroker threaded;
    const std::uint16_t port = threaded.broker.port();
    std::atomic<bool> stopped{false};
    std::thread publisher = publish_until(stopped, port, "topic");
    std::vector<std::thread> threads;
    std::atomic<int> delivered{0};
    for (int i = 0; i < visitors; ++i) {
        threads.emplace_back([&, i] {
            for (int visit = 0; visit < visits; ++visit) {
                TcpClient client(port);
                const std::uint32_t handle = client.open("topic");
                client.send(subscribe(handle, from_earliest()));
                if ((visit + i) % 2 == 0) {  // the others go at once, with deliveries on their way
                    while (client.next().value().header.type != FrameType::deliver) {
                    }
                    ++delivered;
                }
                if (visit % 3 == 0) {
                    client.send(bodiless(FrameType::close));
                }
            }
        });
    }
    join_all(threads);
    stopped = true;
    publisher.join();
    CHECK(delivered == visitors * visits / 2);
    TcpClient last(port);
    wait_until_alone(threaded.broker, last);
    CHECK(threaded.broker.counters().subscriptions.value() == 0);
    CHECK(threaded.broker.registry().find("topic")->figures().waiters == 0);
}

TEST_CASE("Stress: topics that are created and deleted while they are in use") {
    constexpr int rounds = 500;
    ThreadedBroker threaded;
    const std::uint16_t port = threaded.broker.port();
    std::atomic<bool> stopped{false};
    std::vector<std::thread> threads;
    threads.push_back(publish_until(stopped, port, "topic"));
    threads.push_back(publish_until(stopped, port, "topic"));
    std::atomic<int> ended{0};
    threads.emplace_back([&] {
        TcpClient client(port);
        while (!stopped) {
            client.send(subscribe(client.open("topic"), from_earliest()));
            for (auto frame = client.next(); frame && frame->header.type != FrameType::error; frame = client.next()) {
            }
            ++ended;  // the topic has gone, or went before the request came
        }
    });
    TcpClient administrator(port);
    for (int i = 0; i < rounds || ended == 0; ++i) {
        static_cast<void>(administrator.open("topic"));
        const auto answer = administrator.ask(frame(FrameType::delete_topic, native::TopicName{.name = "topic"}, 1));
        CHECK(answer.header.type == FrameType::ok);
    }
    stopped = true;
    // The subscriber may still wait for its topic to go.
    while (ended < 1 || threaded.broker.counters().connections.value() > 1) {
        static_cast<void>(administrator.ask(frame(FrameType::delete_topic, native::TopicName{.name = "topic"}, 1)));
    }
    join_all(threads);
    CHECK(threaded.broker.counters().topics.value() <= 1);
}

TEST_CASE("Stress: a broker that is stopped under load stops, every time") {
    constexpr int rounds = 25;
    for (int round = 0; round < rounds; ++round) {
        ThreadedBroker threaded;
        const std::uint16_t port = threaded.broker.port();
        std::vector<std::thread> threads;
        std::atomic<int> ready{0};
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                TcpClient client(port);
                const std::uint32_t handle = client.open("topic");
                client.send(subscribe(handle, from_earliest()));
                ++ready;
                try {
                    while (client.next()) {
                        client.send(publish_one_way(handle, DraftedRecords("record")));
                    }
                } catch (const std::system_error&) {
                    // the broker closed while this client wrote
                }
            });
        }
        TcpClient starter(port);
        static_cast<void>(starter.ask(publish(starter.open("topic"), DraftedRecords("record"))));
        while (ready < 4) {
            static_cast<void>(starter.ask(bodiless(FrameType::ping)));
        }
        threaded.broker.stop();
        join_all(threads);
        CHECK(threaded.broker.is_stopped());
        CHECK(threaded.broker.memory_used_bytes() == 0);
    }
}
