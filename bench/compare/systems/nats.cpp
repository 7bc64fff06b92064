// NATS, by way of its C library.
#include "systems/nats.hpp"

#include <atomic>
#include <fstream>
#include <stdexcept>
#include <thread>

#include <fmt/core.h>

#include "systems/nats_library.hpp"

namespace leveret::compare {
namespace {

class NatsPublisher final : public LibraryPublisher {
  public:
    NatsPublisher(std::uint16_t port, const Work& work)
        : LibraryPublisher(work),
          topics_(work.topics),
          connection_(connect_nats(port, work.one_at_a_time ? Writes::at_once : Writes::gathered)),
          is_flushed_(work.paced && !work.one_at_a_time) {}

    /// Gathered messages leave when they fill a buffer of 32 KiB, or after a millisecond, by the library's own thread.
    /// A flush, which waits for the server's answer, is the way to send them sooner, and was better for 200,000
    /// messages a second on schedule than a write for each (p50 162 against 709 us) and than that thread (782 us).
    void push() override {
        if (is_flushed_) {
            flush_nats(connection_);
        }
    }
    void finish() override { flush_nats(connection_); }

  protected:
    void send(std::uint32_t topic, Bytes payload) override {
        check_nats(natsConnection_Publish(connection_.get(), topics_[topic].c_str(), payload.data(),
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
            connections_.push_back(connect_nats(port, Writes::at_once,
                                                is_alone ? CallsBack::thread_of_its_own : CallsBack::common_thread));
            for (const std::string& topic : work.topics) {
                subscribe(connections_.back(), topic, sink);
            }
            flush_nats(connections_.back());
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
        check_nats(natsConnection_Subscribe(&subscription, connection.get(), topic.c_str(), take, &sink));
        subscriptions_.emplace_back(subscription);
        keep_all(subscription, completed_);
    }

    static void take(natsConnection* /*connection*/, natsSubscription* /*subscription*/, natsMsg* message, void* sink) {
        hand_over(Owned<natsMsg>(message), *static_cast<Sink*>(sink));
    }

    std::vector<Owned<natsConnection>> connections_;
    std::vector<Owned<natsSubscription>> subscriptions_;
    std::atomic<std::size_t> completed_ = 0;
};

/// Asks for each message: there is no thread between the one that reads and the caller.
class NatsRoundTripSubscriber final : public Subscriber {
  public:
    NatsRoundTripSubscriber(std::uint16_t port, const Work& work, std::span<Sink> sinks)
        : sink_(sinks.front()), connection_(connect_nats(port, Writes::at_once)) {
        if (sinks.size() != 1 || work.topics.size() != 1) {
            throw std::runtime_error("nats: one at a time is for one subscriber of one topic");
        }
        natsSubscription* subscription = nullptr;
        check_nats(natsConnection_SubscribeSync(&subscription, connection_.get(), work.topics.front().c_str()));
        subscription_.reset(subscription);
        flush_nats(connection_);
    }

    void receive(std::chrono::milliseconds wait) override {
        natsMsg* message = nullptr;
        const natsStatus status = natsSubscription_NextMsg(&message, subscription_.get(), wait.count());
        if (status != NATS_TIMEOUT) {
            check_nats(status);
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
    std::string version() const override { return nats_version(); }

    ServerCommand server(std::uint16_t port, const std::filesystem::path& folder, const Work& /*work*/) const override {
        return {nats_arguments(port, folder, {}), nats_settings_summary};
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
};

// The server closes the connection of a subscriber for which max_pending waits, or that takes nothing for
// write_deadline, and holds publishers up from three quarters of max_pending.
constexpr std::string_view settings =
    "max_pending: 4GB\n"
    "write_deadline: \"10m\"\n"
    "ping_interval: \"1h\"\n"
    "max_connections: 100000\n";

}  // namespace

std::string nats_version() {
    constexpr std::string_view before = "nats-server: v";
    const std::string server = output_of("nats-server --version");
    return fmt::format("{}, nats.c {}", server.starts_with(before) ? server.substr(before.size()) : server,
                       nats_GetVersion());
}

std::vector<std::string> nats_arguments(std::uint16_t port, const std::filesystem::path& folder,
                                        std::string_view more_settings) {
    const std::filesystem::path file = folder / "nats.conf";
    std::ofstream(file) << "listen: \"127.0.0.1:" << port << "\"\n" << settings << more_settings;
    return {"nats-server", "--config", file.string()};
}

std::unique_ptr<System> make_nats() {
    return std::make_unique<Nats>();
}

}  // namespace leveret::compare
