// What the commands of `leveret` have in common. Each command has a file of its own and one function here.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <CLI/CLI.hpp>

namespace leveret::cli {

enum class ExitCode : int {
    ok = 0,
    failed = 1,       ///< the server refused, or something was lost
    usage = 2,        ///< the command line makes no sense
    unreachable = 3,  ///< no server there, or it went away
};

/// Options that every command takes.
struct CommonOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8889;
    bool json = false;  ///< one JSON object per line instead of text
};

/// What the command line asks for. Outlives the parser; a command's callback sets `run`.
struct Invocation {
    CommonOptions common;
    std::function<ExitCode()> run;
};

// Each adds a command to `app`. While the command line is parsed, a combination of options that makes no sense is
// thrown as CLI::ValidationError, as CLI11 wants it; nothing else happens before `invocation.run`.
void add_pub_command(CLI::App& app, Invocation& invocation);
void add_sub_command(CLI::App& app, Invocation& invocation);
void add_fetch_command(CLI::App& app, Invocation& invocation);
void add_topic_command(CLI::App& app, Invocation& invocation);
void add_log_command(CLI::App& app, Invocation& invocation);
void add_ping_command(CLI::App& app, Invocation& invocation);
void add_stats_command(CLI::App& app, Invocation& invocation);
void add_bench_command(CLI::App& app, Invocation& invocation);

}  // namespace leveret::cli
