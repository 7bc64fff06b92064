// NATS, by way of its C library.
#include "systems/nats.hpp"

#include <atomic>
#include <fstream>
#include <stdexcept>
#include <thread>

#include <fmt/core.h>
#include <nats/nats.h>

namespace leveret::compare {
namespace {

constexpr std::int64_t answer_timeout_ms = 60'000;

void check(natsStatus status) {
    if (status != NATS_OK) {
        throw std::runtime_error(fmt::format("nats: {}", natsStatus_GetText(status)));
    }
}

struct Deleter {
    void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
    void operator()(natsConnection* connection) const { natsConnection_Destroy(connection); }
    void operator()(natsSubscription* subscription) const { natsSubscription_Destroy(subscription); }
    void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
};
template <typename Object>
using Owned = std::unique_ptr<Object, Deleter>;

/// When a connection writes.
enum class Writes { at_once, gathered };
/// Which thread calls subscriptions back.
enum class CallsBack { thread_of_its_own, common_thread };

Owned<natsConnection> connect(std::uint16_t port, Writes writes, CallsBack calls_back = CallsBack::thread_of_its_own) {
    natsOptions* made = nullptr;
    check(natsOptions_Create(&made));
    const Owned<natsOptions> options(made);
    check(natsOptions_SetURL(made, fmt::format("nats://127.0.0.1:{}", port).c_str()));
    check(natsOptions_SetAllowReconnect(made, false));  // it would hide what was lost
    check(natsOptions_SetSendAsap(made, writes == Writes::at_once));
    check(natsOptions_UseGlobalMessageDelivery(made, calls_back == CallsBack::common_thread));
    natsConnection* connection = nullptr;
    check(natsConnection_Connect(&connection, made));
    return Owned<natsConnection>(connection);
}

/// Returns when the server has carried out everything before.
void flush(const Owned<natsConnection>& connection) {
    check(natsConnection_FlushTimeout(connection.get(), answer_timeout_ms));
}

void hand_over(Owned<natsMsg> message, Sink& sink) {
    const auto bytes = static_cast<std::size_t>(natsMsg_GetDataLength(message.get()));
    sink.take(std::as_bytes(std::span(natsMsg_GetData(message.get()), bytes)));
}

class NatsPublisher final : public LibraryPublisher {
  public:
    NatsPublisher(std::uint16_t port, const Work& work)
        : LibraryPublisher(work),
          topics_(work.topics),
          connection_(connect(port, work.one_at_a_time ? Writes::at_once : Writes::gathered)),
          is_flushed_(work.paced && !work.one_at_a_time) {}

    /// Gathered messages leave when they fill a buffer of 32 KiB, or after a millisecond, by the library's own thread.
    /// A flush, which waits for the server's answer, is the way to send them sooner, and was better for 200,000
    /// messages a second on schedule than a write for each (p50 162 against 709 us) and than that thread (782 us).
    void push() override {
        if (is_flushed_) {
            flush(connection_);
        }
    }
    void finish() override { flush(connection_); }

  protected:
    void send(std::uint32_t topic, Bytes payload) override {
        check(natsConnection_Publish(connection_.get(), topics_[topic].c_str(), payload.data(),
                                     static_cast<int>(payload.size())));
    }

  private:
    const std::vector<std::string> topics_;
    Owned<natsConnection> connection_;
    const bool is_flushed_;
};

/// The library reads with a thread per connection and calls back from another. Its documentation advises one for each
/// subscription, and one for all where they are many: 10,000 topics would be as many threads, and a connection's sink
/// is for one thread.
class NatsSubscriber final : public Subscriber {
  public:
    NatsSubscriber(std::uint16_t port, const Work& work, std::span<Sink> sinks) {
        const bool is_alone = sinks.size() == 1 && work.topics.size() == 1;
        for (Sink& sink : sinks) {
            connections_.push_back(
                connect(port, Writes::at_once, is_alone ? CallsBack::thread_of_its_own : CallsBack::common_thread));
            for (const std::string& topic : work.topics) {
                subscribe(connections_.back(), topic, sink);
            }
            flush(connections_.back());
        }
    }
    /// Returns when no callback runs or will run.
    ~NatsSubscriber() override {
        const std::size_t all = subscriptions_.size();
        subscriptions_.clear();
        while (completed_ < all) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
    NatsSubscriber(const NatsSubscriber&) = delete;
    NatsSubscriber& operator=(const NatsSubscriber&) = delete;

    void receive(std::chrono::milliseconds wait) override { std::this_thread::sleep_for(wait); }

  private:
    void subscribe(const Owned<natsConnection>& connection, const std::string& topic, Sink& sink) {
        natsSubscription* subscription = nullptr;
        check(natsConnection_Subscribe(&subscription, connection.get(), topic.c_str(), take, &sink));
        subscriptions_.emplace_back(subscription);
        constexpr int unlimited = -1;  // by default, it drops what comes when 65,536 messages wait
        check(natsSubscription_SetPendingLimits(subscription, unlimited, unlimited));
        check(natsSubscription_SetOnCompleteCB(subscription, note_completed, &completed_));
    }

    static void take(natsConnection* /*connection*/, natsSubscription* /*subscription*/, natsMsg* message, void* sink) {
        hand_over(Owned<natsMsg>(message), *static_cast<Sink*>(sink));
    }
    static void note_completed(void* completed) { ++*static_cast<std::atomic<std::size_t>*>(completed); }

    std::vector<Owned<natsConnection>> connections_;
    std::vector<Owned<natsSubscription>> subscriptions_;
    std::atomic<std::size_t> completed_ = 0;
};

/// Asks for each message: there is no thread between the one that reads and the caller.
class NatsRoundTripSubscriber final : public Subscriber {
  public:
    NatsRoundTripSubscriber(std::uint16_t port, const Work& work, std::span<Sink> sinks)
        : sink_(sinks.front()), connection_(connect(port, Writes::at_once)) {
        if (sinks.size() != 1 || work.topics.size() != 1) {
            throw std::runtime_error("nats: one at a time is for one subscriber of one topic");
        }
        natsSubscription* subscription = nullptr;
        check(natsConnection_SubscribeSync(&subscription, connection_.get(), work.topics.front().c_str()));
        subscription_.reset(subscription);
        flush(connection_);
    }

    void receive(std::chrono::milliseconds wait) override {
        natsMsg* message = nullptr;
        const natsStatus status = natsSubscription_NextMsg(&message, subscription_.get(), wait.count());
        if (status != NATS_TIMEOUT) {
            check(status);
            hand_over(Owned<natsMsg>(message), sink_);
        }
    }

  private:
    Sink& sink_;
    Owned<natsConnection> connection_;
    Owned<natsSubscription> subscription_;
};

class Nats final : public System {
  public:
    std::string name() const override { return "nats"; }
    std::string version() const override {
        constexpr std::string_view before = "nats-server: v";
        const std::string server = output_of("nats-server --version");
        return fmt::format("{}, nats.c {}", server.starts_with(before) ? server.substr(before.size()) : server,
                           nats_GetVersion());
    }

    ServerCommand server(std::uint16_t port, const std::filesystem::path& folder, const Work& /*work*/) const override {
        const std::filesystem::path file = folder / "nats.conf";
        std::ofstream(file) << "listen: \"127.0.0.1:" << port << "\"\n" << settings;
        return {{"nats-server", "--config", file.string()}, "max_pending 4GB, write_deadline 10m, ping_interval 1h"};
    }

    std::unique_ptr<Publisher> publisher(std::uint16_t port, const Work& work) const override {
        return std::make_unique<NatsPublisher>(port, work);
    }
    std::unique_ptr<Subscriber> subscriber(std::uint16_t port, const Work& work, std::span<Sink> sinks) const override {
        if (work.one_at_a_time) {
            return std::make_unique<NatsRoundTripSubscriber>(port, work, sinks);
        }
        return std::make_unique<NatsSubscriber>(port, work, sinks);
    }
    std::unique_ptr<RawProtocol> raw_protocol(const Work& work) const override { return make_nats_protocol(work); }

  private:
    // The server closes the connection of a subscriber for which max_pending waits, or that takes nothing for
    // write_deadline, and holds publishers up from three quarters of max_pending.
    static constexpr std::string_view settings =
        "max_pending: 4GB\n"
        "write_deadline: \"10m\"\n"
        "ping_interval: \"1h\"\n"
        "max_connections: 100000\n";
};

}  // namespace

std::unique_ptr<System> make_nats() {
    return std::make_unique<Nats>();
}

}  // namespace leveret::compare
