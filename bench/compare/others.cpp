#include "others.hpp"

#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include <unistd.h>

namespace leveret::compare {
namespace {

constexpr pid_t kernel_thread_parent = 2;

std::optional<pid_t> number_of(const std::string& name) {
    pid_t number = 0;
    const char* const end = name.data() + name.size();
    const auto [parsed_to, error] = std::from_chars(name.data(), end, number);
    return error == std::errc() && parsed_to == end ? std::optional(number) : std::nullopt;
}

/// "1234 (a name) S 1 …": the fourth field; 0 where the process is gone.
pid_t parent_of(pid_t process) {
    std::ifstream file("/proc/" + std::to_string(process) + "/stat");
    std::string line;
    std::getline(file, line);
    const std::size_t name_end = line.rfind(')');
    constexpr std::size_t to_parent = 4;  // ") S "
    if (name_end == std::string::npos || name_end + to_parent > line.size()) {
        return 0;
    }
    pid_t parent = 0;
    std::from_chars(line.data() + name_end + to_parent, line.data() + line.size(), parent);
    return parent;
}

bool is_ours(pid_t process, const std::map<pid_t, pid_t>& parents) {
    for (auto found = parents.find(process); found != parents.end(); found = parents.find(found->second)) {
        if (found->first == ::getpid()) {
            return true;
        }
    }
    return false;
}

std::chrono::nanoseconds stolen_time() {
    std::ifstream file("/proc/stat");
    std::string name;
    std::array<std::int64_t, 8> ticks{};  // user, nice, system, idle, iowait, irq, softirq, steal
    file >> name;
    for (std::int64_t& value : ticks) {
        file >> value;
    }
    return std::chrono::nanoseconds(ticks.back() * (1'000'000'000 / ::sysconf(_SC_CLK_TCK)));
}

}  // namespace

OthersTime others_time() {
    std::map<pid_t, pid_t> parents;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        if (const auto process = number_of(entry.path().filename())) {
            parents[*process] = parent_of(*process);
        }
    }
    OthersTime others{SteadyClock::now(), {}, stolen_time()};
    for (const auto& [process, parent] : parents) {
        const bool is_kernel = process == kernel_thread_parent || parent == kernel_thread_parent;
        if (is_kernel || is_ours(process, parents)) {
            continue;
        }
        try {
            others.processes[process] = processor_time_of(process);
        } catch (const std::runtime_error&) {
            // It has ended since it was found.
        }
    }
    return others;
}

double others_share(const OthersTime& before, const OthersTime& after) {
    std::chrono::nanoseconds used = after.stolen - before.stolen;
    for (const auto& [process, time] : after.processes) {
        const auto known = before.processes.find(process);
        used += known == before.processes.end() ? time : time - known->second;
    }
    const std::chrono::duration<double> elapsed = after.moment - before.moment;
    return std::chrono::duration<double>(used).count() / (elapsed.count() * std::thread::hardware_concurrency());
}

}  // namespace leveret::compare
