// leveret: the command line tool.
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "command.hpp"
#include "session.hpp"
#include "units.hpp"
#include "usage.hpp"

namespace {

using namespace leveret::cli;

/// CLI11 takes "-5m" for an option: `--from -5m` becomes `--from=-5m`. The result is in CLI11's order, last first.
std::vector<std::string> reversed_arguments(int argc, char** argv) {
    std::vector<std::string> arguments;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (!arguments.empty() && arguments.back() == "--from" && argument.starts_with('-')) {
            arguments.back() += "=" + argument;
        } else {
            arguments.push_back(argument);
        }
    }
    return {arguments.rbegin(), arguments.rend()};
}

void add_common_options(CLI::App& app, CommonOptions& common) {
    const auto host_mistake = [](const std::string& text) {
        return text.empty() ? "the host is empty: give an address or a name" : "";
    };
    const auto port_mistake = [](const std::string& text) {
        const auto port = parse_number(text, 1);
        return port && *port <= 65535 ? std::string()
                                      : fmt::format("'{}' is no port: give a number from 1 to 65535", text);
    };
    app.add_option("--host", common.host, "Where the server is")
        ->envname("HOST")
        ->check(host_mistake)
        ->capture_default_str();
    app.add_option("--port", common.port, "Its port")
        ->envname("PORT")
        ->check(port_mistake, "1 to 65535")
        ->capture_default_str();
    app.add_flag("--json", common.json, "One JSON object per line instead of text");
}

int run(int argc, char** argv) {
    CLI::App app{
        "Talks to a Leveret broker.\n\n"
        "  leveret sub hello --from earliest &\n"
        "  leveret pub hello 'first words'\n\n"
        "Data goes to standard output, words to standard error.\n"
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 server unreachable."};
    app.name("leveret");
    app.require_subcommand(1);
    app.fallthrough();
    Invocation invocation;
    app.set_version_flag("--version", "leveret " LEVERET_VERSION);
    add_common_options(app, invocation.common);
    add_pub_command(app, invocation);
    add_sub_command(app, invocation);
    add_fetch_command(app, invocation);
    add_topic_command(app, invocation);
    add_log_command(app, invocation);
    add_ping_command(app, invocation);
    add_stats_command(app, invocation);
    add_bench_command(app, invocation);
    const std::vector<std::string> arguments = reversed_arguments(argc, argv);
    try {
        app.parse(std::vector<std::string>(arguments));
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() != 0) {
            say(usage_mistake(app, error, arguments));
            return static_cast<int>(ExitCode::usage);
        }
        static_cast<void>(app.exit(error));  // prints the help or the version that was asked for
        if (!std::cout.flush()) {
            say("standard output could not be written");
            return static_cast<int>(ExitCode::failed);
        }
        return static_cast<int>(ExitCode::ok);
    }
    return static_cast<int>(invocation.run());
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);  // a broken pipe is an error of write(), which ends the output quietly
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "leveret: {}\n", error.what());
        return static_cast<int>(ExitCode::failed);
    }
}
