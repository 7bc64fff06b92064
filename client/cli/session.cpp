#include "session.hpp"

#include <fmt/core.h>

namespace leveret::cli {
namespace {

bool is_unreachable(std::error_code code) {
    return code.category() != error_category() || code == Error::connection_lost || code == Error::timed_out ||
           code == Error::handshake_timeout || code == Error::unknown_dialect;
}

/// Whether the client library's own sentence says which server it was.
bool names_server(std::error_code code) {
    return is_unreachable(code) && code != Error::handshake_timeout;
}

asio::awaitable<ExitCode> connect_and_run(ClientOptions options, Task task) {
    Client client(co_await asio::this_coro::executor);
    const auto connected = co_await client.connect(options);
    if (!connected) {
        co_return fail_to_connect(options.host, options.port, connected.error());
    }
    const ExitCode code = co_await task(client);
    // Every command has looked at the answers it needs; that the farewell fails changes nothing.
    static_cast<void>(co_await client.close());
    co_return code;
}

}  // namespace

void say(std::string_view sentence) {
    fmt::print(stderr, "leveret: {}\n", sentence);
}

std::string in_words(const Missed& missed) {
    if (missed.records() == 1) {
        return fmt::format("missed 1 record, offset {}: it is gone", missed.from.value);
    }
    return fmt::format("missed {} records, offsets {} to {}: they are gone", missed.records(), missed.from.value,
                       missed.to.value - 1);
}

std::string sentence_of(const Failure& failure) {
    const std::string text = failure.text.empty() ? failure.code.message() : failure.text;
    if (failure.code.category() != error_category()) {
        return text;
    }
    return fmt::format("{} ({})", text, error_name(static_cast<Error>(failure.code.value())));
}

ExitCode fail_with(const Failure& failure) {
    say(sentence_of(failure));
    return exit_code_of(failure);
}

ExitCode exit_code_of(const Failure& failure) {
    return is_unreachable(failure.code) ? ExitCode::unreachable : ExitCode::failed;
}

ExitCode finish(Output& output, ExitCode code) {
    output.flush();
    if (!output.failure()) {
        return code;
    }
    say(fmt::format("writing to standard output: {}", output.failure().message()));
    return code == ExitCode::ok ? ExitCode::failed : code;
}

ExitCode fail_to_connect(const std::string& host, std::uint16_t port, const Failure& failure) {
    const std::string sentence = sentence_of(failure);
    say(names_server(failure.code) ? sentence : fmt::format("{}:{} refuses the connection: {}", host, port, sentence));
    return exit_code_of(failure);
}

ClientOptions client_options(const CommonOptions& common) {
    ClientOptions options;
    options.host = common.host;
    options.port = common.port;
    options.name = "leveret";
    options.reconnect = false;  // a command that waits for ever helps no script
    return options;
}

ExitCode run_connected(ClientOptions options, Task task) {
    InlineLoop loop;
    return loop.run(connect_and_run(std::move(options), std::move(task)));
}

ExitCode run_connected(const CommonOptions& common, Task task) {
    return run_connected(client_options(common), std::move(task));
}

}  // namespace leveret::cli
