#include "crash/crash_rounds.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <thread>

#include <sys/wait.h>

namespace leveret::test {

using native::FrameType;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::uint64_t bytes_between_trims = 16U << 20U;

std::chrono::microseconds since(Clock::time_point start) {
    return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
}

ByteVector fetch(std::uint32_t handle, Offset from) {
    constexpr std::uint32_t bytes_max = 1U << 20U;
    return frame(FrameType::fetch, native::Fetch{.start = at_offset(from.value), .max_bytes = bytes_max}, 1, handle);
}

std::uint64_t bytes_of_files(const std::string& directory) {
    std::uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
        bytes += entry.is_regular_file() ? entry.file_size() : 0;
    }
    return bytes;
}

/// What a program writes, and its exit code.
std::pair<std::string, int> output_of(const std::string& command) {
    FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
    if (pipe == nullptr) {
        return {"cannot be started", -1};
    }
    std::string output;
    std::array<char, 4096> piece{};
    while (const std::size_t count = std::fread(piece.data(), 1, piece.size(), pipe)) {
        output.append(piece.data(), count);
    }
    const int status = ::pclose(pipe);
    return {output, WIFEXITED(status) ? WEXITSTATUS(status) : -1};
}

}  // namespace

ReadBack read_back(CrashClient& client, std::uint32_t handle, Offset from) {
    ReadBack found{.first = from, .end = from, .records = {}};
    for (Offset next = from;;) {
        const ReceivedFrame answer = client.ask(fetch(handle, next));
        const auto fetched = answer.as<native::Fetched>();
        if (fetched.missed_from != fetched.missed_to) {
            found.records.clear();
            found.first = fetched.missed_to;
        }
        append(found.records, fetched.records);
        found.end = fetched.end;
        if (fetched.next >= fetched.end) {
            return found;
        }
        if (fetched.next <= next) {
            throw std::runtime_error("a fetch at " + std::to_string(next.value) + " does not get on");
        }
        next = fetched.next;
    }
}

CrashRounds::CrashRounds(CrashOptions options) : options_(std::move(options)) {
    for (std::size_t topic = 0; topic < crash_topics.size(); ++topic) {
        histories_.emplace_back(options_.seed, topic);
    }
    last_.sent.resize(crash_publishers);
}

CrashSummary CrashRounds::run(const std::function<void(const CrashSummary&)>& after_round) {
    std::uint64_t round = 0;
    try {
        for (; round < options_.rounds && summary_.problems.empty(); ++round) {
            run_round(round);
            ++summary_.rounds;
            if (after_round) {
                after_round(summary_);
            }
        }
        if (summary_.problems.empty()) {
            finish();
        }
    } catch (const std::exception& error) {
        problem(error.what());
    }
    for (std::string& text : summary_.problems) {
        text = "seed " + std::to_string(options_.seed) + ", round " + std::to_string(round) + ": " + text;
    }
    summary_.data_bytes = bytes_of_files(options_.data_dir);
    return summary_;
}

void CrashRounds::run_round(std::uint64_t round) {
    const RoundPlan plan = plan_round(options_.seed, round);
    for (const std::chrono::microseconds after : plan.kills_while_starting) {
        kill_while_starting(after);
    }
    Started started = start();
    check_round(started);
    if (summary_.problems.empty()) {
        load_and_kill(started, round, plan);
    }
}

/// After the last kill: everything, then once more after a clean stop.
void CrashRounds::finish() {
    Started started = start();
    check_round(started);
    check_everything(started);
    stop_cleanly(started);
    verify_files();
    started = start();
    check_everything(started);
    stop_cleanly(started);
}

void CrashRounds::problem(const std::string& text) {
    const std::lock_guard lock(problems_mutex_);
    summary_.problems.push_back(text);
}

// --- Starting and stopping

std::vector<std::string> CrashRounds::arguments() const {
    return {"--port", "0", "--threads", "2", "--data-dir", options_.data_dir, "--store",
            std::string(name_of(options_.store)), "--durability", std::string(name_of(options_.durability)),
            "--segment-bytes", std::to_string(crash_segment_bytes),
            // Several times in a round, so that some are killed while they run.
            "--sync-interval-ms", "20"};
}

void CrashRounds::kill_while_starting(std::chrono::microseconds after) {
    ServerProcess process(arguments());
    std::this_thread::sleep_for(after);  // the moment itself: nothing is waited for
    process.signal(SIGKILL);
    ++summary_.kills.while_starting;
    if (const int code = process.exit_code(); code != -SIGKILL) {
        problem("the server ended with " + std::to_string(code) + " while it started: " + process.errors());
    }
}

CrashRounds::Started CrashRounds::start() {
    const Clock::time_point start = Clock::now();
    Started started;
    started.process = std::make_unique<ServerProcess>(arguments());
    started.port = started.process->port();
    if (started.port == 0) {
        throw std::runtime_error("the server ended with " + std::to_string(started.process->exit_code()) +
                                 " instead of starting: " + started.process->errors());
    }
    started.client = std::make_unique<CrashClient>(started.port);
    summary_.first_answers.push_back(since(start));
    open_topics(started);
    summary_.ready.push_back(since(start));
    if (summary_.ready.back() > ready_within) {
        problem("ready after " + std::to_string(summary_.ready.back().count()) + " us");
    }
    return started;
}

void CrashRounds::open_topics(Started& started) {
    for (std::size_t topic = 0; topic < crash_topics.size(); ++topic) {
        const auto& [name, settings] = crash_topics[topic];
        if (!ids_[topic]) {
            static_cast<void>(
                started.client->ask(frame(FrameType::create_topic, native::CreateTopic{name, settings}, 1)));
        }
        const ReceivedFrame answer =
            started.client->ask(frame(FrameType::open_topic, native::TopicName{name}, 1, 0, native::flags::no_create));
        started.handles[topic] = answer.header.handle;
        started.opened[topic] = answer.as<native::TopicOpened>();
        const native::TopicOpened& opened = started.opened[topic];
        const bool is_the_same = ids_[topic].value_or(opened.id) == opened.id &&
                                 opened.settings.compaction_window_ms == settings.compaction_window_ms &&
                                 opened.settings.retention_bytes == settings.retention_bytes &&
                                 opened.settings.store == options_.store &&
                                 opened.settings.durability == options_.durability;
        if (!is_the_same) {
            problem("topic '" + std::string(name) + "' is another one, or has other settings");
        }
        if (opened.epoch < epochs_[topic]) {
            problem("topic '" + std::string(name) + "' has an epoch below the one that it had");
        }
        ids_[topic] = opened.id;
        epochs_[topic] = opened.epoch;
        static_cast<void>(started.client->ask(fetch(started.handles[topic], opened.first)));
    }
}

void CrashRounds::stop_cleanly(Started& started) {
    started.client.reset();
    started.process->signal(SIGTERM);
    if (const int code = started.process->exit_code(); code != 0) {
        problem("a clean stop ended with " + std::to_string(code) + ": " + started.process->errors());
    }
}

// --- Looking

void CrashRounds::check_round(Started& started) {
    check_counters(started);
    for (std::size_t topic = 0; topic < crash_topics.size(); ++topic) {
        TopicHistory& history = histories_[topic];
        const Offset end = started.opened[topic].next;
        ReadBack found{.first = end, .end = end, .records = {}};
        if (end >= history.end()) {
            found = read_back(*started.client, started.handles[topic], history.end());
        }
        history.take_round(found, last_.sent);

        const std::vector<Delivery>& deliveries = last_.deliveries[topic];
        for (const Delivery& delivery : deliveries) {
            history.check_delivered(delivery);
            summary_.delivered_records += delivery.records.size();
        }
        history.check_position(position_of(started, topic), deliveries.empty() ? Delivery{} : deliveries.front());
        for (const std::string& text : history.take_problems()) {
            problem(text);
        }
        trim_now_and_then(started, topic, found.records.size());
    }
    last_ = {};
    last_.sent.resize(crash_publishers);
    summary_.records = {};
    for (const TopicHistory& history : histories_) {
        summary_.records += history.figures();
    }
}

std::optional<Offset> CrashRounds::position_of(Started& started, std::size_t topic) {
    const ReceivedFrame answer =
        started.client->ask(frame(FrameType::describe_topic, native::TopicName{crash_topics[topic].name}, 1));
    const auto description = answer.as<native::TopicDescription>();
    for (const native::Position& position : description.positions) {
        if (position.name == Subscriber::position) {
            return position.offset;
        }
    }
    return {};
}

/// The counters begin at 0 in every process.
void CrashRounds::check_counters(Started& started) {
    const ReceivedFrame answer = started.client->ask(bodiless(FrameType::describe_server, 1));
    const auto description = answer.as<native::ServerDescription>();
    for (const native::Figure& figure : description.figures) {
        if (figure.name == "log_tails_cut") {
            summary_.tails_cut += figure.value;
        }
        // A kill takes what was not written. It damages nothing that was.
        if ((figure.name == "log_damages" || figure.name == "logs_failed") && figure.value != 0) {
            problem(std::string(figure.name) + " is " + std::to_string(figure.value));
        }
    }
}

void CrashRounds::check_everything(Started& started) {
    for (std::size_t topic = 0; topic < crash_topics.size(); ++topic) {
        const ReadBack all = read_back(*started.client, started.handles[topic], started.opened[topic].first);
        histories_[topic].check_all(all);
        if (topic == bounded_topic && all.first.value > 0 && all.records.size() < bounded_topic_bytes / 4) {
            problem("topic 'bounded' has " + std::to_string(all.records.size()) + " bytes left");
        }
        for (const std::string& text : histories_[topic].take_problems()) {
            problem(text);
        }
    }
}

/// Keeps the data directory small: the older half of what has come since the last time goes.
void CrashRounds::trim_now_and_then(Started& started, std::size_t topic, std::uint64_t found_bytes) {
    bytes_since_mark_[topic] += found_bytes;
    const bool is_read = histories_[topic].position().value_or(Offset{}) >= marks_[topic];
    if (crash_topics[topic].is_bounded() || bytes_since_mark_[topic] < bytes_between_trims || !is_read) {
        return;
    }
    histories_[topic].allow_trim(marks_[topic]);
    static_cast<void>(started.client->ask(
        frame(FrameType::trim_topic, native::TrimTopic{.name = crash_topics[topic].name, .before = marks_[topic]}, 1)));
    marks_[topic] = histories_[topic].end();
    bytes_since_mark_[topic] = 0;
}

void CrashRounds::verify_files() {
    if (options_.store != Store::file) {
        return;
    }
    const auto [output, code] =
        output_of(std::string("'") + LEVERET_CLI + "' log verify --data-dir '" + options_.data_dir + "'");
    summary_.files_verified = code == 0 ? "no findings" : "findings";
    if (code != 0) {
        problem("leveret log verify: " + output);
    }
}

}  // namespace leveret::test
