// bench throughput --raw: prebuilt frames written as bytes, frames counted at the other end. What is left is the
// broker.
#include <algorithm>
#include <limits>
#include <list>
#include <thread>

#include "bench/bench_server.hpp"
#include "bench/delivery_wait.hpp"
#include "bench/participants.hpp"
#include "bench/raw_connection.hpp"

namespace leveret::cli {
namespace {

/// What one thread saw.
struct RawCount {
    std::uint64_t records = 0;
    std::uint64_t missed = 0;
    std::uint64_t out_of_order = 0;
    SteadyClock::time_point last{};
    std::string failure{};
};

/// Publishes to one topic, a frame at a time.
class RawPublisher {
  public:
    RawPublisher(const BenchOptions& options, BenchTopic& topic, RawConnection connection, TopicHandle handle)
        : options_(options),
          topic_(topic),
          connection_(std::move(connection)),
          handle_(handle),
          frame_records_(std::clamp<std::uint64_t>(options.frame_bytes / record_bytes_of(options), 1, 65'536)),
          record_bytes_(record_bytes_of(options)),
          frame_(publish_frame(handle, frame_records_, options.payload_bytes, options.one_way)) {}

    void run(const PublishPlan& plan) {
        std::uint64_t left = plan.records_max;
        while (left > 0 && count_.failure.empty() && SteadyClock::now() < plan.end) {
            const std::uint64_t granted = topic_.window.take(std::min(left, frame_records_));
            if (granted == 0) {
                std::this_thread::sleep_for(std::chrono::microseconds(50));
                continue;
            }
            publish(granted);
            left -= granted;
        }
        finish();
    }
    [[nodiscard]] const RawCount& count() const noexcept { return count_; }

  private:
    static constexpr std::uint64_t unanswered_frames_max = 64;

    void publish(std::uint64_t records) {
        if (records == frame_records_) {
            check(connection_.write(frame_));
        } else {
            check(connection_.write(publish_frame(handle_, records, options_.payload_bytes, options_.one_way)));
        }
        count_.records += records;
        if (!options_.one_way) {
            ++unanswered_;
            take_answers(unanswered_frames_max);
        }
    }

    /// Reads answers that are there, and waits while more than `unanswered_max` are not.
    void take_answers(std::uint64_t unanswered_max) {
        while (count_.failure.empty()) {
            if (unanswered_ > unanswered_max) {
                const auto frame = connection_.read_frame();
                check(frame);
                unanswered_ -= frame ? 1 : 0;
                continue;
            }
            const auto frame = connection_.poll_frame();
            check(frame);
            if (!frame || !*frame) {
                return;
            }
            --unanswered_;
        }
    }

    /// Everything has been read by the server: answers to all, or to a ping behind them.
    void finish() {
        if (options_.one_way && count_.failure.empty()) {
            std::vector<std::byte> ping;
            native::append_frame(ping, native::FrameType::ping, native::RawBody{}, Correlation{2});
            check(connection_.write(ping));
            unanswered_ = 1;
        }
        if (unanswered_ > 0) {
            take_answers(0);
        }
        count_.last = SteadyClock::now();
    }

    template <class T>
    void check(const Outcome<T>& outcome) {
        if (!outcome && count_.failure.empty()) {
            count_.failure = "publishing: " + sentence_of(outcome.error());
        }
    }

    const BenchOptions& options_;
    BenchTopic& topic_;
    RawConnection connection_;
    TopicHandle handle_;
    const std::uint64_t frame_records_;
    const std::uint64_t record_bytes_;
    const std::vector<std::byte> frame_;
    std::uint64_t unanswered_ = 0;
    RawCount count_;
};

/// Counts what one topic delivers. All records of the run have the same size: a frame's length says how many it has.
class RawSubscriber {
  public:
    RawSubscriber(const BenchOptions& options, BenchTopic& topic, std::size_t slot, RawConnection connection)
        : record_bytes_(record_bytes_of(options)), topic_(topic), slot_(slot), connection_(std::move(connection)) {}

    void run() {
        for (;;) {
            const auto frame = connection_.read_frame();
            if (!frame) {
                if (!stopping_) {
                    count_.failure = "subscription: " + sentence_of(frame.error());
                }
                return;
            }
            take(*frame);
        }
    }
    /// From another thread: makes run() return.
    void stop() {
        stopping_ = true;
        connection_.shut_down();
    }
    [[nodiscard]] const RawCount& count() const noexcept { return count_; }

  private:
    void take(const native::Frame& frame) {
        if (frame.header.type == native::FrameType::lagged) {
            if (const auto lagged = native::Lagged::decode(frame.body)) {
                count_.missed += lagged->to.value - lagged->from.value;
                next_ = lagged->to;
            }
        } else if (frame.header.type == native::FrameType::deliver) {
            const Bytes records = frame.body.subspan(native::Deliver::prefix_bytes);
            count_.out_of_order += RecordView(records.data()).offset() == next_ ? 0 : 1;
            count_.records += records.size() / record_bytes_;
            next_ = Offset{next_.value + records.size() / record_bytes_};
            count_.last = SteadyClock::now();
        }
        topic_.window.received(slot_, count_.records + count_.missed);
    }

    const std::size_t record_bytes_;
    BenchTopic& topic_;
    const std::size_t slot_;
    RawConnection connection_;
    Offset next_{};
    std::atomic<bool> stopping_{false};
    RawCount count_;
};

/// One run: a connection and a thread for each pair of a worker and a topic.
class RawRun {
  public:
    RawRun(const BenchOptions& options, const std::vector<std::string>& names)
        : options_(options), topics_(make_topics(names, options, options.window_bytes)) {}

    Outcome<void> prepare() {
        const auto server = resolve(context_, options_.common);
        if (!server) {
            return tl::unexpected(server.error());
        }
        for (std::size_t t = 0; t < topics_.size(); ++t) {
            for (std::size_t slot = 0; slot < topics_[t].subscribers; ++slot) {
                if (const auto added = add(*server, topics_[t], slot); !added) {
                    return added;
                }
            }
            for (std::size_t p = 0; p < options_.publishers; ++p) {
                if (works_on(p, options_.publishers, t, topics_.size())) {
                    if (const auto added = add(*server, topics_[t], std::nullopt); !added) {
                        return added;
                    }
                }
            }
        }
        return {};
    }

    RunResult run() {
        const auto start = SteadyClock::now();
        std::vector<std::thread> reading;
        for (RawSubscriber& subscriber : subscribers_) {
            reading.emplace_back([&subscriber] { subscriber.run(); });
        }
        publish(start);
        RunResult result;
        result.not_delivered = wait_for_deliveries(topics_);
        for (RawSubscriber& subscriber : subscribers_) {
            subscriber.stop();
        }
        for (std::thread& thread : reading) {
            thread.join();
        }
        add_up(result, start);
        return result;
    }

  private:
    /// A subscriber with this slot, or a publisher.
    Outcome<void> add(const asio::ip::tcp::endpoint& server, BenchTopic& topic, std::optional<std::size_t> slot) {
        auto connection = RawConnection::open(context_, server);
        if (!connection) {
            return tl::unexpected(connection.error());
        }
        if (const auto greeted = connection->hello(); !greeted) {
            return greeted;
        }
        const auto handle = connection->open_topic(topic.name);
        if (!handle) {
            return tl::unexpected(handle.error());
        }
        if (!slot) {
            publishers_.emplace_back(options_, topic, *std::move(connection), *handle);
            return {};
        }
        if (const auto subscribed = connection->subscribe(*handle, native::Start::Kind::earliest); !subscribed) {
            return tl::unexpected(subscribed.error());
        }
        subscribers_.emplace_back(options_, topic, *slot, *std::move(connection));
        return {};
    }

    void publish(SteadyClock::time_point start) {
        const std::uint64_t all = options_.messages.value_or(std::numeric_limits<std::uint64_t>::max() / 2);
        const std::uint64_t count = publishers_.size();
        std::vector<std::thread> publishing;
        std::uint64_t index = 0;
        for (RawPublisher& publisher : publishers_) {
            PublishPlan plan;
            plan.end = start + std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::duration<double>(options_.seconds));
            plan.records_max = all / count + (index++ < all % count ? 1 : 0);
            publishing.emplace_back([&publisher, plan] { publisher.run(plan); });
        }
        for (std::thread& thread : publishing) {
            thread.join();
        }
    }

    void add_up(RunResult& result, SteadyClock::time_point start) {
        auto last_publish = start;
        auto last_delivery = start;
        for (const RawPublisher& publisher : publishers_) {
            result.published += publisher.count().records;
            last_publish = std::max(last_publish, publisher.count().last);
            result.failure = result.failure.empty() ? publisher.count().failure : result.failure;
        }
        for (const RawSubscriber& subscriber : subscribers_) {
            result.delivered += subscriber.count().records;
            result.missed += subscriber.count().missed;
            result.out_of_order += subscriber.count().out_of_order;
            last_delivery = std::max(last_delivery, subscriber.count().last);
            result.failure = result.failure.empty() ? subscriber.count().failure : result.failure;
        }
        result.elapsed = (subscribers_.empty() ? last_publish : last_delivery) - start;
    }

    const BenchOptions& options_;
    BenchTopics topics_;
    asio::io_context context_{1};
    std::list<RawPublisher> publishers_;
    std::list<RawSubscriber> subscribers_;
};

}  // namespace

ExitCode bench_raw_throughput(const BenchOptions& options) {
    BenchServer server(options.common);
    if (const auto connected = server.connect(); !connected) {
        return fail_to_connect(options.common.host, options.common.port, connected.error());
    }
    const auto topics = server.create_topics(options.topics, topic_bytes_for(options));
    if (!topics) {
        return fail_with(topics.error());
    }
    RunResult result;
    Outcome<ServerFigures> before;
    {
        RawRun run(options, *topics);
        if (const auto prepared = run.prepare(); !prepared) {
            return fail_with(prepared.error());
        }
        before = server.figures();
        result = run.run();
    }
    const auto after = server.figures();
    if (!before || !after) {
        return fail_with(before ? after.error() : before.error());
    }
    server.remove_topics(*topics);
    return report_run(options, result, *before, *after);
}

}  // namespace leveret::cli
