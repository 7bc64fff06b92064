#include <fmt/core.h>

#include "command.hpp"
#include "output.hpp"
#include "record_text.hpp"
#include "session.hpp"

namespace leveret::cli {
namespace {

/// rss_bytes as "4.5 MiB", cpu_user_us as "12 s", others as they are.
std::string figure_text(const std::string& name, std::uint64_t value) {
    if (name.ends_with("_bytes") || name.starts_with("bytes_")) {
        return fmt::format("{} ({})", value, format_bytes(value));
    }
    if (name.ends_with("_us")) {
        return fmt::format("{} ({})", value, format_duration(std::chrono::microseconds(value)));
    }
    return fmt::format("{}", value);
}

asio::awaitable<ExitCode> print_stats(Client& client, bool json) {
    const auto server = co_await client.describe_server();
    if (!server) {
        co_return fail_with(server.error());
    }
    Output output;
    if (json) {
        Json object{{"version", server->version}};
        for (const auto& [name, value] : server->figures) {
            object[name] = value;
        }
        output.line(object.dump());
        co_return finish(output);
    }
    output.line(fmt::format("{:<24} {}", "version", server->version));
    for (const auto& [name, value] : server->figures) {
        output.line(fmt::format("{:<24} {}", name, figure_text(name, value)));
    }
    co_return finish(output);
}

}  // namespace

void add_stats_command(CLI::App& app, Invocation& invocation) {
    CLI::App* command = app.add_subcommand("stats",
                                           "What the server counts: connections, records, memory, CPU time.\n\n"
                                           "  leveret stats --json | jq .records_delivered");
    command->callback([&invocation] {
        invocation.run = [&common = invocation.common] {
            return run_connected(common, [json = common.json](Client& client) { return print_stats(client, json); });
        };
    });
}

}  // namespace leveret::cli
