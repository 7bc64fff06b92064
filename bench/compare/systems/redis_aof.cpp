// Redis streams that keep every record, with an append-only file.
//
// Redis reads at most 16 KiB of one connection, carries these commands out, writes them to the file, syncs it where
// `always` asks for that, and answers. So with one connection about 100 records of 128 bytes share a sync, however many
// are outstanding; with several, what all of them have sent shares one. Tuning::best uses that.
#include <algorithm>
#include <stdexcept>

#include <fmt/core.h>
#include <poll.h>

#include "stored_system.hpp"
#include "systems/redis_common.hpp"

namespace leveret::compare {
namespace {

/// Two processors, `always`, 4,096 outstanding, thousand records a second: 1 connection 271, 4 448, 16 498, 64 481.
/// With 65,536 outstanding: 244, 495, 540, 545.
constexpr std::size_t best_connections = 16;

/// Sends a command, and waits for its reply.
RedisReply ask(RedisConnection& connection, std::initializer_list<std::string_view> arguments) {
    RedisCommand command;
    for (const std::string_view argument : arguments) {
        command.add(argument);
    }
    connection.append(command);
    connection.write();
    return connection.wait_for_reply();
}

/// Fills one connection's share of what may be outstanding, then the next one's; waits when all are full.
class RedisAcknowledged final : public AcknowledgedPublisher {
  public:
    RedisAcknowledged(std::uint16_t port, const Work& work, std::size_t connections)
        : AcknowledgedPublisher(work),
          topics_(work.topics),
          share_(std::max<std::uint64_t>(work.outstanding / connections, 1)) {
        for (std::size_t i = 0; i < std::min<std::size_t>(connections, work.outstanding); ++i) {
            lines_.push_back({RedisConnection(port), 0});
        }
        for (const std::string_view argument : {"XADD", "topic", "*", "d", "payload"}) {
            command_.add(argument);
        }
    }

    void push() override {
        for (Line& line : lines_) {
            push(line);
        }
    }
    void finish() override {
        push();
        while (answered_ < sent_) {
            wait_for_replies();
        }
    }
    std::uint64_t answered() const override { return answered_; }

  protected:
    void send(std::uint32_t topic, Bytes payload) override {
        for (std::size_t tried = 0; lines_[current_].unanswered == share_; ++tried) {
            push(lines_[current_]);
            current_ = current_ + 1 == lines_.size() ? 0 : current_ + 1;
            if (tried >= lines_.size()) {
                wait_for_replies();
                tried = 0;
            }
        }
        Line& line = lines_[current_];
        command_.set(1, topics_[topic]);
        command_.set(4, as_text(payload));
        line.connection.append(command_);
        ++line.unanswered;
        ++sent_;
        if (line.connection.gathered_bytes() >= write_bytes) {
            push(line);
        }
    }

  private:
    struct Line {
        RedisConnection connection;
        std::uint64_t unanswered;
    };
    static constexpr std::size_t write_bytes = 64U << 10U;

    void push(Line& line) {
        while (!line.connection.try_write()) {
            line.connection.wait(true);
            take_replies(line);
        }
        take_replies(line);
    }

    void take_replies(Line& line) {
        while (line.connection.read()) {
            while (line.connection.next_reply()) {
                --line.unanswered;
                ++answered_;
            }
        }
    }

    /// Until there is one at least.
    void wait_for_replies() {
        std::vector<pollfd> waiting;
        for (const Line& line : lines_) {
            waiting.push_back({line.connection.descriptor(), POLLIN, 0});
        }
        ::poll(waiting.data(), waiting.size(), -1);
        for (Line& line : lines_) {
            take_replies(line);
        }
    }

    const std::vector<std::string> topics_;
    const std::uint64_t share_;  // of what may be outstanding, for each connection
    std::vector<Line> lines_;
    std::size_t current_ = 0;
    RedisCommand command_;
    std::uint64_t sent_ = 0;
    std::uint64_t answered_ = 0;
};

class RedisAof final : public StoredSystem {
  public:
    explicit RedisAof(Tuning tuning) : is_best_(tuning == Tuning::best) {}
    std::string name() const override { return is_best_ ? "redis-aof-best" : "redis-aof"; }
    std::string version() const override { return redis_version(); }
    std::string durability() const override {
        return "sync: appendfsync always, answered after fdatasync; os: appendfsync everysec";
    }

    ServerCommand server(std::uint16_t port, const std::filesystem::path& folder, const Work& work) const override {
        ServerCommand command;
        command.arguments = redis_arguments(port, folder);
        // Rewriting the file in the background would take a processor from what is measured.
        for (const char* const argument : {"--save", "", "--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"}) {
            command.arguments.emplace_back(argument);
        }
        command.arguments.emplace_back("--appendfsync");
        command.arguments.emplace_back(work.durability == Durability::sync ? "always" : "everysec");
        command.summary = "appendonly yes, auto-aof-rewrite-percentage 0";
        if (is_best_) {
            command.summary += fmt::format("; {} connections publish", best_connections);
        }
        return command;
    }

    std::unique_ptr<AcknowledgedPublisher> acknowledged_publisher(std::uint16_t port, const Work& work) const override {
        return std::make_unique<RedisAcknowledged>(port, work, is_best_ ? best_connections : 1);
    }
    std::unique_ptr<Subscriber> subscriber(std::uint16_t port, const Work& work, std::span<Sink> sinks) const override {
        return make_stream_subscriber(port, work, sinks);
    }

    /// While it reads its file it answers with an error.
    std::uint64_t stored_records(std::uint16_t port, const Work& work) const override {
        RedisConnection connection(port);
        std::uint64_t records = 0;
        for (const std::string& topic : work.topics) {
            records += static_cast<std::uint64_t>(ask(connection, {"XLEN", topic})->integer);
        }
        return records;
    }

  private:
    bool is_best_;
};

}  // namespace

std::unique_ptr<StoredSystem> make_redis_aof(Tuning tuning) {
    return std::make_unique<RedisAof>(tuning);
}

}  // namespace leveret::compare
