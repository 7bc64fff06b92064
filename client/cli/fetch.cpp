#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <fmt/core.h>

#include "command.hpp"
#include "output.hpp"
#include "record_text.hpp"
#include "session.hpp"
#include "units.hpp"
#include "words.hpp"

namespace leveret::cli {
namespace {

struct FetchCommand {
    std::string topic;
    From from = From::earliest();
    std::optional<std::uint64_t> records_max;
    std::optional<std::chrono::milliseconds> wait;
    RecordFormat format;
    bool json = false;
};

/// Prints fetched records, at most as many as were asked for.
class FetchPrinter {
  public:
    FetchPrinter(const FetchCommand& command, Output& output) : command_(command), output_(output) {}

    void print(const FetchResult& result) {
        if (result.missed) {
            say(in_words(*result.missed));
        }
        next_ = result.next;
        end_ = end_.value_or(result.end);  // the end as it was when we began: a busy topic has no other
        for (const RecordView record : result.delivery) {
            if (is_full()) {
                next_ = record.offset();
                return;
            }
            std::string& out = output_.buffer();
            if (command_.json) {
                append_json(out, command_.topic, record);
            } else {
                command_.format.append(out, command_.topic, record);
            }
            out.push_back('\n');
            output_.wrote();
            ++printed_;
        }
    }
    [[nodiscard]] bool is_done() const { return is_full() || next_ >= *end_ || !output_.is_open(); }
    [[nodiscard]] Offset next() const { return next_; }
    [[nodiscard]] std::uint64_t printed() const { return printed_; }

  private:
    [[nodiscard]] bool is_full() const { return command_.records_max && printed_ >= *command_.records_max; }

    const FetchCommand& command_;
    Output& output_;
    std::uint64_t printed_ = 0;
    Offset next_{};
    std::optional<Offset> end_;  // none before the first answer
};

ExitCode fail_to_fetch(const FetchCommand& command, const From& from, const TopicInfo& topic, const Failure& failure) {
    if (failure.code == Error::offset_out_of_range && from.kind == From::Kind::offset) {
        say(fmt::format("offset {} lies beyond the end of '{}', whose offsets are [{}, {}) ({})", from.value,
                        command.topic, topic.first.value, topic.next.value, error_name(Error::offset_out_of_range)));
        return exit_code_of(failure);
    }
    return fail_about(command.topic, failure);
}

/// A duration; a number alone is in milliseconds.
Parsed<std::chrono::milliseconds> parse_wait(const std::string& text) {
    constexpr std::chrono::milliseconds most{0xFFFF'FFFF};  // what the server can be told: seven weeks
    if (const auto number = parse_number(text)) {
        return std::chrono::milliseconds(std::min(*number, static_cast<std::uint64_t>(most.count())));
    }
    const auto duration = parse_duration(text);
    if (!duration) {
        return tl::unexpected(duration.error());
    }
    return std::min(std::chrono::ceil<std::chrono::milliseconds>(*duration), most);
}

void add_wait(CLI::App& command, std::optional<std::chrono::milliseconds>& into) {
    const auto read = [&into](const std::string& text) {
        const auto wait = parse_wait(text);
        if (!wait) {
            throw CLI::ValidationError("--wait", wait.error());
        }
        into = *wait;
    };
    command
        .add_option_function<std::string>(
            "--wait", read,
            "How long to wait for a first record where there is none, such as 1s; a number alone is in milliseconds")
        ->type_name("DURATION");
}

asio::awaitable<ExitCode> fetch(Client& client, std::shared_ptr<const FetchCommand> command) {
    Output output;
    FetchPrinter printer(*command, output);
    // Reading creates nothing: a fetch alone would open the topic, and so make one of a mistyped name.
    const auto described = co_await client.describe_topic(command->topic);
    if (!described) {
        co_return fail_about(command->topic, described.error());
    }
    FetchOptions options;
    options.from = command->from;
    options.max_wait = command->wait.value_or(std::chrono::milliseconds(0));
    do {
        const auto result = co_await client.fetch(command->topic, options);
        if (!result) {
            output.flush();
            co_return fail_to_fetch(*command, options.from, *described, result.error());
        }
        printer.print(*result);
        options.from = From::offset(printer.next());
        options.max_wait = std::chrono::milliseconds(0);  // only the first record is waited for
    } while (!printer.is_done());
    output.flush();
    if (output.is_open()) {
        say(fmt::format("{}; go on with --from {}", counted(printer.printed(), "record"), printer.next().value));
    }
    co_return finish(output);
}

}  // namespace

void add_fetch_command(CLI::App& app, Invocation& invocation) {
    auto options = std::make_shared<FetchCommand>();
    CLI::App* command =
        app.add_subcommand("fetch",
                           "Read what a topic keeps, up to its end, and stop. Standard error says where "
                           "to go on the next time.\n\n"
                           "  leveret fetch orders --from earliest --max 10 --wait 1s");
    command->add_option("topic", options->topic, "The topic")->required();
    add_from(*command, options->from,
             "Where to begin: earliest (the default), latest, an offset, a time (2024-05-01T12:00:00Z), or a while ago "
             "(-5m)");
    add_number(*command, "--max", options->records_max, "At most this many records", 1);
    add_wait(*command, options->wait);
    add_format(*command, options->format);
    command->callback([options, &invocation] {
        invocation.run = [options, &common = invocation.common] {
            options->json = common.json;
            return run_connected(common, [options](Client& client) { return fetch(client, options); });
        };
    });
}

}  // namespace leveret::cli
