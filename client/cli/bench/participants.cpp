#include "bench/participants.hpp"

#include <algorithm>

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

#include "session.hpp"

namespace leveret::cli {
namespace {

constexpr std::chrono::microseconds window_poll_interval{50};

std::chrono::nanoseconds since(std::int64_t steady_ns, SteadyClock::time_point now) {
    return now.time_since_epoch() - std::chrono::nanoseconds(steady_ns);
}

std::int64_t as_ns(SteadyClock::time_point time) {
    return std::chrono::nanoseconds(time.time_since_epoch()).count();
}

ClientOptions bench_client_options(const BenchOptions& options) {
    ClientOptions client = client_options(options.common);
    client.name = "leveret-bench";
    client.publish_frame_bytes_max = options.frame_bytes;
    return client;
}

}  // namespace

BenchTopics make_topics(const std::vector<std::string>& names, const BenchOptions& options,
                        std::uint64_t window_bytes) {
    constexpr std::uint64_t window_records_min = 16;
    const std::uint64_t window_records =
        std::max(window_bytes / names.size() / record_bytes_of(options), window_records_min);
    BenchTopics topics;
    for (std::size_t t = 0; t < names.size(); ++t) {
        std::size_t subscribers = 0;
        for (std::size_t s = 0; s < options.subscribers; ++s) {
            subscribers += works_on(s, options.subscribers, t, names.size()) ? 1 : 0;
        }
        topics.emplace_back(names[t], subscribers, window_records);
    }
    return topics;
}

// --- Publisher

BenchPublisher::BenchPublisher(asio::any_io_executor executor, const BenchOptions& options, std::size_t index,
                               BenchTopics& topics)
    : executor_(executor),
      options_(options),
      index_(static_cast<std::uint32_t>(index)),
      topics_(topics),
      client_(executor),
      payload_(options.payload_bytes) {}

asio::awaitable<Outcome<void>> BenchPublisher::prepare() {
    const ClientOptions how = bench_client_options(options_);
    const auto connected = co_await client_.connect(how);
    if (!connected) {
        co_return connected;
    }
    for (std::size_t t = 0; t < topics_.size(); ++t) {
        if (works_on(index_, options_.publishers, t, topics_.size())) {
            auto publisher = co_await client_.publisher(topics_[t].name);
            if (!publisher) {
                co_return tl::unexpected(publisher.error());
            }
            lanes_.push_back(Lane{topics_[t], *std::move(publisher)});
        }
    }
    co_return Outcome<void>();
}

std::error_code BenchPublisher::try_send(Lane& lane, std::int64_t scheduled_ns) {
    write_stamp(payload_, {.sequence = lane.sequence, .scheduled_ns = scheduled_ns, .publisher = index_});
    std::error_code error;
    if (options_.one_way) {
        error = lane.publisher.send(Message(Bytes(payload_)));
    } else {
        error =
            lane.publisher.send(Message(Bytes(payload_)), [this, scheduled_ns](const Outcome<Acknowledgement>& answer) {
                if (!answer) {
                    fail(answer.error());
                } else if (scheduled_ns != 0) {
                    acknowledgement_latency_.add(since(scheduled_ns, SteadyClock::now()));
                }
            });
    }
    if (!error) {
        ++lane.sequence;
        ++published_;
    }
    return error;
}

asio::awaitable<void> BenchPublisher::send(Lane& lane, std::int64_t scheduled_ns) {
    std::error_code error = try_send(lane, scheduled_ns);
    while (error == Error::publish_queue_full) {
        co_await lane.publisher.writable();
        error = try_send(lane, scheduled_ns);
    }
    if (error) {
        fail({error, error.message()});
    }
}

asio::awaitable<void> BenchPublisher::publish_all(PublishPlan plan) {
    const std::uint64_t chunk_records =
        std::clamp<std::uint64_t>(options_.frame_bytes / record_bytes_of(options_), 1, 1024);
    asio::steady_timer pause(executor_);
    std::uint64_t left = plan.records_max;
    while (left > 0 && failure_.empty() && SteadyClock::now() < plan.end) {
        bool all_windows_full = true;
        for (Lane& lane : lanes_) {
            const std::uint64_t granted = lane.topic.window.take(std::min(left, chunk_records));
            const std::int64_t now_ns = as_ns(SteadyClock::now());
            for (std::uint64_t i = 0; i < granted; ++i) {
                const std::int64_t scheduled_ns = is_sample(lane.sequence) ? now_ns : 0;
                if (const std::error_code error = try_send(lane, scheduled_ns)) {
                    co_await send(lane, scheduled_ns);
                }
            }
            left -= granted;
            all_windows_full = all_windows_full && granted == 0;
        }
        if (all_windows_full && left > 0) {
            pause.expires_after(window_poll_interval);
            co_await pause.async_wait(asio::use_awaitable);
        } else {
            co_await asio::post(executor_, asio::use_awaitable);  // let the connection write and read
        }
    }
    co_await finish();
}

asio::awaitable<void> BenchPublisher::publish_on_schedule(PublishPlan plan) {
    constexpr std::uint64_t records_without_pause = 64;
    asio::steady_timer next_due(executor_);
    SteadyClock::time_point due = plan.start;
    std::uint64_t sent = 0;
    while (sent < plan.records_max && due < plan.end && failure_.empty()) {
        const SteadyClock::time_point now = SteadyClock::now();
        if (due > now) {
            next_due.expires_at(due);
            co_await next_due.async_wait(asio::use_awaitable);
            continue;
        }
        send_delay_.add(now - due);
        Lane& lane = lanes_[sent % lanes_.size()];
        static_cast<void>(lane.topic.window.take(1));  // never limits here: it counts what is to be delivered
        co_await send(lane, as_ns(due));
        due += plan.interval;
        if (++sent % records_without_pause == 0) {
            co_await asio::post(executor_, asio::use_awaitable);
        }
    }
    co_await finish();
}

asio::awaitable<void> BenchPublisher::finish() {
    for (Lane& lane : lanes_) {
        const auto flushed = co_await lane.publisher.flush();
        if (!flushed && failure_.empty()) {
            fail(flushed.error());
        }
    }
    // The server has read the one-way records once it answers what comes behind them.
    if (options_.one_way && failure_.empty()) {
        if (const auto answered = co_await client_.ping(); !answered) {
            fail(answered.error());
        }
    }
}

asio::awaitable<void> BenchPublisher::stop() {
    static_cast<void>(co_await client_.close());
}

void BenchPublisher::fail(const Failure& failure) {
    ++failed_;
    if (failure_.empty()) {
        failure_ = "publishing: " + sentence_of(failure);
    }
}

void BenchPublisher::add_to(RunResult& result) const {
    result.published += published_;
    result.publish_failed += failed_;
    result.acknowledgement_latency.merge(acknowledgement_latency_);
    result.send_delay.merge(send_delay_);
    if (result.failure.empty()) {
        result.failure = failure_;
    }
}

// --- Subscriber

BenchSubscriber::BenchSubscriber(asio::any_io_executor executor, const BenchOptions& options, std::size_t index,
                                 BenchTopics& topics, const std::vector<std::size_t>& slots)
    : options_(options), client_(executor) {
    for (std::size_t t = 0; t < topics.size(); ++t) {
        if (works_on(index, options.subscribers, t, topics.size())) {
            streams_.push_back(Stream{topics[t], slots[t], SequenceCheck(options.publishers)});
        }
    }
}

asio::awaitable<Outcome<void>> BenchSubscriber::prepare() {
    const ClientOptions how = bench_client_options(options_);
    const auto connected = co_await client_.connect(how);
    if (!connected) {
        co_return connected;
    }
    for (Stream& stream : streams_) {
        auto subscription = co_await client_.subscribe(stream.topic.name, From::earliest());
        if (!subscription) {
            co_return tl::unexpected(subscription.error());
        }
        stream.subscription = *std::move(subscription);
    }
    co_return Outcome<void>();
}

asio::awaitable<void> BenchSubscriber::read(std::size_t stream_index) {
    Stream& stream = streams_[stream_index];
    for (bool go_on = true; go_on;) {
        auto received = stream.subscription->try_next();
        if (!received) {
            received.emplace(co_await stream.subscription->next());
        }
        go_on = std::visit([&](const auto& event) { return take(stream, event); }, *received);
    }
}

bool BenchSubscriber::take(Stream& stream, const Delivery& delivery) {
    const SteadyClock::time_point now = SteadyClock::now();
    for (const RecordView record : delivery) {
        const auto stamp = read_stamp(record.payload());
        stream.check.see(stamp);
        if (stamp && stamp->scheduled_ns != 0) {
            delivery_latency_.add(since(stamp->scheduled_ns, now));
        }
        ++stream.delivered;
    }
    last_delivery_ = now;
    stream.topic.window.received(stream.slot, stream.delivered + stream.missed);
    return true;
}

bool BenchSubscriber::take(Stream& stream, const Missed& missed) {
    stream.missed += missed.records();
    stream.topic.window.received(stream.slot, stream.delivered + stream.missed);
    return true;
}

bool BenchSubscriber::take(Stream& /*stream*/, const TopicChanged& /*changed*/) {
    failure_ = "the topic became another one during the run";
    return false;
}

bool BenchSubscriber::take(Stream& /*stream*/, const Closed& closed) {
    if (closed.failure.code) {
        failure_ = "subscription: " + sentence_of(closed.failure);
    }
    return false;
}

asio::awaitable<void> BenchSubscriber::stop() {
    static_cast<void>(co_await client_.close());
}

void BenchSubscriber::add_to(RunResult& result) const {
    for (const Stream& stream : streams_) {
        result.delivered += stream.delivered;
        result.missed += stream.missed;
        result.out_of_order += stream.check.out_of_order();
        result.corrupt += stream.check.corrupt();
    }
    result.delivery_latency.merge(delivery_latency_);
    if (result.failure.empty()) {
        result.failure = failure_;
    }
}

}  // namespace leveret::cli
