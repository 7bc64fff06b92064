// NATS JetStream with file storage, by way of its C library.
//
// It answers a publish when the record has been written to the system, not when it would survive a power cut: this
// version of the server (2.9) syncs its files every two minutes and has no setting for doing so before it answers.
#include <algorithm>
#include <atomic>
#include <thread>

#include <nlohmann/json.hpp>

#include "socket.hpp"
#include "stored_system.hpp"
#include "systems/nats_library.hpp"

namespace leveret::compare {
namespace {

/// Two processors, thousand records a second: 256 outstanding 173, 1,024 191, 4,096 199, 16,384 216, 65,536 199 (a
/// write for each record instead of gathering them: 110, 140, 200, 219, 227). Beyond 4,096 that is noise.
constexpr std::uint64_t best_outstanding = 16'384;

/// One request to JetStream, without the library: whoever starts servers has no threads.
nlohmann::json request(std::uint16_t port, const std::string& subject, const std::string& body) {
    Socket socket(port);
    socket.write(
        fmt::format("CONNECT {{\"verbose\":false,\"pedantic\":false,\"lang\":\"c++\",\"version\":\"1\"}}\r\n"
                    "SUB answer 1\r\nPUB $JS.API.{} answer {}\r\n{}\r\n",
                    subject, body.size(), body));
    for (;;) {
        const std::string line = socket.read_line();
        if (line.starts_with("MSG ")) {
            const std::size_t bytes = std::stoul(line.substr(line.rfind(' ') + 1));
            const std::vector<std::byte> answer = socket.read_exactly(bytes);
            nlohmann::json json = nlohmann::json::parse(as_text(answer));
            if (json.contains("error")) {
                throw std::runtime_error("jetstream: " + json["error"].dump());
            }
            return json;
        }
        if (line.starts_with("-ERR")) {
            throw std::runtime_error("jetstream: " + line);
        }
    }
}

/// Publishes through one connection; the library waits while MaxPending records have no answer. One at a time there is
/// a call that waits for the answer.
class JetStreamPublisher final : public AcknowledgedPublisher {
  public:
    JetStreamPublisher(std::uint16_t port, const Work& work)
        : AcknowledgedPublisher(work),
          topics_(work.topics),
          is_one_at_a_time_(work.outstanding == 1),
          connection_(connect_nats(port, is_one_at_a_time_ || work.paced ? Writes::at_once : Writes::gathered)) {
        jsOptions options;
        check_nats(jsOptions_Init(&options));
        options.PublishAsync.MaxPending = static_cast<std::int64_t>(work.outstanding);
        options.PublishAsync.StallWait = nats_answer_timeout_ms;
        options.PublishAsync.AckHandler = take;
        options.PublishAsync.AckHandlerClosure = this;
        jsCtx* made = nullptr;
        check_nats(natsConnection_JetStream(&made, connection_.get(), &options));
        context_.reset(made);
    }
    ~JetStreamPublisher() override { context_.reset(); }
    JetStreamPublisher(const JetStreamPublisher&) = delete;
    JetStreamPublisher& operator=(const JetStreamPublisher&) = delete;

    /// The library's own thread writes what is gathered.
    void push() override {}
    void finish() override {
        if (!is_one_at_a_time_) {
            jsPubOptions options;
            check_nats(jsPubOptions_Init(&options));
            options.MaxWait = nats_answer_timeout_ms;
            check_nats(js_PublishAsyncComplete(context_.get(), &options));
        }
        const auto deadline = SteadyClock::now() + std::chrono::milliseconds(nats_answer_timeout_ms);
        while (answered_ < sent_ && SteadyClock::now() < deadline) {
            std::this_thread::yield();
        }
        if (errors_ > 0 || answered_ < sent_) {
            throw std::runtime_error(fmt::format("jetstream: {} of {} records answered, {} with an error",
                                                 answered_.load(), sent_, errors_.load()));
        }
    }
    std::uint64_t answered() const override { return answered_; }

  protected:
    void send(std::uint32_t topic, Bytes payload) override {
        ++sent_;
        const auto size = static_cast<int>(payload.size());
        if (!is_one_at_a_time_) {
            check_nats(js_PublishAsync(context_.get(), topics_[topic].c_str(), payload.data(), size, nullptr));
            return;
        }
        jsPubAck* answer = nullptr;
        check_nats(js_Publish(&answer, context_.get(), topics_[topic].c_str(), payload.data(), size, nullptr, nullptr));
        const Owned<jsPubAck> owned(answer);
        ++answered_;
    }

  private:
    /// On a thread of the library's.
    static void take(jsCtx* /*context*/, natsMsg* message, jsPubAck* /*answer*/, jsPubAckErr* error, void* self) {
        const Owned<natsMsg> owned(message);
        auto& publisher = *static_cast<JetStreamPublisher*>(self);
        publisher.errors_ += error != nullptr ? 1 : 0;
        ++publisher.answered_;
    }

    const std::vector<std::string> topics_;
    const bool is_one_at_a_time_;
    Owned<natsConnection> connection_;
    Owned<jsCtx> context_;
    std::uint64_t sent_ = 0;
    std::atomic<std::uint64_t> answered_ = 0;
    std::atomic<std::uint64_t> errors_ = 0;
};

/// Ordered consumers: nothing is acknowledged, and what is missed is asked for again.
class JetStreamSubscriber final : public Subscriber {
  public:
    JetStreamSubscriber(std::uint16_t port, const Work& work, std::span<Sink> sinks) {
        for (Sink& sink : sinks) {
            connections_.push_back(connect_nats(port, Writes::at_once));
            jsCtx* made = nullptr;
            check_nats(natsConnection_JetStream(&made, connections_.back().get(), nullptr));
            contexts_.emplace_back(made);
            for (const std::string& topic : work.topics) {
                subscribe(made, topic, work.from_latest, sink);
            }
            flush_nats(connections_.back());
        }
    }
    /// Returns when no callback runs or will run. The connections are closed first: the library's reading thread may
    /// still use an ordered subscription that has been destroyed.
    ~JetStreamSubscriber() override {
        for (const Owned<natsConnection>& connection : connections_) {
            natsConnection_Close(connection.get());
        }
        while (completed_ < subscriptions_.size()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
    JetStreamSubscriber(const JetStreamSubscriber&) = delete;
    JetStreamSubscriber& operator=(const JetStreamSubscriber&) = delete;

    void receive(std::chrono::milliseconds wait) override { std::this_thread::sleep_for(wait); }

  private:
    void subscribe(jsCtx* context, const std::string& topic, bool from_latest, Sink& sink) {
        jsSubOptions options;
        check_nats(jsSubOptions_Init(&options));
        options.Stream = topic.c_str();
        options.Ordered = true;
        options.Config.DeliverPolicy = from_latest ? js_DeliverNew : js_DeliverAll;
        natsSubscription* subscription = nullptr;
        check_nats(js_Subscribe(&subscription, context, topic.c_str(), take, &sink, nullptr, &options, nullptr));
        subscriptions_.emplace_back(subscription);
        keep_all(subscription, completed_);
    }

    static void take(natsConnection* /*connection*/, natsSubscription* /*subscription*/, natsMsg* message, void* sink) {
        hand_over(Owned<natsMsg>(message), *static_cast<Sink*>(sink));
    }

    std::vector<Owned<natsConnection>> connections_;
    std::vector<Owned<jsCtx>> contexts_;
    std::vector<Owned<natsSubscription>> subscriptions_;
    std::atomic<std::size_t> completed_ = 0;
};

class JetStream final : public StoredSystem {
  public:
    explicit JetStream(Tuning tuning) : is_best_(tuning == Tuning::best) {}
    std::string name() const override { return is_best_ ? "nats-jetstream-best" : "nats-jetstream"; }
    std::string version() const override { return nats_version(); }
    std::string durability() const override {
        return "os, whatever the workload: answered when written to the system, synced every 2 minutes";
    }

    ServerCommand server(std::uint16_t port, const std::filesystem::path& folder, const Work& /*work*/) const override {
        const std::string settings =
            fmt::format("jetstream {{ store_dir: \"{}\", max_file_store: 64GB, max_memory_store: 1GB }}\n",
                        (folder / "jetstream").string());
        std::string summary = std::string(nats_settings_summary) + ", file storage";
        if (is_best_) {
            summary += fmt::format("; {} outstanding where others have 4096", best_outstanding);
        }
        return {nats_arguments(port, folder, settings), summary};
    }

    void prepare(std::uint16_t port, const Work& work) const override {
        for (const std::string& topic : work.topics) {
            const nlohmann::json stream{{"name", topic},     {"subjects", {topic}}, {"retention", "limits"},
                                        {"storage", "file"}, {"max_msgs", -1},      {"max_bytes", -1},
                                        {"max_age", 0},      {"max_consumers", -1}, {"num_replicas", 1},
                                        {"discard", "old"}};
            static_cast<void>(request(port, "STREAM.CREATE." + topic, stream.dump()));
        }
    }

    std::unique_ptr<AcknowledgedPublisher> acknowledged_publisher(std::uint16_t port, const Work& work) const override {
        Work tuned = work;
        tuned.outstanding = is_best_ && work.outstanding > 1 ? best_outstanding : work.outstanding;
        return std::make_unique<JetStreamPublisher>(port, tuned);
    }
    std::unique_ptr<Subscriber> subscriber(std::uint16_t port, const Work& work, std::span<Sink> sinks) const override {
        return std::make_unique<JetStreamSubscriber>(port, work, sinks);
    }

    std::uint64_t stored_records(std::uint16_t port, const Work& work) const override {
        std::uint64_t records = 0;
        for (const std::string& topic : work.topics) {
            records += request(port, "STREAM.INFO." + topic, {})["state"]["messages"].get<std::uint64_t>();
        }
        return records;
    }

  private:
    bool is_best_;
};

}  // namespace

std::unique_ptr<StoredSystem> make_jetstream(Tuning tuning) {
    return std::make_unique<JetStream>(tuning);
}

}  // namespace leveret::compare
