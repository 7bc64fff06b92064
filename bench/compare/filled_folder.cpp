#include "filled_folder.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <thread>
#include <utility>

#include <fmt/core.h>
#include <unistd.h>

#include "child_processes.hpp"

namespace leveret::compare {
namespace {

constexpr std::chrono::minutes fill_timeout{30};
constexpr std::chrono::minutes ready_timeout{5};
constexpr std::chrono::seconds loading_timeout{30};  ///< from its first answer until it has everything

/// In a process of its own.
void publish_to_each(const StoredSystem& system, std::uint16_t port, const Work& work,
                     std::uint64_t records_per_topic) {
    constexpr std::uint64_t chunk = 1000;
    for (const std::string& topic : work.topics) {
        Work one = work;
        one.topics = {topic};
        const auto publisher = system.acknowledged_publisher(port, one);
        for (std::uint64_t left = records_per_topic; left > 0;) {
            left -= publisher->publish(std::min(left, chunk), 0);
        }
        publisher->finish();
    }
}

}  // namespace

Work filled_work() {
    return {.topics = {"stored-0"}};
}

void fill_topics(const StoredSystem& system, std::uint16_t port, const Work& work, std::uint64_t records_per_topic) {
    SharedRun shared(1, 1);
    ChildProcesses children(shared);
    children.start([&] { publish_to_each(system, port, work, records_per_topic); }, std::nullopt);
    children.wait_for_their_end(fill_timeout);
    if (shared.head().failures > 0) {
        throw std::runtime_error(shared.head().failure.data());
    }
}

void write_back() {
    ::sync();
}

std::uint64_t wait_for_stored_records(const StoredSystem& system, const ServerProcess& server, const Work& work,
                                      std::uint64_t expected) {
    auto deadline = SteadyClock::now() + ready_timeout;
    std::string what_it_says = "nothing";
    for (bool has_answered = false; SteadyClock::now() < deadline;) {
        try {
            const std::uint64_t found = system.stored_records(server.port(), work);
            if (found >= expected) {
                return found;
            }
            what_it_says = fmt::format("{} of {} records are there", found, expected);
            if (!std::exchange(has_answered, true)) {
                deadline = SteadyClock::now() + loading_timeout;
            }
        } catch (const std::exception& thrown) {
            what_it_says = thrown.what();
        }
        static_cast<void>(server.resident_bytes());  // throws where it has ended
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    throw std::runtime_error(fmt::format("{} says after its start: {}", system.name(), what_it_says));
}

const std::filesystem::path& filled_folder(const StoredSystem& system, const RunSettings& settings) {
    static std::map<std::string, TemporaryFolder> folders;
    const auto found = folders.find(system.name());
    if (found != folders.end()) {
        return found->second.path();
    }
    const std::filesystem::path& path = folders.try_emplace(system.name(), settings.data_folder).first->second.path();
    try {
        ServerProcess server(system, filled_work(), path);
        system.prepare(server.port(), filled_work());
        fill_topics(system, server.port(), filled_work(), settings.replay_records);
        server.stop_cleanly();
        write_back();
    } catch (...) {
        folders.erase(system.name());
        throw;
    }
    return path;
}

}  // namespace leveret::compare
