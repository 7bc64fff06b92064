#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include <asio/experimental/awaitable_operators.hpp>
#include <asio/signal_set.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <fmt/core.h>

#include "command.hpp"
#include "output.hpp"
#include "record_text.hpp"
#include "session.hpp"
#include "units.hpp"
#include "words.hpp"

namespace leveret::cli {
namespace {

struct SubOptions {
    std::string topic;
    From from = From::latest();
    std::optional<std::uint64_t> count;
    RecordFormat format;
    std::vector<std::string> filter_keys;
    bool json = false;
};

/// Prints what a subscription brings. Each handler says whether to go on.
class RecordPrinter {
  public:
    RecordPrinter(const SubOptions& options, Output& output) : options_(options), output_(output) {}

    bool operator()(const Delivery& delivery) {
        for (const RecordView record : delivery) {
            std::string& out = output_.buffer();
            if (options_.json) {
                append_json(out, options_.topic, record);
            } else {
                options_.format.append(out, options_.topic, record);
            }
            out.push_back('\n');
            output_.wrote();
            ++printed_;
            if (!output_.is_open() || (options_.count && printed_ >= *options_.count)) {
                return false;
            }
        }
        return true;
    }
    bool operator()(const Missed& missed) {
        output_.flush();
        say(in_words(missed));
        return true;
    }
    bool operator()(const TopicChanged& changed) {
        output_.flush();
        say(fmt::format("the topic is a new one now (epoch {}): offsets begin anew", changed.epoch.value));
        return true;
    }
    bool operator()(const Closed& closed) {
        if (closed.failure.code) {
            failure_ = closed.failure;
        }
        return false;
    }
    [[nodiscard]] const std::optional<Failure>& failure() const { return failure_; }

  private:
    const SubOptions& options_;
    Output& output_;
    std::uint64_t printed_ = 0;
    std::optional<Failure> failure_;
};

/// next() in a wrapping: operator|| would merge the alternatives of a bare variant with its own.
asio::awaitable<std::optional<Received>> wrapped_next(Subscription& subscription) {
    co_return co_await subscription.next();
}

/// What happened next, or nothing once a signal asks us to end.
asio::awaitable<std::optional<Received>> next_or_signal(Subscription& subscription, asio::signal_set& signals) {
    using asio::experimental::awaitable_operators::operator||;
    // Named one by one: g++ 12 destroys some temporaries of such an expression twice.
    auto next = wrapped_next(subscription);
    auto signal = signals.async_wait(asio::use_awaitable);
    auto first_of_both = std::move(next) || std::move(signal);
    auto happened = co_await std::move(first_of_both);
    if (auto* const received = std::get_if<0>(&happened)) {
        co_return std::move(*received);
    }
    co_return std::nullopt;
}

asio::awaitable<void> print_records(Subscription& subscription, RecordPrinter& printer, Output& output) {
    // A second signal, after this function has returned, ends the program as usual.
    asio::signal_set signals(co_await asio::this_coro::executor, SIGINT, SIGTERM);
    for (bool go_on = true; go_on;) {
        auto received = subscription.try_next();
        if (!received) {
            output.flush();  // before the wait, so that a person sees a record when it comes
            received = co_await next_or_signal(subscription, signals);
        }
        go_on = received && std::visit(printer, *received) && output.is_open();
    }
}

asio::awaitable<ExitCode> subscribe(Client& client, std::shared_ptr<const SubOptions> options) {
    SubscribeOptions how;
    how.from = options->from;
    how.filter_keys = options->filter_keys;
    auto subscription = co_await client.subscribe(options->topic, how);
    if (!subscription) {
        co_return fail_about(options->topic, subscription.error());
    }
    Output output;
    RecordPrinter printer(*options, output);
    co_await print_records(*subscription, printer, output);
    output.flush();
    if (printer.failure()) {
        co_return fail_about(options->topic, *printer.failure());
    }
    co_return finish(output);
}

}  // namespace

void add_sub_command(CLI::App& app, Invocation& invocation) {
    auto options = std::make_shared<SubOptions>();
    CLI::App* command = app.add_subcommand("sub",
                                           "Subscribe: prints records as they come, until Ctrl-C.\n"
                                           "Records that were gone before they could be delivered are told on standard "
                                           "error.\n\n"
                                           "  leveret sub orders --from -5m --format '%t %k: %p'");
    command->add_option("topic", options->topic, "The topic")->required();
    add_from(*command, options->from,
             "Where to begin: latest (the default), earliest, an offset, a time (2024-05-01T12:00:00Z), or a while ago "
             "(-5m)");
    add_number(*command, "-n,--count", options->count, "End after this many records", 1);
    add_format(*command, options->format);
    command
        ->add_option("--only-key", options->filter_keys,
                     "Only records with exactly this key; may be repeated, up to 64 times")
        ->allow_extra_args(false);
    command->callback([options, &invocation] {
        invocation.run = [options, &common = invocation.common] {
            options->json = common.json;
            ClientOptions connection = client_options(common);
            connection.reconnect = true;  // a subscriber goes on where it was when the server comes back
            return run_connected(connection, [options](Client& client) { return subscribe(client, options); });
        };
    });
}

}  // namespace leveret::cli
