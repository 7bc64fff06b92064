// leveret-server's flags and variables: which wins, and what is a mistake.
#include <csignal>
#include <filesystem>

#include <catch2/catch.hpp>

#include "conformance/running_broker.hpp"
#include "conformance/server_process.hpp"
#include "message_log/temporary_directory.hpp"
#include "protocol/native.hpp"
#include "server/server_options.hpp"

namespace leveret::test {
namespace {

tl::expected<ServerOptions, EarlyExit> parse(const std::vector<std::string>& arguments,
                                             const EnvironmentVariables& variables = {}) {
    return parse_server_options(arguments, variables);
}

TEST_CASE("server options: a flag wins over a variable, a variable over the default") {
    CHECK(parse({})->broker.port == 8889);
    CHECK(parse({}, {{"PORT", "1"}})->broker.port == 1);
    CHECK(parse({"--port", "2"}, {{"PORT", "1"}})->broker.port == 2);
    CHECK(parse({}, {{"HOST", "::1"}})->broker.host == "::1");
    CHECK(parse({"--host", "127.0.0.2"}, {{"HOST", "::1"}})->broker.host == "127.0.0.2");
    CHECK(parse({}, {{"SPDLOG_LEVEL", "debug"}})->log_level == "debug");
    CHECK(parse({"--log-level", "warn"}, {{"SPDLOG_LEVEL", "debug"}})->log_level == "warn");
}

TEST_CASE("server options: every limit is a flag and a variable, with units") {
    CHECK(parse({"--topics-max", "7"})->broker.limits.topics_max == 7);
    CHECK(parse({}, {{"LEVERET_TOPICS_MAX", "8"}})->broker.limits.topics_max == 8);
    CHECK(parse({"--topic-bytes-max", "1M"})->broker.limits.topic_bytes_max == 1U << 20U);
    CHECK(parse({"--topic-bytes-max", "64KiB"})->broker.limits.topic_bytes_max == 64U << 10U);
    CHECK(parse({"--drain-timeout-ms", "9"})->broker.limits.drain_timeout == std::chrono::milliseconds(9));
    CHECK(parse({"--catch-up-pause-us", "9"})->broker.limits.catch_up_pause == std::chrono::microseconds(9));
    CHECK(parse({"--busy-poll-us", "0"})->broker.busy_poll.count() == 0);
    CHECK(parse({"--catch-up-pause-us", "0"})->broker.limits.catch_up_pause.count() == 0);
}

TEST_CASE("server options: variables that look like ours and are none are told apart") {
    CHECK(
        parse({}, {{"LEVERET_TOPICS_MAX", "8"}, {"LEVERET_STORE", "memory"}, {"LEVERET_DATA_DIR", ""}, {"OTHER", "1"}})
            ->unknown_variables.empty());
    CHECK(parse({}, {{"LEVERET_TOPIC_MAX", "8"}, {"LEVERET_PORT", "1"}})->unknown_variables ==
          std::vector<std::string>{"LEVERET_PORT", "LEVERET_TOPIC_MAX"});
    CHECK(parse({}, {{"LEVERET_TOPICS_MAX", ""}})->broker.limits.topics_max == Limits().topics_max);
}

TEST_CASE("server options: limits that follow from another one may be given, or be left to that with 0") {
    CHECK(parse({})->broker.limits.pending_bytes_max == 0);
    CHECK(parse({"--pending-bytes-max", "64K"})->broker.limits.pending_bytes_max == 64U << 10U);
    CHECK(parse({"--catch-up-bytes-max", "2M"})->broker.limits.catch_up_bytes_max == 2U << 20U);
    CHECK(parse({"--catch-up-bytes-max", "0"})->broker.limits.catch_up_bytes_max == 0);
    CHECK(parse({"--memory-bytes-max", "4M"})->broker.limits.memory_bytes_max == 4U << 20U);
    CHECK(parse({"--memory-bytes-max", "0"})->broker.limits.memory_bytes_max == 0);
    const Limits derived = with_shares_of_memory(Limits{.memory_bytes_max = 1U << 30U});
    CHECK(derived.pending_bytes_max == 256U << 20U);
    CHECK(derived.catch_up_bytes_max == 64U << 20U);
    CHECK(with_shares_of_memory(Limits{.memory_bytes_max = 64U << 20U}).catch_up_bytes_max == 8U << 20U);
    const Limits given{.memory_bytes_max = 1U << 30U, .pending_bytes_max = 4096, .catch_up_bytes_max = 1U << 20U};
    CHECK(with_shares_of_memory(given).pending_bytes_max == 4096);
    CHECK(with_shares_of_memory(given).catch_up_bytes_max == 1U << 20U);
}

TEST_CASE("server options: where topics are kept, and how") {
    CHECK(parse({})->broker.storage.data_dir.empty());
    CHECK(parse({})->broker.topic_defaults.store == Store::memory);
    CHECK(parse({})->broker.topic_defaults.durability == Durability::sync);
    const auto by_flags = parse({"--data-dir", "a", "--store", "rocksdb", "--durability", "interval"},
                                {{"LEVERET_DATA_DIR", "b"}, {"LEVERET_STORE", "file"}, {"LEVERET_DURABILITY", "os"}});
    CHECK(by_flags->broker.storage.data_dir == "a");
    CHECK(by_flags->broker.topic_defaults.store == Store::rocksdb);
    CHECK(by_flags->broker.topic_defaults.durability == Durability::interval);
    const auto by_variables =
        parse({}, {{"LEVERET_DATA_DIR", "b"}, {"LEVERET_STORE", "file"}, {"LEVERET_DURABILITY", "os"}});
    CHECK(by_variables->broker.storage.data_dir == "b");
    CHECK(by_variables->broker.topic_defaults.store == Store::file);
    CHECK(by_variables->broker.topic_defaults.durability == Durability::os);
    CHECK(parse({"--segment-bytes", "1M"})->broker.storage.segment_bytes == 1U << 20U);
}

TEST_CASE("server options: a mistake is one line and exit code 2, wherever it was made") {
    const auto mistakes = {
        parse({"--data-dir", ""}),
        parse({"--port", "65536"}),
        parse({"--port", "many"}),
        parse({}, {{"PORT", "-1"}}),
        parse({"--no-such-flag"}),
        parse({"--log-level", "loud"}),
        parse({"--topics-max", "0"}),
        parse({"--positions-per-topic-max", "30001"}),
        parse({"--memory-bytes-max", "3M"}),
        parse({"--topic-bytes-max", "10X"}),
        parse({"--pending-bytes-max", "1"}),
        parse({"--catch-up-bytes-max", "300K"}),
        parse({"--awaited-answers-per-connection-max", "0"}),
        parse({"--store", "file"}),
        parse({"--store", "server_default"}),
        parse({"--data-dir", "a", "--store", "tape"}),
        parse({"--durability", "perhaps"}),
        parse({"--segment-bytes", "1"}),
        parse({"--host", ""}),
        parse({"--host", ""}, {{"HOST", "127.0.0.1"}}),
        parse({"surplus"}),
        parse({"--port"}),
    };
    for (const auto& mistake : mistakes) {
        REQUIRE_FALSE(mistake);
        CHECK(mistake.error().code == 2);
        CHECK(mistake.error().text.find('\n') == mistake.error().text.size() - 1);
    }
}

TEST_CASE("server options: the most keys that a filter may name is what a Subscribe may carry") {
    CHECK(parse({"--filter-keys-max", "1024"})->broker.limits.filter_keys_max == native::Subscribe::filter_keys_max);
    CHECK(parse({"--filter-keys-max", "1025"}).error().text.find("from 1 to 1024 (") != std::string::npos);
    CHECK(parse({"--topic-bytes-max", "64MB"}).error().text.find("64M is") != std::string::npos);
    CHECK(parse({}, {{"SPDLOG_LEVEL", "loud"}}).error().text.find("SPDLOG_LEVEL") != std::string::npos);
}

TEST_CASE("server options: --help and --version are answers, not mistakes") {
    CHECK(parse({"--help"}).error().code == 0);
    for (const char* const flag :
         {"--topic-bytes-max", "--pending-bytes-max", "--catch-up-bytes-max", "--awaited-answers-per-connection-max"}) {
        CHECK(parse({"--help"}).error().text.find(flag) != std::string::npos);
    }
    CHECK(parse({"--version"}).error().code == 0);
}

TEST_CASE("server options: every level of the log is offered") {
    CHECK(parse({"--log-level", "critical"}));
    CHECK(parse({"--help"}).error().text.find("critical") != std::string::npos);
    CHECK(parse({"--log-level", "loud"}).error().text.find("critical") != std::string::npos);
}

TEST_CASE("server process: a port that is in use is one line and exit code 2") {
    const RunningBroker other;
    ServerProcess server({"--port", std::to_string(other.port())});
    CHECK(server.exit_code() == 2);
    CHECK(server.errors().find("cannot listen on 127.0.0.1:" + std::to_string(other.port())) != std::string::npos);
    CHECK(server.errors().find("choose another port") != std::string::npos);
    CHECK(server.errors().find('\n') == server.errors().size() - 1);
}

/// What a server says that cannot start with these, its log switched off.
std::string failure_to_start(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--port", "0", "--log-level", "off"});
    ServerProcess server(arguments);
    CHECK(server.exit_code() == 2);
    return server.errors();
}

TEST_CASE("server process: more memory for catching up than there is at all is one line and exit code 2") {
    const TemporaryDirectory directory;
    CHECK(failure_to_start(
              {"--data-dir", directory.path(), "--memory-bytes-max", "16M", "--catch-up-bytes-max", "32M"}) ==
          "leveret-server: catch_up_bytes_max=33554432 does not fit into memory_bytes_max=16777216: lower the first or "
          "raise the other\n");
}

TEST_CASE("server process: a data directory that another server has is one line and exit code 2") {
    const TemporaryDirectory directory;
    ServerProcess first({"--port", "0", "--data-dir", directory.path()});
    REQUIRE(first.port() != 0);
    CHECK(failure_to_start({"--data-dir", directory.path()}) == "leveret-server: the data directory " +
                                                                    directory.path() +
                                                                    " is in use by another server: give this one its "
                                                                    "own\n");
}

TEST_CASE("server process: a data directory that cannot be made is one line and exit code 2") {
    CHECK(failure_to_start({"--data-dir", "/dev/null/leveret"}) ==
          "leveret-server: the data directory /dev/null/leveret cannot be used: Not a directory\n");
    CHECK(failure_to_start({"--data-dir", "/dev/null"}) ==
          "leveret-server: the data directory /dev/null cannot be used: it is no directory\n");
    const TemporaryDirectory directory;
    const std::string orphan = directory.path() + "/parent/child";
    CHECK(failure_to_start({"--data-dir", orphan}) == "leveret-server: the data directory " + orphan +
                                                          " cannot be used: the directory that it would be made in "
                                                          "does not exist\n");
}

TEST_CASE("server process: a directory of something else is refused and left as it is") {
    const TemporaryDirectory directory;
    std::filesystem::create_directory(directory.path() + "/photos");
    CHECK(failure_to_start({"--data-dir", directory.path()}) ==
          "leveret-server: the data directory " + directory.path() +
              " has photos in it and no leveret.json: give a new or an empty directory\n");
    const std::filesystem::directory_iterator entries(directory.path());
    CHECK(std::distance(begin(entries), end(entries)) == 1);
}

TEST_CASE("server process: a variable that is mistyped is told, and does not keep it from starting") {
    ServerProcess server({"--port", "0"}, {"LEVERET_TOPIC_MAX=5"});
    REQUIRE(server.port() != 0);
    server.signal(SIGTERM);
    CHECK(server.exit_code() == 0);
    CHECK(server.errors().find("no setting has such a name: LEVERET_TOPIC_MAX") != std::string::npos);
}

TEST_CASE("server process: a wrong flag or variable is one line and exit code 2") {
    ServerProcess wrong_flag({"--port", "99999"});
    CHECK(wrong_flag.exit_code() == 2);
    ServerProcess wrong_variable({}, {"PORT=none"});
    CHECK(wrong_variable.exit_code() == 2);
    CHECK(wrong_variable.errors().find("PORT") != std::string::npos);
    CHECK(wrong_variable.errors().find('\n') == wrong_variable.errors().size() - 1);
}

}  // namespace
}  // namespace leveret::test
