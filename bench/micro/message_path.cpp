// message_path --list              scenarios, and how many messages make a measurement of each
// message_path SCENARIO MESSAGES   warms up, pushes at least so many messages through, prints how many
//
// Does the same in every run, so that the instructions of two runs with different numbers of messages differ by those
// of the messages alone: bench/check.sh counts them with valgrind.
#include "message_path.hpp"

#include <charconv>
#include <cstdio>
#include <exception>
#include <string>

using namespace leveret::bench;

namespace {

const Scenario* find_scenario(std::string_view name) {
    for (const auto scenarios : {broker_scenarios(), client_scenarios()}) {
        for (const Scenario& scenario : scenarios) {
            if (scenario.name == name) {
                return &scenario;
            }
        }
    }
    return nullptr;
}

void list() {
    for (const auto scenarios : {broker_scenarios(), client_scenarios()}) {
        for (const Scenario& scenario : scenarios) {
            std::printf("%s %llu\n", std::string(scenario.name).c_str(),
                        static_cast<unsigned long long>(scenario.messages));
        }
    }
}

/// At least `messages`, in whole rounds; answers how many.
std::uint64_t push(MessagePath& path, std::uint64_t messages) {
    std::uint64_t pushed = 0;
    while (pushed < messages) {
        path.round();
        pushed += path.messages_per_round();
    }
    return pushed;
}

int run(const Scenario& scenario, std::uint64_t messages) {
    const auto path = scenario.make();
    const std::uint64_t warmed_up = push(*path, scenario.warm_up_messages);
    const std::uint64_t pushed = push(*path, messages);
    if (path->messages_arrived() != warmed_up + pushed) {
        std::fprintf(stderr, "message_path: %llu messages were sent, %llu arrived\n",
                     static_cast<unsigned long long>(warmed_up + pushed),
                     static_cast<unsigned long long>(path->messages_arrived()));
        return 1;
    }
    std::printf("%llu\n", static_cast<unsigned long long>(pushed));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
    if (argc == 2 && arguments[1] == std::string_view("--list")) {
        list();
        return 0;
    }
    const Scenario* const scenario = argc == 3 ? find_scenario(arguments[1]) : nullptr;
    const std::string_view number = argc == 3 ? arguments[2] : "";
    std::uint64_t messages = 0;
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), messages);
    if (scenario == nullptr || parsed.ec != std::errc() || parsed.ptr != number.data() + number.size()) {
        std::fputs("usage: message_path --list | message_path SCENARIO MESSAGES\n", stderr);
        return 2;
    }
    try {
        return run(*scenario, messages);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "message_path: %s\n", error.what());
        return 1;
    }
}
