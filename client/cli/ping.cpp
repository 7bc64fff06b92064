#include <optional>

#include <fmt/core.h>

#include "command.hpp"
#include "output.hpp"
#include "record_text.hpp"
#include "session.hpp"

namespace leveret::cli {
namespace {

asio::awaitable<ExitCode> ping(Client& client, bool json) {
    const auto answered = co_await client.ping();
    if (!answered) {
        co_return fail_with(answered.error());
    }
    Output output;
    if (json) {
        output.line(Json{{"round_trip_us", answered->count()}}.dump());
    } else {
        output.line(fmt::format("pong after {}", format_duration(*answered)));
    }
    co_return finish(output);
}

}  // namespace

void add_ping_command(CLI::App& app, Invocation& invocation) {
    CLI::App* command = app.add_subcommand("ping",
                                           "Is the server there, and how long does an answer take?\n\n"
                                           "  leveret ping --port 8889");
    command->callback([&invocation] {
        invocation.run = [&common = invocation.common] {
            return run_connected(common, [json = common.json](Client& client) { return ping(client, json); });
        };
    });
}

}  // namespace leveret::cli
