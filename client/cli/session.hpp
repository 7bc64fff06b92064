// A connected client for the length of one command, and how failures are told.
#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <utility>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include "command.hpp"
#include "leveret/client.hpp"
#include "output.hpp"

namespace leveret::cli {

/// Writes "leveret: <sentence>" to standard error.
void say(std::string_view sentence);

/// "missed 2 records, offsets 0 to 1: they are gone".
[[nodiscard]] std::string in_words(const Missed& missed);

/// The failure's sentence and its name in docs/errors.md.
[[nodiscard]] std::string sentence_of(const Failure& failure);

/// Says what went wrong. `unreachable` where the connection was lost or never was, else `failed`.
[[nodiscard]] ExitCode fail_with(const Failure& failure);

/// `unreachable` where the connection was lost or never was, else `failed`.
[[nodiscard]] ExitCode exit_code_of(const Failure& failure);

/// Writes out what is left. Where standard output could not be written, says so and is `failed`; else `code`.
[[nodiscard]] ExitCode finish(Output& output, ExitCode code = ExitCode::ok);

/// As fail_with(), for a connection that could not be made.
[[nodiscard]] ExitCode fail_to_connect(const std::string& host, std::uint16_t port, const Failure& failure);

[[nodiscard]] ClientOptions client_options(const CommonOptions& common);

using Task = std::function<asio::awaitable<ExitCode>(Client&)>;

/// Connects, runs `task` on a thread of its own io_context (this one), closes. A failure to connect is told and is
/// `unreachable`.
[[nodiscard]] ExitCode run_connected(ClientOptions options, Task task);
[[nodiscard]] ExitCode run_connected(const CommonOptions& common, Task task);

/// Runs coroutines to their end on the calling thread, one after the other: for code that has no use for asynchrony.
class InlineLoop {
  public:
    [[nodiscard]] asio::io_context& context() noexcept { return context_; }

    /// What `task` returns; what it throws is thrown here.
    template <class T>
    T run(asio::awaitable<T> task) {
        std::optional<T> result;
        std::exception_ptr thrown;
        asio::co_spawn(context_, std::move(task), [&](std::exception_ptr error, T value) {
            thrown = error;
            result = std::move(value);
        });
        context_.restart();
        while (!result && context_.run_one() != 0) {
        }
        if (thrown) {
            std::rethrow_exception(thrown);
        }
        return *std::move(result);
    }

  private:
    asio::io_context context_{1};
};

}  // namespace leveret::cli
