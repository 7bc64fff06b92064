// bench roundtrip: one record at a time, from publish to delivery on the same connection; beside it, the same bytes to
// a bare echo server.
#include <algorithm>
#include <memory>

#include <fmt/core.h>

#include "bench/bench_server.hpp"
#include "bench/echo_server.hpp"
#include "bench/participants.hpp"
#include "bench/processors.hpp"
#include "bench/raw_connection.hpp"
#include "bench/report.hpp"
#include "output.hpp"

namespace leveret::cli {
namespace {

/// The client runs on the first processor, what it talks to on the second.
constexpr unsigned client_processor = 0;
constexpr unsigned server_processor = 1;

/// Something that answers one message with another.
class RoundTrip {
  public:
    virtual ~RoundTrip() = default;
    /// Makes `count` trips one after the other and notes how long each took.
    [[nodiscard]] virtual Outcome<void> run(std::uint64_t count, Histogram& latencies) = 0;
};

/// By way of the client library.
class LibraryRoundTrip final : public RoundTrip {
  public:
    explicit LibraryRoundTrip(const BenchOptions& options)
        : options_(options), payload_(options.payload_bytes), client_(loop_.context().get_executor()) {}

    Outcome<void> prepare(const std::string& topic) { return loop_.run(connect(topic)); }
    Outcome<void> run(std::uint64_t count, Histogram& latencies) override { return loop_.run(trips(count, latencies)); }

  private:
    asio::awaitable<Outcome<void>> connect(std::string topic) {
        const ClientOptions how = client_options(options_.common);
        const auto connected = co_await client_.connect(how);
        if (!connected) {
            co_return connected;
        }
        auto publisher = co_await client_.publisher(topic);
        if (!publisher) {
            co_return tl::unexpected(publisher.error());
        }
        publisher_ = *std::move(publisher);
        auto subscription = co_await client_.subscribe(topic);
        if (!subscription) {
            co_return tl::unexpected(subscription.error());
        }
        subscription_ = *std::move(subscription);
        co_return Outcome<void>();
    }

    std::error_code publish() {
        const Message message{Bytes(payload_)};
        return options_.one_way ? publisher_->send(message)
                                : publisher_->send(message, [](const Outcome<Acknowledgement>& /*answer*/) {});
    }

    asio::awaitable<Outcome<void>> trips(std::uint64_t count, Histogram& latencies) {
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto start = SteadyClock::now();
            const std::error_code error = publish();
            if (error) {
                co_return tl::unexpected(Failure{error, error.message()});
            }
            const Received received = co_await subscription_->next();
            if (!std::holds_alternative<Delivery>(received)) {
                const Closed* closed = std::get_if<Closed>(&received);
                co_return tl::unexpected(closed != nullptr ? closed->failure : Failure{{}, "a record was missed"});
            }
            latencies.add(SteadyClock::now() - start);
        }
        co_return Outcome<void>();
    }

    const BenchOptions& options_;
    const std::vector<std::byte> payload_;
    InlineLoop loop_;
    Client client_;
    std::optional<Publisher> publisher_;
    std::optional<Subscription> subscription_;
};

/// Prebuilt frames on a blocking socket.
class RawRoundTrip final : public RoundTrip {
  public:
    RawRoundTrip(RawConnection connection, std::vector<std::byte> frame)
        : connection_(std::move(connection)), frame_(std::move(frame)) {}

    Outcome<void> run(std::uint64_t count, Histogram& latencies) override {
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto start = SteadyClock::now();
            if (const auto written = connection_.write(frame_); !written) {
                return written;
            }
            for (bool delivered = false; !delivered;) {
                const auto frame = connection_.read_frame();
                if (!frame) {
                    return tl::unexpected(frame.error());
                }
                delivered = frame->header.type == native::FrameType::deliver;
            }
            latencies.add(SteadyClock::now() - start);
        }
        return {};
    }

  private:
    RawConnection connection_;
    const std::vector<std::byte> frame_;
};

/// The same number of bytes to the echo server: its answer is that frame again.
class EchoRoundTrip final : public RoundTrip {
  public:
    EchoRoundTrip(RawConnection connection, std::vector<std::byte> frame)
        : connection_(std::move(connection)), frame_(std::move(frame)) {}

    Outcome<void> run(std::uint64_t count, Histogram& latencies) override {
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto start = SteadyClock::now();
            if (const auto written = connection_.write(frame_); !written) {
                return written;
            }
            if (const auto frame = connection_.read_frame(); !frame) {
                return tl::unexpected(frame.error());
            }
            latencies.add(SteadyClock::now() - start);
        }
        return {};
    }

  private:
    RawConnection connection_;
    const std::vector<std::byte> frame_;
};

template <class T>
using Made = Outcome<std::unique_ptr<T>>;

Made<RoundTrip> make_raw_round_trip(asio::io_context& context, const BenchOptions& options, const std::string& topic) {
    const auto server = resolve(context, options.common);
    auto connection = server ? RawConnection::open(context, *server) : tl::unexpected(server.error());
    if (!connection) {
        return tl::unexpected(connection.error());
    }
    if (const auto greeted = connection->hello(); !greeted) {
        return tl::unexpected(greeted.error());
    }
    const auto handle = connection->open_topic(topic);
    if (!handle) {
        return tl::unexpected(handle.error());
    }
    if (const auto subscribed = connection->subscribe(*handle, native::Start::Kind::latest); !subscribed) {
        return tl::unexpected(subscribed.error());
    }
    return std::make_unique<RawRoundTrip>(*std::move(connection),
                                          publish_frame(*handle, 1, options.payload_bytes, options.one_way));
}

Made<RoundTrip> make_round_trip(asio::io_context& context, const BenchOptions& options, const std::string& topic) {
    if (options.raw) {
        return make_raw_round_trip(context, options, topic);
    }
    auto trip = std::make_unique<LibraryRoundTrip>(options);
    if (const auto prepared = trip->prepare(topic); !prepared) {
        return tl::unexpected(prepared.error());
    }
    return trip;
}

Made<RoundTrip> make_echo_trip(asio::io_context& context, const BenchOptions& options, const EchoServer& echo) {
    auto connection = RawConnection::open(context, {asio::ip::address_v4::loopback(), echo.port()});
    if (!connection) {
        return tl::unexpected(connection.error());
    }
    return std::make_unique<EchoRoundTrip>(*std::move(connection),
                                           publish_frame(TopicHandle{1}, 1, options.payload_bytes, true));
}

/// A round trip and what was measured of it.
struct Contender {
    std::unique_ptr<RoundTrip> trip;
    Histogram latencies{};
};

/// Takes turns, a block each, so that whatever else happens on the machine hits all alike.
Outcome<void> measure(std::vector<Contender*> contenders, const BenchOptions& options) {
    constexpr std::uint64_t block_trips = 1'000;
    const std::uint64_t trips = options.messages.value_or(std::numeric_limits<std::uint64_t>::max());
    Histogram warm_up;
    for (Contender* contender : contenders) {
        if (const auto ran = contender->trip->run(block_trips, warm_up); !ran) {
            return ran;
        }
    }
    const auto end = SteadyClock::now() + std::chrono::duration_cast<std::chrono::nanoseconds>(
                                              std::chrono::duration<double>(options.seconds));
    for (std::uint64_t made = 0; made < trips && SteadyClock::now() < end; made += block_trips) {
        for (Contender* contender : contenders) {
            if (const auto ran = contender->trip->run(std::min(block_trips, trips - made), contender->latencies);
                !ran) {
                return ran;
            }
        }
    }
    return {};
}

void report(const BenchOptions& options, const Histogram& broker, const Histogram* echo) {
    const auto ratio = [&](double quantile) {
        return static_cast<double>(broker.quantile(quantile).count()) /
               static_cast<double>(std::max<std::int64_t>(echo->quantile(quantile).count(), 1));
    };
    Output output;
    if (options.common.json) {
        Json object{{"mode", "roundtrip"},        {"payload_bytes", options.payload_bytes},
                    {"one_way", options.one_way}, {"raw", options.raw},
                    {"pinned", options.pin},      {"broker", json_of(broker)}};
        if (echo != nullptr) {
            object["echo"] = json_of(*echo);
            object["ratio_p50"] = ratio(0.5);
            object["ratio_p99"] = ratio(0.99);
        }
        output.line(object.dump());
        return;
    }
    output.line(fmt::format("roundtrip: payloads of {} bytes, {}, {}, {} trips", options.payload_bytes,
                            options.one_way ? "one-way" : "acknowledged", options.raw ? "raw frames" : "client library",
                            broker.count()));
    output.line(fmt::format("  {:<16} {}", "broker", text_of(broker)));
    if (echo != nullptr) {
        output.line(fmt::format("  {:<16} {}", "bare echo", text_of(*echo)));
        output.line(fmt::format("  {:<16} p50 {:.2f}   p99 {:.2f}", "ratio", ratio(0.5), ratio(0.99)));
    }
}

/// Pins this process, and the broker where its process id is known.
Outcome<void> pin(const BenchOptions& options) {
    std::error_code error = pin_this_thread(client_processor);
    if (!error && options.server_pid) {
        error = pin_process(*options.server_pid, server_processor);
    } else if (!error) {
        say(fmt::format("the broker is not pinned: run `taskset -a -cp {} PID` on it, or give --server-pid PID",
                        server_processor));
    }
    return error ? Outcome<void>(tl::unexpected(Failure{error, "pinning: " + error.message()})) : Outcome<void>();
}

Outcome<void> run_round_trips(const BenchOptions& options, const std::string& topic, const EchoServer* echo_server) {
    asio::io_context context(1);
    auto broker_trip = make_round_trip(context, options, topic);
    if (!broker_trip) {
        return tl::unexpected(broker_trip.error());
    }
    Contender broker{*std::move(broker_trip)};
    Contender echo{};
    std::vector<Contender*> contenders{&broker};
    if (echo_server != nullptr) {
        auto echo_trip = make_echo_trip(context, options, *echo_server);
        if (!echo_trip) {
            return tl::unexpected(echo_trip.error());
        }
        echo.trip = *std::move(echo_trip);
        contenders.push_back(&echo);
    }
    const auto measured = measure(contenders, options);
    if (measured) {
        report(options, broker.latencies, echo_server != nullptr ? &echo.latencies : nullptr);
    }
    return measured;
}

}  // namespace

ExitCode bench_roundtrip(const BenchOptions& options) {
    std::optional<EchoServer> echo;
    if (options.baseline) {
        auto started = EchoServer::start(options.pin ? std::optional(server_processor) : std::nullopt);
        if (!started) {
            return fail_with(started.error());
        }
        echo.emplace(*std::move(started));
    }
    if (options.pin) {
        if (const auto pinned = pin(options); !pinned) {
            say(pinned.error().text);
            return ExitCode::failed;
        }
    }
    BenchServer server(options.common);
    if (const auto connected = server.connect(); !connected) {
        return fail_to_connect(options.common.host, options.common.port, connected.error());
    }
    const auto topics = server.create_topics(1, topic_bytes_for(options));
    if (!topics) {
        return fail_with(topics.error());
    }
    const auto ran = run_round_trips(options, topics->front(), echo ? &*echo : nullptr);
    server.remove_topics(*topics);
    return ran ? ExitCode::ok : fail_with(ran.error());
}

}  // namespace leveret::cli
