#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <asio/this_coro.hpp>
#include <fmt/core.h>

#include "command.hpp"
#include "line_reader.hpp"
#include "output.hpp"
#include "record_text.hpp"
#include "session.hpp"
#include "storage_words.hpp"
#include "units.hpp"
#include "words.hpp"

namespace leveret::cli {
namespace {

struct PubOptions {
    std::string topic;
    std::vector<std::string> messages;
    std::optional<std::string> key;
    std::string key_separator;  ///< empty: lines have no key
    std::vector<std::string> headers;
    Durability durability = Durability::server_default;
    bool one_way = false;
    std::optional<std::uint64_t> count;
    bool json = false;
};

/// Hands records to the client as fast as it takes them, and counts what became of them.
class RecordSender {
  public:
    RecordSender(Publisher publisher, const PubOptions& options, Output& output)
        : publisher_(std::move(publisher)), options_(options), output_(output) {
        for (const std::string& header : options.headers) {
            const std::size_t equals = header.find('=');
            headers_.push_back(
                {std::string_view(header).substr(0, equals), as_bytes(std::string_view(header).substr(equals + 1))});
        }
    }

    /// True: taken, or refused for good and counted. False: wait for writable() and try again.
    [[nodiscard]] bool try_send(std::string_view text) {
        const std::error_code error = send(message_of(text));
        if (error == Error::publish_queue_full) {
            return false;
        }
        ++sent_;
        if (error) {
            count_failure({error, error.message()});
            stopped_ = stopped_ || error != Error::bad_record;
        }
        return true;
    }
    [[nodiscard]] asio::awaitable<void> writable() { return publisher_.writable(); }
    [[nodiscard]] asio::awaitable<Outcome<void>> flush() { return publisher_.flush(); }

    /// No more records are wanted: the count is reached, the connection is gone, or nobody reads our output.
    [[nodiscard]] bool is_done() const { return stopped_ || (options_.count && sent_ >= *options_.count); }
    [[nodiscard]] std::uint64_t sent() const { return sent_; }
    [[nodiscard]] std::uint64_t failed() const { return failed_; }
    [[nodiscard]] const Failure& first_failure() const { return first_failure_; }
    void count_failure(const Failure& failure) {
        if (failed_++ == 0) {
            first_failure_ = failure;
        }
    }

  private:
    Message message_of(std::string_view text) const {
        Message message(text);
        if (options_.key) {
            message.key = *options_.key;
        } else if (!options_.key_separator.empty()) {
            if (const std::size_t at = text.find(options_.key_separator); at != std::string_view::npos) {
                message.key = text.substr(0, at);
                message.payload = as_bytes(text.substr(at + options_.key_separator.size()));
            }
        }
        message.headers = headers_;
        message.durability = options_.durability;
        return message;
    }

    std::error_code send(const Message& message) {
        if (options_.one_way) {
            return publisher_.send(message);
        }
        return publisher_.send(message, [this](const Outcome<Acknowledgement>& answer) {
            if (!answer) {
                count_failure(answer.error());
            } else if (options_.json) {
                output_.line(Json{{"offset", answer->offset.value}, {"duplicate", answer->duplicate}}.dump());
                stopped_ = stopped_ || !output_.is_open();
            }
        });
    }

    Publisher publisher_;
    const PubOptions& options_;
    Output& output_;
    std::vector<Header> headers_;
    std::uint64_t sent_ = 0;
    std::uint64_t failed_ = 0;
    bool stopped_ = false;
    Failure first_failure_;
};

asio::awaitable<void> send_when_possible(RecordSender& sender, std::string_view text) {
    while (!sender.try_send(text)) {
        co_await sender.writable();
    }
}

asio::awaitable<void> send_messages(RecordSender& sender, const PubOptions& options) {
    const std::uint64_t count = options.count.value_or(options.messages.size());
    for (std::uint64_t i = 0; i < count && !sender.is_done(); ++i) {
        const std::string& message = options.messages[i % options.messages.size()];
        if (!sender.try_send(message)) {
            co_await send_when_possible(sender, message);
        }
    }
}

/// Where the input pauses, the acknowledgements of what it has brought are shown before more of it is waited for.
asio::awaitable<void> show_acknowledgements(RecordSender& sender, Output& output) {
    auto flushing = sender.flush();
    static_cast<void>(co_await std::move(flushing));  // each record has told of its own failure
    output.flush();
}

asio::awaitable<void> send_lines(RecordSender& sender, LineReader& reader, const PubOptions& options, Output& output) {
    while (!sender.is_done()) {
        const auto line = reader.try_next();
        if (line && !sender.try_send(*line)) {
            co_await send_when_possible(sender, *line);
        }
        if (!line && options.json && !options.one_way && !reader.has_input()) {
            co_await show_acknowledgements(sender, output);
        }
        if (!line && !co_await reader.read_more()) {
            co_return;
        }
    }
}

ExitCode report(const RecordSender& sender, const std::string& topic) {
    if (sender.failed() == 0) {
        return ExitCode::ok;
    }
    const std::string why = sentence_about(topic, sender.first_failure());
    say(sender.sent() == 1 ? fmt::format("the record was not published to '{}': {}", topic, why)
                           : fmt::format("{} of {} records were not published to '{}'; the first: {}", sender.failed(),
                                         sender.sent(), topic, why));
    return exit_code_of(sender.first_failure());
}

asio::awaitable<ExitCode> publish(Client& client, std::shared_ptr<const PubOptions> options) {
    auto publisher = co_await client.publisher(options->topic);
    if (!publisher) {
        co_return fail_about(options->topic, publisher.error());
    }
    Output output;
    RecordSender sender(*std::move(publisher), *options, output);
    ExitCode input = ExitCode::ok;
    if (options->messages.empty()) {
        LineReader reader(co_await asio::this_coro::executor, 0);
        co_await send_lines(sender, reader, *options, output);
        if (reader.failure()) {
            say(reader.failure() == std::errc::value_too_large
                    ? fmt::format("standard input: line {} is longer than a record may be, {}", sender.sent() + 1,
                                  format_bytes(LineReader::line_bytes_max))
                    : fmt::format("reading standard input: {}", reader.failure().message()));
            input = ExitCode::failed;
        }
    } else {
        co_await send_messages(sender, *options);
    }
    const auto flushed = co_await sender.flush();
    if (!flushed && sender.failed() == 0) {
        sender.count_failure(flushed.error());
    }
    // One-way records have no answers of their own; the server has read them once it answers a ping behind them.
    if (options->one_way && sender.failed() == 0) {
        if (const auto answered = co_await client.ping(); !answered) {
            sender.count_failure(answered.error());
        }
        if (options->json) {
            output.line(Json{{"sent", sender.sent()}}.dump());
        }
    }
    const ExitCode published = report(sender, options->topic);
    co_return finish(output, published == ExitCode::ok ? input : published);
}

void check(const PubOptions& options) {
    for (const std::string& header : options.headers) {
        if (header.find('=') == std::string::npos) {
            throw CLI::ValidationError("-H", fmt::format("'{}' is no name=value", header));
        }
        if (!is_utf8(header.substr(0, header.find('=')))) {
            throw CLI::ValidationError("-H", "a header's name must be UTF-8");
        }
    }
}

}  // namespace

void add_pub_command(CLI::App& app, Invocation& invocation) {
    auto options = std::make_shared<PubOptions>();
    CLI::App* command =
        app.add_subcommand("pub",
                           "Publish: each message, or each line of standard input, is a record.\n"
                           "Says nothing when all went well; with --json, a line per acknowledgement.\n\n"
                           "  tail -f app.log | leveret pub logs -H host=$(hostname)\n"
                           "  leveret pub orders --key-sep : 'customer7:two hares'");
    command->add_option("topic", options->topic, "The topic")->required();
    command->add_option("message", options->messages, "Messages; without any, the lines of standard input");
    CLI::Option* key = command->add_option("-k,--key", options->key, "The key of every record");
    command
        ->add_option("--key-sep", options->key_separator,
                     "What stands before its first occurrence is the key; without it, a record has no key")
        ->excludes(key);
    command->add_option("-H,--header", options->headers, "A header, name=value; may be repeated")
        ->allow_extra_args(false)
        ->type_name("NAME=VALUE");
    command->add_flag("--one-way", options->one_way, "Ask for no acknowledgements: faster, and a refusal goes unseen");
    add_durability(*command, options->durability,
                   "Acknowledge once the records are this safe, where the topic's own setting is weaker: sync, once "
                   "they survive a power cut. For stored topics");
    add_number(*command, "-n,--count", options->count,
               "Publish exactly this many records: messages are repeated in turn, lines end early", 1);
    command->callback([options, &invocation] {
        check(*options);
        invocation.run = [options, &common = invocation.common] {
            options->json = common.json;
            return run_connected(common, [options](Client& client) { return publish(client, options); });
        };
    });
}

}  // namespace leveret::cli
