// bench throughput, fanout and latency, by way of the client library.
#include <algorithm>
#include <future>
#include <limits>
#include <thread>

#include <asio/co_spawn.hpp>
#include <asio/use_future.hpp>

#include "bench/bench_server.hpp"
#include "bench/delivery_wait.hpp"
#include "bench/participants.hpp"
#include "bench/workers.hpp"

namespace leveret::cli {
namespace {

/// One run: its threads, and those who publish and subscribe on them.
class LibraryRun {
  public:
    LibraryRun(const BenchOptions& options, const std::vector<std::string>& topic_names, std::uint64_t window_bytes)
        : options_(options),
          topics_(make_topics(topic_names, options, window_bytes)),
          workers_(options.threads > 0 ? options.threads : options.publishers + options.subscribers) {
        std::vector<std::size_t> slots(topics_.size());
        for (std::size_t s = 0; s < options.subscribers; ++s) {
            subscribers_.emplace_back(workers_.executor(s), options_, s, topics_, slots);
            for (std::size_t t = 0; t < topics_.size(); ++t) {
                slots[t] += works_on(s, options.subscribers, t, topics_.size()) ? 1 : 0;
            }
        }
        for (std::size_t p = 0; p < options.publishers; ++p) {
            publishers_.emplace_back(workers_.executor(options.subscribers + p), options_, p, topics_);
        }
    }
    ~LibraryRun() { workers_.stop(); }  // before the participants go: their connections live on those threads
    LibraryRun(const LibraryRun&) = delete;
    LibraryRun& operator=(const LibraryRun&) = delete;

    /// Connects and subscribes everybody.
    Outcome<void> prepare() {
        std::vector<std::future<Outcome<void>>> preparations;
        for_each([&](auto& participant, const auto& executor) {
            preparations.push_back(asio::co_spawn(executor, participant.prepare(), asio::use_future));
        });
        Outcome<void> all;
        for (auto& preparation : preparations) {
            const auto prepared = preparation.get();
            all = all ? prepared : all;
        }
        return all;
    }

    /// `rate` records per second in all, or as fast as possible.
    RunResult run(std::optional<double> rate) {
        start_reading();
        const auto start = SteadyClock::now();
        publish(start, rate);
        RunResult result;
        const auto published = SteadyClock::now();
        result.not_delivered = wait_for_deliveries(topics_);
        stop();
        auto last_delivery = options_.subscribers > 0 ? start : published;
        for (const BenchSubscriber& subscriber : subscribers_) {
            subscriber.add_to(result);
            last_delivery = std::max(last_delivery, subscriber.last_delivery());
        }
        for (const BenchPublisher& publisher : publishers_) {
            publisher.add_to(result);
        }
        result.elapsed = last_delivery - start;
        return result;
    }

  private:
    template <class Visit>
    void for_each(const Visit& visit) {
        for (std::size_t s = 0; s < subscribers_.size(); ++s) {
            visit(subscribers_[s], workers_.executor(s));
        }
        for (std::size_t p = 0; p < publishers_.size(); ++p) {
            visit(publishers_[p], workers_.executor(subscribers_.size() + p));
        }
    }

    void start_reading() {
        for (std::size_t s = 0; s < subscribers_.size(); ++s) {
            for (std::size_t i = 0; i < subscribers_[s].stream_count(); ++i) {
                readings_.push_back(asio::co_spawn(workers_.executor(s), subscribers_[s].read(i), asio::use_future));
            }
        }
    }

    void publish(SteadyClock::time_point start, std::optional<double> rate) {
        const std::uint64_t all = options_.messages.value_or(std::numeric_limits<std::uint64_t>::max() / 2);
        const std::uint64_t count = publishers_.size();
        std::vector<std::future<void>> publications;
        for (std::size_t p = 0; p < count; ++p) {
            PublishPlan plan;
            plan.start = start;
            plan.end = start + std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::duration<double>(options_.seconds));
            plan.records_max = all / count + (p < all % count ? 1 : 0);
            if (rate) {
                const double interval_ns = 1e9 * static_cast<double>(count) / *rate;
                plan.interval = std::chrono::nanoseconds(static_cast<std::int64_t>(interval_ns));
                plan.start += plan.interval * static_cast<std::int64_t>(p) / static_cast<std::int64_t>(count);
            }
            publications.push_back(asio::co_spawn(
                workers_.executor(subscribers_.size() + p),
                rate ? publishers_[p].publish_on_schedule(plan) : publishers_[p].publish_all(plan), asio::use_future));
        }
        for (auto& publication : publications) {
            publication.get();
        }
    }

    /// Closes every connection; a server that does not answer any more is not waited for.
    void stop() {
        std::vector<std::future<void>> ends;
        for_each([&](auto& participant, const auto& executor) {
            ends.push_back(asio::co_spawn(executor, participant.stop(), asio::use_future));
        });
        std::move(readings_.begin(), readings_.end(), std::back_inserter(ends));
        const auto deadline = SteadyClock::now() + std::chrono::seconds(5);
        for (auto& end : ends) {
            end.wait_until(deadline);
        }
        workers_.stop();
    }

    const BenchOptions& options_;
    BenchTopics topics_;
    Workers workers_;
    std::deque<BenchSubscriber> subscribers_;
    std::deque<BenchPublisher> publishers_;
    std::vector<std::future<void>> readings_;
};

ExitCode bench_with_library(const BenchOptions& options, std::optional<double> rate) {
    // A schedule is kept whatever subscribers do; without one, publishers wait for the slowest of them.
    constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max() / 4;
    const std::uint64_t window_bytes = rate ? unlimited : options.window_bytes;
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
        LibraryRun run(options, *topics, window_bytes);
        if (const auto prepared = run.prepare(); !prepared) {
            return fail_with(prepared.error());
        }
        before = server.figures();
        result = run.run(rate);
    }
    const auto after = server.figures();
    if (!before || !after) {
        return fail_with(before ? after.error() : before.error());
    }
    server.remove_topics(*topics);
    return report_run(options, result, *before, *after);
}

}  // namespace

ExitCode bench_throughput(const BenchOptions& options) {
    return bench_with_library(options, std::nullopt);
}

ExitCode bench_latency(const BenchOptions& options) {
    return bench_with_library(options, options.rate);
}

}  // namespace leveret::cli
