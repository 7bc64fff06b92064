#include "participants.hpp"

#include <algorithm>
#include <thread>

#include <sys/prctl.h>

#include "raw.hpp"
#include "stored_system.hpp"

namespace leveret::compare {
namespace {

constexpr std::chrono::microseconds look_interval{50};

std::unique_ptr<Publisher> make_publisher(const RunPlan& plan, std::uint16_t port, const Work& work) {
    return plan.client == ClientKind::raw ? make_raw_publisher(*plan.system, port, work)
                                          : plan.system->publisher(port, work);
}

std::unique_ptr<Subscriber> make_subscriber(const RunPlan& plan, std::uint16_t port, const Work& work,
                                            std::span<Sink> sinks) {
    return plan.client == ClientKind::raw ? make_raw_subscriber(*plan.system, port, work, sinks)
                                          : plan.system->subscriber(port, work, sinks);
}

std::vector<Sink> make_sinks(const RunPlan& plan, std::size_t lane, SharedRun& shared) {
    const std::uint32_t period = plan.client == ClientKind::raw ? raw_sequence_period(plan.work) : 0;
    std::vector<Sink> sinks;
    for (SharedRun::Counter& counter : shared.delivered(lane)) {
        sinks.emplace_back(plan.work.topics.size(), period, counter.value);
    }
    return sinks;
}

bool is_publishing(const SharedRun& shared) {
    return shared.phase() == Phase::warm_up || shared.phase() == Phase::measuring;
}

void report(const std::vector<Sink>& sinks, SharedRun& shared) {
    for (const Sink& sink : sinks) {
        shared.head().out_of_order += sink.out_of_order();
        shared.head().corrupt += sink.corrupt();
        if (sink.latencies().count() > 0) {
            shared.head().latencies = latencies_of(sink.latencies());
        }
    }
}

void count_published(SharedRun& shared, std::size_t lane, std::uint64_t count) {
    shared.published(lane).fetch_add(count, std::memory_order_release);
}

/// Looking at how far each of a hundred subscribers has come takes 40 us. Every 50 us that was a quarter of a
/// processor, which those who were measured did not have.
std::chrono::microseconds window_look_interval(const RunPlan& plan) {
    return look_interval * std::max<std::size_t>(plan.subscribers_per_lane / 10, 1);
}

/// Stays at most a window ahead of the slowest subscriber. A full window is left half empty before it is filled again:
/// all systems, like any program that has much to send, then publish in bursts and not in trickles.
void publish_in_window(Publisher& publisher, const RunPlan& plan, const RunSettings& settings, std::size_t lane,
                       SharedRun& shared) {
    constexpr std::uint64_t chunk_bytes = 64U << 10U;
    const std::uint64_t message_bytes = plan.work.payload_bytes + record_layout::header_bytes;
    const std::uint64_t window_bytes = std::min(settings.window_bytes, plan.window_bytes.value_or(~std::uint64_t{0}));
    const std::uint64_t window = window_bytes / plan.lanes / message_bytes;
    const std::uint64_t chunk = std::clamp<std::uint64_t>(chunk_bytes / message_bytes, 1, 1024);
    while (is_publishing(shared)) {
        const auto ahead = [&] {
            return shared.published(lane).load(std::memory_order_relaxed) - shared.delivered_to_all(lane);
        };
        if (ahead() < window) {
            count_published(shared, lane, publisher.publish(chunk, 0));
            continue;
        }
        publisher.push();
        while (ahead() > window / 2 && is_publishing(shared)) {
            std::this_thread::sleep_for(window_look_interval(plan));
            publisher.push();
        }
    }
}

/// A publisher that never sleeps would measure the scheduler: three processes would share two processors.
constexpr std::chrono::microseconds least_sleep{25};

void publish_on_schedule(Publisher& publisher, const RunPlan& plan, SharedRun& shared) {
    const auto interval =
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(1 / plan.rate));
    auto due = SteadyClock::now();
    for (bool is_last = false; !is_last;) {
        // After the end, too, whatever was due before it: what a slow system holds up is not left out.
        is_last = !is_publishing(shared);
        const bool is_timed = is_last || shared.phase() == Phase::measuring;
        const auto now = SteadyClock::now();
        std::uint64_t published = 0;
        for (; due <= now; due += interval) {
            published += publisher.publish(1, is_timed ? Ticks::at(due) : 0);
        }
        count_published(shared, 0, published);
        publisher.push();
        if (!is_last) {
            std::this_thread::sleep_until(std::max(due, now + least_sleep));
        }
    }
}

void wait_for_the_end(const SharedRun& shared) {
    while (shared.phase() != Phase::over) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

std::unique_ptr<AcknowledgedPublisher> make_acknowledged_publisher(const RunPlan& plan, std::uint16_t port) {
    return dynamic_cast<const StoredSystem&>(*plan.system).acknowledged_publisher(port, work_of_lane(plan, 0));
}

}  // namespace

void get_ready(SharedRun& shared) {
    ::prctl(PR_SET_TIMERSLACK, 1'000);  // nanoseconds: a short sleep is a short sleep
    ++shared.head().ready;
    while (shared.phase() == Phase::preparing) {
        std::this_thread::sleep_for(look_interval);
    }
}

Work work_of_lane(const RunPlan& plan, std::size_t lane) {
    Work work = plan.work;
    for (std::string& topic : work.topics) {
        topic += "-" + std::to_string(lane);
    }
    return work;
}

void publish_in_lane(const RunPlan& plan, const RunSettings& settings, std::uint16_t port, std::size_t lane,
                     SharedRun& shared) {
    Work work = work_of_lane(plan, lane);
    const auto publisher = make_publisher(plan, port, work);
    get_ready(shared);
    if (plan.pace == Pace::on_schedule) {
        publish_on_schedule(*publisher, plan, shared);
    } else {
        publish_in_window(*publisher, plan, settings, lane, shared);
    }
    publisher->finish();
    ++shared.head().finished;
    wait_for_the_end(shared);
}

void subscribe_in_lane(const RunPlan& plan, std::uint16_t port, std::size_t lane, SharedRun& shared) {
    std::vector<Sink> sinks = make_sinks(plan, lane, shared);
    auto subscriber = make_subscriber(plan, port, work_of_lane(plan, lane), sinks);
    get_ready(shared);
    while (shared.phase() != Phase::over) {
        subscriber->receive(std::chrono::milliseconds(20));
    }
    subscriber.reset();  // its threads have ended: the sinks are ours
    report(sinks, shared);
}

void make_round_trips(const RunPlan& plan, std::uint16_t port, SharedRun& shared) {
    const Work work = work_of_lane(plan, 0);
    std::vector<Sink> sinks = make_sinks(plan, 0, shared);
    const auto subscriber = make_subscriber(plan, port, work, sinks);
    const auto publisher = make_publisher(plan, port, work);
    get_ready(shared);
    cli::Histogram latencies;
    while (is_publishing(shared)) {
        const std::uint64_t before = sinks.front().delivered();
        const bool is_counted = shared.phase() == Phase::measuring;
        const auto start = SteadyClock::now();
        count_published(shared, 0, publisher->publish(1, 0));
        publisher->push();
        while (sinks.front().delivered() == before && shared.phase() != Phase::over) {
            subscriber->receive(std::chrono::milliseconds(20));
        }
        if (is_counted) {
            latencies.add(SteadyClock::now() - start);
        }
    }
    publisher->finish();
    ++shared.head().finished;
    report(sinks, shared);
    shared.head().latencies = latencies_of(latencies);
    wait_for_the_end(shared);
}

void publish_for_answers(const RunPlan& plan, std::uint16_t port, SharedRun& shared) {
    constexpr std::uint64_t chunk = 64;
    const auto publisher = make_acknowledged_publisher(plan, port);
    std::atomic<std::uint64_t>& answered = shared.delivered(0).front().value;
    get_ready(shared);
    while (is_publishing(shared)) {
        count_published(shared, 0, publisher->publish(chunk, 0));
        answered.store(publisher->answered(), std::memory_order_release);
    }
    publisher->finish();
    answered.store(publisher->answered(), std::memory_order_release);
    ++shared.head().finished;
    wait_for_the_end(shared);
}

void time_answers(const RunPlan& plan, std::uint16_t port, SharedRun& shared) {
    const auto publisher = make_acknowledged_publisher(plan, port);
    std::atomic<std::uint64_t>& answered = shared.delivered(0).front().value;
    get_ready(shared);
    cli::Histogram latencies;
    while (is_publishing(shared)) {
        const bool is_counted = shared.phase() == Phase::measuring;
        const auto start = SteadyClock::now();
        count_published(shared, 0, publisher->publish(1, 0));
        publisher->finish();
        if (is_counted) {
            latencies.add(SteadyClock::now() - start);
        }
        answered.store(publisher->answered(), std::memory_order_release);
    }
    ++shared.head().finished;
    shared.head().latencies = latencies_of(latencies);
    wait_for_the_end(shared);
}

}  // namespace leveret::compare
