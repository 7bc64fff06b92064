// Leveret, by way of its own client library.
#include "systems/leveret.hpp"

#include <deque>
#include <functional>
#include <stdexcept>

#include "leveret/blocking_client.hpp"
#include "systems/leveret_client.hpp"

namespace leveret::compare {
namespace {

class NativePublisher final : public LibraryPublisher {
  public:
    NativePublisher(std::uint16_t port, const Work& work)
        : LibraryPublisher(work), publishers_(port, work.topics), has_keys_(work.distinct_keys) {}
    void push() override { publishers_.push(); }
    void finish() override { publishers_.flush(); }

  protected:
    void send(std::uint32_t topic, Bytes payload) override {
        Message message(payload);
        if (has_keys_) {
            ++key_[0];
            message.key = as_text(std::as_bytes(std::span(key_)));
        }
        publishers_.send(topic, [&](leveret::Publisher& publisher) { return publisher.send(message); });
    }

  private:
    ClientPublishers publishers_;
    const bool has_keys_;
    std::array<std::uint64_t, 2> key_{};
};

class NativeSubscriber final : public Subscriber {
  public:
    NativeSubscriber(std::uint16_t port, const Work& work, std::span<Sink> sinks) {
        for (Sink& sink : sinks) {
            clients_.emplace_back(loop_.context().get_executor());
            loop_.run(connect(clients_.back(), port, work, sink));
        }
    }
    void receive(std::chrono::milliseconds wait) override { loop_.context().run_one_for(wait); }

  private:
    asio::awaitable<void> connect(Client& client, std::uint16_t port, Work work, Sink& sink) {
        const ClientOptions options = client_options(port);
        check(co_await client.connect(options));
        const From from = work.from_latest ? From::latest() : From::earliest();
        for (const std::string& topic : work.topics) {
            auto subscription = co_await client.subscribe(topic, from);
            check(subscription);
            const auto take_record = [&sink](RecordView record) { sink.take(record.payload()); };
            subscription->on_received([each = std::function<void(RecordView)>(take_record)](const Received& received) {
                hand_over(received, each);
            });
            subscriptions_.push_back(*std::move(subscription));
        }
    }

    /// The library hands over many records at once; the others call back for each message, so each is called for.
    static void hand_over(const Received& received, const std::function<void(RecordView)>& each) {
        const Delivery* const delivery = std::get_if<Delivery>(&received);
        if (delivery == nullptr) {
            throw std::runtime_error("leveret: records were missed, or the subscription ended");
        }
        for (const RecordView record : *delivery) {
            each(record);
        }
    }

    Loop loop_;
    std::deque<Client> clients_;
    std::deque<Subscription> subscriptions_;
};

class Leveret : public System {
    static void add(ServerCommand& command, const std::vector<std::string>& limits) {
        command.arguments.insert(command.arguments.end(), limits.begin(), limits.end());
    }

  public:
    std::string name() const override { return "leveret"; }
    std::string version() const override { return output_of(leveret_server_program() + " --version"); }

    ServerCommand server(std::uint16_t port, const std::filesystem::path& /*folder*/, const Work& work) const override {
        ServerCommand command;
        command.arguments = {
            leveret_server_program(), "--port", std::to_string(port), "--threads", "1", "--log-level", "warn"};
        command.summary = "--threads 1";
        if (work.retained_bytes > 0) {
            add(command, {"--memory-bytes-max", "6G", "--topic-bytes-max", "4G", "--topic-records-max", "32M"});
        }
        if (work.window_ms > 0) {
            add(command, {"--memory-bytes-max", "6G", "--window-keys-max", "32M"});
        }
        return command;
    }

    void prepare(std::uint16_t port, const Work& work) const override {
        if (work.retained_bytes + work.window_ms + work.retention_ms == 0) {
            return;
        }
        BlockingClient client;
        check(client.connect(client_options(port)));
        for (const std::string& topic : work.topics) {
            check(client.create_topic(topic, {.retention_ttl_ms = work.retention_ms,
                                              .compaction_window_ms = work.window_ms,
                                              .retention_bytes = work.retained_bytes}));
        }
    }

    std::unique_ptr<Publisher> publisher(std::uint16_t port, const Work& work) const override {
        return std::make_unique<NativePublisher>(port, work);
    }
    std::unique_ptr<Subscriber> subscriber(std::uint16_t port, const Work& work, std::span<Sink> sinks) const override {
        return make_native_subscriber(port, work, sinks);
    }
    std::unique_ptr<RawProtocol> raw_protocol(const Work& work) const override { return make_native_protocol(work); }
};

/// The same, but its server goes to sleep at once where there is nothing to do, as the others' do.
class LeveretNoPolling final : public Leveret {
  public:
    std::string name() const override { return "leveret-no-polling"; }
    ServerCommand server(std::uint16_t port, const std::filesystem::path& folder, const Work& work) const override {
        ServerCommand command = Leveret::server(port, folder, work);
        command.arguments.insert(command.arguments.end(), {"--busy-poll-us", "0"});
        command.summary += " --busy-poll-us 0";
        return command;
    }
};

/// The same server, spoken to in the other dialect, which has no library for streams.
class LeveretZaichik final : public Leveret {
  public:
    std::unique_ptr<RawProtocol> raw_protocol(const Work& work) const override { return make_zaichik_protocol(work); }
};

std::uint64_t figure(const auto& figures, std::string_view name) {
    for (const auto& [figure_name, value] : figures) {
        if (figure_name == name) {
            return value;
        }
    }
    throw std::runtime_error("leveret: the server does not say " + std::string(name));
}

}  // namespace

void look_at_window(std::uint16_t port, RunResult& result) {
    BlockingClient client;
    check(client.connect(client_options(port)));
    const auto topics = client.list_topics();
    check(topics);
    const auto topic = client.describe_topic(topics->front().name);
    check(topic);
    result.window_keys = figure(topic->figures, "window_keys");
    if (*result.window_keys > 0) {
        result.memory_per_key_bytes =
            static_cast<double>(figure(topic->figures, "window_bytes")) / static_cast<double>(*result.window_keys);
    }
}

std::unique_ptr<Subscriber> make_native_subscriber(std::uint16_t port, const Work& work, std::span<Sink> sinks) {
    return std::make_unique<NativeSubscriber>(port, work, sinks);
}
std::unique_ptr<System> make_leveret() {
    return std::make_unique<Leveret>();
}
std::unique_ptr<System> make_leveret_no_polling() {
    return std::make_unique<LeveretNoPolling>();
}
std::unique_ptr<System> make_leveret_zaichik() {
    return std::make_unique<LeveretZaichik>();
}

}  // namespace leveret::compare
