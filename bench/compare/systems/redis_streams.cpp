// Redis, streams: a topic is a log under a key. It keeps the newest records; a subscriber asks for what comes behind
// the last that it has, and waits where there is nothing.
#include <algorithm>
#include <stdexcept>

#include "systems/redis_common.hpp"
#include "systems/resp.hpp"

namespace leveret::compare {
namespace {

/// Before the first.
constexpr std::string_view first_id = "0-0";
/// Of one answer to XREAD, per topic. 100 cost the server more per record, 10,000 are no faster and, with many
/// subscribers, take several times the memory.
constexpr std::string_view records_per_read = "1000";
/// How far a publisher is ahead of a subscriber at most, in payload of all its topics together; what is trimmed before
/// a subscriber has read it is lost.
constexpr std::size_t window_bytes = 16U << 20U;

/// Records that a topic keeps: its share of twice the window, or what the work asks for.
std::string records_kept(const Work& work) {
    const std::uint64_t bytes = std::max<std::uint64_t>(work.retained_bytes, 2 * window_bytes / work.topics.size());
    return std::to_string(std::max<std::uint64_t>(bytes / work.payload_bytes, 16));
}

/// Arguments of XADD behind the topic and before the payload. "~": only whole nodes of the stream are trimmed, which is
/// what its authors recommend. "*": the server numbers the records. The payload is the value of a field "d".
std::array<std::string_view, 5> add_options(std::string_view records) {
    return {"MAXLEN", "~", records, "*", "d"};
}

/// The arguments of XREAD before the topics. BLOCK 0: it waits until there is something, so that an idle connection
/// stays subscribed.
constexpr std::array<std::string_view, 6> read_options{"XREAD", "COUNT", records_per_read, "BLOCK", "0", "STREAMS"};

class StreamPublisher final : public RedisPublisher {
  public:
    StreamPublisher(std::uint16_t port, const Work& work)
        : RedisPublisher(port, work), topics_(work.topics), records_(records_kept(work)) {
        command_.add("XADD");
        command_.add("topic");
        for (const std::string_view option : add_options(records_)) {
            command_.add(option);
        }
        command_.add("payload");
    }

  protected:
    void send(std::uint32_t topic, Bytes payload) override {
        command_.set(1, topics_[topic]);
        command_.set(static_cast<std::size_t>(command_.count() - 1), as_text(payload));
        append(command_);
    }

  private:
    const std::vector<std::string> topics_;
    const std::string records_;
    RedisCommand command_;
};

/// How far one connection has read.
class Positions {
  public:
    explicit Positions(const std::vector<std::string>& topics)
        : topics_(topics), ids_(topics.size(), std::string(first_id)) {}

    /// Asks for the last id of each topic; a "$" would mean the last when the server reads the command.
    void begin_behind_the_last(RedisConnection& connection) {
        for (std::size_t i = 0; i < topics_.size(); ++i) {
            RedisCommand command;
            for (const std::string_view argument :
                 {std::string_view("XREVRANGE"), std::string_view(topics_[i]), std::string_view("+"),
                  std::string_view("-"), std::string_view("COUNT"), std::string_view("1")}) {
                command.add(argument);
            }
            connection.append(command);
            connection.write();
            const RedisReply reply = connection.wait_for_reply();
            if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1) {
                const redisReply& id = *reply->element[0]->element[0];
                ids_[i].assign(id.str, id.len);
            }
        }
    }

    /// An answer has the topics in the order in which they were asked for, without those that have nothing: call this
    /// for each, in that order, and next_answer() behind the last.
    void enter(std::string_view topic) {
        while (next_ < topics_.size() && topics_[next_] != topic) {
            ++next_;
        }
        if (next_ == topics_.size()) {
            throw std::runtime_error("redis: records of another topic: " + std::string(topic));
        }
    }
    /// Of the topic that was entered.
    void set(std::string_view id) { ids_[next_] = id; }
    void next_answer() noexcept { next_ = 0; }

    [[nodiscard]] const std::vector<std::string>& topics() const noexcept { return topics_; }
    [[nodiscard]] const std::vector<std::string>& ids() const noexcept { return ids_; }

  private:
    std::vector<std::string> topics_;
    std::vector<std::string> ids_;  // by topic, of the last record that was read
    std::size_t next_ = 0;
};

class StreamSubscriber final : public RedisSubscriber {
  public:
    StreamSubscriber(std::uint16_t port, const Work& work, std::span<Sink> sinks)
        : RedisSubscriber(sinks), positions_(sinks.size(), Positions(work.topics)) {
        for (std::size_t i = 0; i < sinks.size(); ++i) {
            RedisConnection made(port);
            if (work.from_latest) {
                positions_[i].begin_behind_the_last(made);
            }
            add(std::move(made));
            ask(i);
        }
    }

  protected:
    void take(std::size_t index, const redisReply& reply, Sink& sink) override {
        Positions& positions = positions_[index];
        positions.next_answer();
        for (const redisReply* const stream : elements_of(reply)) {
            const auto topic_and_records = elements_of(*stream, 2);
            positions.enter(text_of(*topic_and_records[0]));
            const auto records = elements_of(*topic_and_records[1]);
            for (const redisReply* const record : records) {
                const auto id_and_fields = elements_of(*record, 2);
                sink.take(as_bytes(text_of(*elements_of(*id_and_fields[1], 2)[1])));
            }
            positions.set(text_of(*elements_of(*records.back(), 2)[0]));
        }
        ask(index);
    }

  private:
    void ask(std::size_t index) {
        RedisCommand command;
        const auto add_all = [&](const auto& arguments) {
            for (const std::string_view argument : arguments) {
                command.add(argument);
            }
        };
        add_all(read_options);
        add_all(positions_[index].topics());
        add_all(positions_[index].ids());
        connection(index).append(command);
        connection(index).write();
    }

    std::vector<Positions> positions_;  // by connection
};

class StreamProtocol final : public resp::Protocol {
  public:
    explicit StreamProtocol(const Work& work)
        : Protocol(work), records_kept_(records_kept(work)), positions_(work.topics) {}

    /// There is nothing to confirm: it reads from the first record.
    void greet_subscriber(Socket& socket) override { ask(socket); }

    void append(std::vector<std::byte>& out, std::span<const RawMessage> messages) override {
        for (const RawMessage& message : messages) {
            std::array<std::string_view, 7> front{"XADD", work_.topics[message.topic]};
            std::ranges::copy(add_options(records_kept_), front.begin() + 2);
            resp::append_command(out, front, message.payload);
        }
    }

    /// An answer may be larger than what came in so far, so where it is in the answer outlives the call.
    std::size_t take(Bytes received, Sink& sink, Socket& socket) override {
        resp::Reader reader(received);
        for (;;) {
            const std::size_t taken = reader.position();
            const bool is_whole = records_left_ > 0   ? take_record(reader, sink)
                                  : streams_left_ > 0 ? enter_stream(reader)
                                                      : reader.take_number('*', streams_left_);
            if (!is_whole) {
                return taken;
            }
            if (records_left_ == 0 && streams_left_ == 0) {
                positions_.next_answer();
                ask(socket);
            }
        }
    }

  private:
    /// The topic's name and how many records of it follow.
    bool enter_stream(resp::Reader& reader) {
        std::string_view topic;
        std::int64_t records = 0;
        if (!reader.skip("*2\r\n") || !reader.take_bulk(topic) || !reader.take_number('*', records)) {
            return false;
        }
        positions_.enter(topic);
        records_left_ = records;
        return true;
    }

    bool take_record(resp::Reader& reader, Sink& sink) {
        std::string_view id;
        std::string_view payload;
        if (!reader.skip("*2\r\n") || !reader.take_bulk(id) || !reader.skip("*2\r\n$1\r\nd\r\n") ||
            !reader.take_bulk(payload)) {
            return false;
        }
        sink.take(as_bytes(payload));
        if (--records_left_ == 0) {
            --streams_left_;
            positions_.set(id);
        }
        return true;
    }

    void ask(Socket& socket) const {
        std::vector<Bytes> command;
        for (const std::string_view option : read_options) {
            command.push_back(as_bytes(option));
        }
        for (const auto* const arguments : {&positions_.topics(), &positions_.ids()}) {
            for (const std::string& argument : *arguments) {
                command.push_back(as_bytes(argument));
            }
        }
        std::vector<std::byte> out;
        resp::append_command(out, command);
        socket.write(out);
    }

    const std::string records_kept_;
    Positions positions_;
    std::int64_t streams_left_ = 0;  ///< of the answer, the one that is being read included
    std::int64_t records_left_ = 0;  ///< of the stream that is being read
};

class RedisStreams final : public RedisSystem {
  public:
    std::string name() const override { return "redis-streams"; }
    std::unique_ptr<Publisher> publisher(std::uint16_t port, const Work& work) const override {
        return std::make_unique<StreamPublisher>(port, work);
    }
    std::unique_ptr<Subscriber> subscriber(std::uint16_t port, const Work& work, std::span<Sink> sinks) const override {
        return make_stream_subscriber(port, work, sinks);
    }
    std::unique_ptr<RawProtocol> raw_protocol(const Work& work) const override {
        return std::make_unique<StreamProtocol>(work);
    }
};

}  // namespace

std::unique_ptr<Subscriber> make_stream_subscriber(std::uint16_t port, const Work& work, std::span<Sink> sinks) {
    return std::make_unique<StreamSubscriber>(port, work, sinks);
}

std::unique_ptr<System> make_redis_streams() {
    return std::make_unique<RedisStreams>();
}

}  // namespace leveret::compare
