// A round's load, from the first publish to the kill.
#include <algorithm>
#include <csignal>
#include <latch>
#include <thread>

#include "crash/crash_rounds.hpp"

namespace leveret::test {

using Moment = RoundPlan::Moment;

namespace {

constexpr std::uint64_t records_read_again = 2000;

}  // namespace

/// Where a subscriber begins: at its position, or some records before the end.
std::array<Offset, crash_topics.size()> CrashRounds::starts_of(const Started& started, std::uint64_t round,
                                                               bool commits) const {
    SeededNumbers numbers{options_.seed, round, crash_publishers};
    std::array<Offset, crash_topics.size()> starts{};
    for (std::size_t topic = 0; topic < crash_topics.size(); ++topic) {
        const TopicHistory& history = histories_[topic];
        const std::uint64_t end = history.end().value;
        const std::uint64_t first = std::max(started.opened[topic].first, history.trimmed()).value;
        const std::uint64_t some = std::min(end - std::min(end, first), records_read_again);
        starts[topic] =
            commits ? history.position().value_or(started.opened[topic].first) : Offset{end - numbers.below(some + 1)};
    }
    return starts;
}

void CrashRounds::load_and_kill(Started& started, std::uint64_t round, const RoundPlan& plan) {
    std::vector<std::unique_ptr<Publisher>> publishers;
    std::vector<std::unique_ptr<Subscriber>> subscribers;
    for (const bool commits : {true, false}) {
        subscribers.push_back(std::make_unique<Subscriber>(started.port, commits, starts_of(started, round, commits)));
    }
    for (std::uint32_t number = 0; number < crash_publishers; ++number) {
        publishers.push_back(std::make_unique<Publisher>(started.port, options_.seed, round, number, sent_));
    }

    KillMoment moment(*started.process, plan);
    std::latch all_there(static_cast<std::ptrdiff_t>(publishers.size() + subscribers.size()) + 1);
    std::vector<std::thread> threads;
    const auto run = [&](auto client) {
        threads.emplace_back([&, client] {
            all_there.arrive_and_wait();
            try {
                client();
            } catch (const std::exception& error) {
                problem(error.what());
            }
            moment.client_ended();
        });
    };
    for (const auto& subscriber : subscribers) {
        run([client = subscriber.get()] { client->run(); });
    }
    for (const auto& publisher : publishers) {
        run([client = publisher.get(), &plan, &moment] {
            client->run(plan.batches_in_flight, [&moment] { moment.acknowledged(); });
        });
    }
    all_there.arrive_and_wait();
    moment.kill();
    for (std::thread& thread : threads) {
        thread.join();
    }
    judge_end(*started.process, plan.moment);
    collect(publishers, subscribers);
}

void CrashRounds::collect(const std::vector<std::unique_ptr<Publisher>>& publishers,
                          const std::vector<std::unique_ptr<Subscriber>>& subscribers) {
    for (std::size_t number = 0; number < publishers.size(); ++number) {
        last_.sent[number] = publishers[number]->sent();
        for (const SentBatch& batch : last_.sent[number]) {
            ++sent_[number][batch.name.topic];
        }
    }
    for (const auto& subscriber : subscribers) {
        for (const std::string& text : subscriber->problems()) {
            problem(text);
        }
        for (std::size_t topic = 0; topic < crash_topics.size(); ++topic) {
            const Delivery& delivery = last_.deliveries[topic].emplace_back(subscriber->of(topic));
            summary_.commits_acknowledged += static_cast<std::uint64_t>(
                std::count_if(delivery.commits.begin(), delivery.commits.end(),
                              [](const SentCommit& commit) { return commit.is_acknowledged; }));
        }
    }
}

void CrashRounds::judge_end(ServerProcess& process, Moment moment) {
    const int code = process.exit_code();
    const bool has_stopped = moment == Moment::stop && code == 0;
    if (code != -SIGKILL && !has_stopped) {
        problem("the server ended by itself with " + std::to_string(code) + ": " + process.errors());
    }
    KillCounts& kills = summary_.kills;
    ++(has_stopped                          ? kills.stopped_before
       : moment == Moment::stop             ? kills.while_stopping
       : moment == Moment::acknowledgements ? kills.after_acknowledgements
                                            : kills.after_microseconds);
}

}  // namespace leveret::test
