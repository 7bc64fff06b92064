// Those who publish and subscribe in a benchmark, by way of the client library.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <asio/awaitable.hpp>

#include "bench/histogram.hpp"
#include "bench/options.hpp"
#include "bench/report.hpp"
#include "bench/stamp.hpp"
#include "bench/window.hpp"
#include "leveret/client.hpp"

namespace leveret::cli {

using SteadyClock = std::chrono::steady_clock;

/// A topic of one run. Shared by all threads; outlives the participants.
struct BenchTopic {
    BenchTopic(std::string topic_name, std::size_t topic_subscribers, std::uint64_t window_records)
        : name(std::move(topic_name)), subscribers(topic_subscribers), window(topic_subscribers, window_records) {}
    const std::string name;
    const std::size_t subscribers;
    Window window;
};
using BenchTopics = std::deque<BenchTopic>;

/// Topics for a run, each with its number of subscribers and its share of the window.
[[nodiscard]] BenchTopics make_topics(const std::vector<std::string>& names, const BenchOptions& options,
                                      std::uint64_t window_bytes);

/// Until when a publisher goes on, and at which pace.
struct PublishPlan {
    SteadyClock::time_point start;
    SteadyClock::time_point end;
    std::uint64_t records_max = 0;
    std::chrono::nanoseconds interval{0};  ///< between two records of this publisher, in a run with a schedule
};

/// One connection that publishes. All coroutines run on the executor given at construction; `add_to` once it is still.
class BenchPublisher {
  public:
    BenchPublisher(asio::any_io_executor executor, const BenchOptions& options, std::size_t index, BenchTopics& topics);

    [[nodiscard]] asio::awaitable<Outcome<void>> prepare();
    /// As fast as the windows and the client take records. Returns when all have been written and acknowledged.
    [[nodiscard]] asio::awaitable<void> publish_all(PublishPlan plan);
    /// At the plan's times, whatever happens: a record that is late counts from when it was due.
    [[nodiscard]] asio::awaitable<void> publish_on_schedule(PublishPlan plan);
    [[nodiscard]] asio::awaitable<void> stop();

    void add_to(RunResult& result) const;

  private:
    struct Lane {
        BenchTopic& topic;
        Publisher publisher;
        std::uint64_t sequence = 0;
    };
    [[nodiscard]] std::error_code try_send(Lane& lane, std::int64_t scheduled_ns);
    [[nodiscard]] asio::awaitable<void> send(Lane& lane, std::int64_t scheduled_ns);
    [[nodiscard]] asio::awaitable<void> finish();
    void fail(const Failure& failure);

    asio::any_io_executor executor_;
    const BenchOptions& options_;
    const std::uint32_t index_;
    BenchTopics& topics_;
    Client client_;
    std::vector<Lane> lanes_;
    std::vector<std::byte> payload_;
    std::uint64_t published_ = 0;
    std::uint64_t failed_ = 0;
    Histogram acknowledgement_latency_;
    Histogram send_delay_;
    std::string failure_;
};

/// One connection that subscribes, to one topic or several.
class BenchSubscriber {
  public:
    /// `slots[t]` is this subscriber's number among those of topic t.
    BenchSubscriber(asio::any_io_executor executor, const BenchOptions& options, std::size_t index, BenchTopics& topics,
                    const std::vector<std::size_t>& slots);

    [[nodiscard]] asio::awaitable<Outcome<void>> prepare();
    [[nodiscard]] std::size_t stream_count() const noexcept { return streams_.size(); }
    /// Reads one of the topics until stop().
    [[nodiscard]] asio::awaitable<void> read(std::size_t stream);
    [[nodiscard]] asio::awaitable<void> stop();

    void add_to(RunResult& result) const;
    [[nodiscard]] SteadyClock::time_point last_delivery() const noexcept { return last_delivery_; }

  private:
    struct Stream {
        BenchTopic& topic;
        std::size_t slot;
        SequenceCheck check;
        std::optional<Subscription> subscription{};
        std::uint64_t delivered = 0;
        std::uint64_t missed = 0;
    };
    /// Each says whether to go on.
    bool take(Stream& stream, const Delivery& delivery);
    bool take(Stream& stream, const Missed& missed);
    bool take(Stream& stream, const TopicChanged& changed);
    bool take(Stream& stream, const Closed& closed);

    const BenchOptions& options_;
    Client client_;
    std::deque<Stream> streams_;
    SteadyClock::time_point last_delivery_{};
    Histogram delivery_latency_;
    std::string failure_;
};

}  // namespace leveret::cli
