// Redis, publish/subscribe: nothing is kept, a subscriber gets what is published while it is connected.
#include <algorithm>
#include <stdexcept>

#include "systems/redis_common.hpp"
#include "systems/resp.hpp"

namespace leveret::compare {
namespace {

/// Of one SUBSCRIBE.
constexpr std::size_t topics_per_command = 1000;

/// Calls `subscribe` with the work's topics, a command's worth at a time.
void in_chunks(std::span<const std::string> topics, auto subscribe) {
    while (!topics.empty()) {
        const std::size_t count = std::min(topics.size(), topics_per_command);
        subscribe(topics.first(count));
        topics = topics.subspan(count);
    }
}

class PubSubPublisher final : public RedisPublisher {
  public:
    PubSubPublisher(std::uint16_t port, const Work& work) : RedisPublisher(port, work), topics_(work.topics) {
        for (const std::string_view argument : {"PUBLISH", "topic", "payload"}) {
            command_.add(argument);
        }
    }

  protected:
    void send(std::uint32_t topic, Bytes payload) override {
        command_.set(1, topics_[topic]);
        command_.set(2, as_text(payload));
        append(command_);
    }

  private:
    const std::vector<std::string> topics_;
    RedisCommand command_;
};

class PubSubSubscriber final : public RedisSubscriber {
  public:
    PubSubSubscriber(std::uint16_t port, const Work& work, std::span<Sink> sinks) : RedisSubscriber(sinks) {
        for (std::size_t i = 0; i < sinks.size(); ++i) {
            RedisConnection connection(port);
            in_chunks(work.topics, [&](std::span<const std::string> topics) { subscribe(connection, topics); });
            add(std::move(connection));
        }
    }

  protected:
    void take(std::size_t /*index*/, const redisReply& reply, Sink& sink) override {
        // "message", the topic, the payload.
        sink.take(as_bytes(text_of(*elements_of(reply, 3)[2])));
    }

  private:
    /// Every topic is confirmed by a reply of its own.
    static void subscribe(RedisConnection& connection, std::span<const std::string> topics) {
        RedisCommand command;
        command.add("SUBSCRIBE");
        for (const std::string& topic : topics) {
            command.add(topic);
        }
        connection.append(command);
        connection.write();
        for (const std::string& topic : topics) {
            const RedisReply reply = connection.wait_for_reply();
            if (text_of(*elements_of(*reply, 3)[1]) != topic) {
                throw std::runtime_error("redis: not subscribed to " + topic);
            }
        }
    }
};

class PubSubProtocol final : public resp::Protocol {
  public:
    using Protocol::Protocol;

    void greet_subscriber(Socket& socket) override {
        std::size_t subscribed = 0;
        in_chunks(work_.topics, [&](std::span<const std::string> topics) {
            std::vector<Bytes> command{as_bytes("SUBSCRIBE")};
            std::string confirmations;
            for (const std::string& topic : topics) {
                command.push_back(as_bytes(topic));
                confirmations += "*3\r\n$9\r\nsubscribe\r\n$" + std::to_string(topic.size()) + "\r\n" + topic +
                                 "\r\n:" + std::to_string(++subscribed) + "\r\n";
            }
            std::vector<std::byte> out;
            resp::append_command(out, command);
            socket.write(out);
            expect(socket, confirmations);
        });
    }

    void append(std::vector<std::byte>& out, std::span<const RawMessage> messages) override {
        for (const RawMessage& message : messages) {
            const std::array<std::string_view, 2> front{"PUBLISH", work_.topics[message.topic]};
            resp::append_command(out, front, message.payload);
        }
    }

    std::size_t take(Bytes received, Sink& sink, Socket& /*socket*/) override {
        resp::Reader reader(received);
        for (std::size_t taken = 0;; taken = reader.position()) {
            std::string_view topic;
            std::string_view payload;
            if (!reader.skip("*3\r\n$7\r\nmessage\r\n") || !reader.take_bulk(topic) || !reader.take_bulk(payload)) {
                return taken;
            }
            sink.take(as_bytes(payload));
        }
    }

    /// Each is the number of subscribers that got the message.
    std::size_t take_answers(Bytes received, std::uint64_t& count) override {
        resp::Reader reader(received);
        for (std::int64_t receivers = 0; reader.take_number(':', receivers);) {
            ++count;
        }
        return reader.position();
    }

  private:
    static void expect(Socket& socket, std::string_view expected) {
        // By its first line, an error is told from a confirmation that is longer.
        const std::string line = socket.read_line();
        if (!expected.starts_with(line) ||
            as_text(socket.read_exactly(expected.size() - line.size())) != expected.substr(line.size())) {
            throw std::runtime_error("redis: not subscribed: " + line);
        }
    }
};

class Redis final : public RedisSystem {
  public:
    std::string name() const override { return "redis"; }
    std::unique_ptr<Publisher> publisher(std::uint16_t port, const Work& work) const override {
        return std::make_unique<PubSubPublisher>(port, work);
    }
    std::unique_ptr<Subscriber> subscriber(std::uint16_t port, const Work& work, std::span<Sink> sinks) const override {
        return std::make_unique<PubSubSubscriber>(port, work, sinks);
    }
    std::unique_ptr<RawProtocol> raw_protocol(const Work& work) const override {
        return std::make_unique<PubSubProtocol>(work);
    }
};

}  // namespace

std::unique_ptr<System> make_redis() {
    return std::make_unique<Redis>();
}

}  // namespace leveret::compare
