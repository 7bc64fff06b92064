// Redis, publish/subscribe: nothing is kept, a subscriber gets what is published while it is connected.
#include <algorithm>
#include <stdexcept>

#include "systems/redis_common.hpp"
#include "systems/resp.hpp"

namespace leveret::compare {
namespace {

/// What a subscriber asks for: one topic by its name, many by a pattern, which costs the server less than a
/// subscription for each (PSUBSCRIBE: 2 to 12 % more over 10,000 topics).
struct Interest {
    explicit Interest(const Work& work)
        : is_pattern(work.topics.size() > 1),
          command(is_pattern ? "PSUBSCRIBE" : "SUBSCRIBE"),
          topic(is_pattern ? "*" : work.topics.front()) {}
    bool is_pattern;
    std::string_view command;
    std::string topic;
};

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
    PubSubSubscriber(std::uint16_t port, const Work& work, std::span<Sink> sinks)
        : RedisSubscriber(sinks), interest_(work) {
        for (std::size_t i = 0; i < sinks.size(); ++i) {
            RedisConnection connection(port);
            subscribe(connection);
            add(std::move(connection));
        }
    }

  protected:
    /// "message", the topic, the payload; or "pmessage", the pattern, the topic, the payload.
    void take(std::size_t /*index*/, const redisReply& reply, Sink& sink) override {
        sink.take(as_bytes(text_of(*elements_of(reply, interest_.is_pattern ? 4 : 3).back())));
    }

  private:
    void subscribe(RedisConnection& connection) const {
        RedisCommand command;
        command.add(interest_.command);
        command.add(interest_.topic);
        connection.append(command);
        connection.write();
        const RedisReply reply = connection.wait_for_reply();
        if (text_of(*elements_of(*reply, 3)[1]) != interest_.topic) {
            throw std::runtime_error("redis: not subscribed to " + interest_.topic);
        }
    }

    const Interest interest_;
};

class PubSubProtocol final : public resp::Protocol {
  public:
    explicit PubSubProtocol(const Work& work) : Protocol(work), interest_(work) {}

    void greet_subscriber(Socket& socket) override {
        const std::array<Bytes, 2> command{as_bytes(interest_.command), as_bytes(interest_.topic)};
        std::vector<std::byte> out;
        resp::append_command(out, command);
        socket.write(out);
        const std::string_view confirmed = interest_.is_pattern ? "$10\r\npsubscribe\r\n" : "$9\r\nsubscribe\r\n";
        expect(socket, "*3\r\n" + std::string(confirmed) + "$" + std::to_string(interest_.topic.size()) + "\r\n" +
                           interest_.topic + "\r\n:1\r\n");
    }

    void append(std::vector<std::byte>& out, std::span<const RawMessage> messages) override {
        for (const RawMessage& message : messages) {
            const std::array<std::string_view, 2> front{"PUBLISH", work_.topics[message.topic]};
            resp::append_command(out, front, message.payload);
        }
    }

    std::size_t take(Bytes received, Sink& sink, Socket& /*socket*/) override {
        resp::Reader reader(received);
        const std::string_view start =
            interest_.is_pattern ? "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n" : "*3\r\n$7\r\nmessage\r\n";
        for (std::size_t taken = 0;; taken = reader.position()) {
            std::string_view topic;
            std::string_view payload;
            if (!reader.skip(start) || !reader.take_bulk(topic) || !reader.take_bulk(payload)) {
                return taken;
            }
            sink.take(as_bytes(payload));
        }
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

    const Interest interest_;
};

class Redis final : public RedisSystem {
  public:
    std::string name() const override { return "redis"; }
    ServerCommand server(std::uint16_t port, const std::filesystem::path& folder, const Work& work) const override {
        ServerCommand command = RedisSystem::server(port, folder, work);
        command.summary += "; publishers say CLIENT REPLY OFF";
        return command;
    }
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
