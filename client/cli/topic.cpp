#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include <fmt/core.h>

#include "command.hpp"
#include "output.hpp"
#include "record_text.hpp"
#include "session.hpp"
#include "storage_words.hpp"
#include "units.hpp"
#include "words.hpp"

namespace leveret::cli {
namespace {

struct TopicOptions {
    std::string name;
    TopicChange settings;  ///< of create and alter
    Store store = Store::server_default;
    Durability durability = Durability::server_default;
    std::optional<std::chrono::milliseconds> durability_interval;
    std::optional<std::uint64_t> trim_before;  ///< of trim, where it is required
};

TopicSettings settings_of(const TopicOptions& options) {
    const TopicChange& change = options.settings;
    TopicSettings settings;
    const std::chrono::milliseconds none{0};
    settings.retention_ttl_ms = static_cast<std::uint64_t>(change.retention_ttl.value_or(none).count());
    settings.compaction_window_ms = static_cast<std::uint64_t>(change.compaction_window.value_or(none).count());
    settings.retention_bytes = change.retention_bytes.value_or(0);
    settings.retention_records = change.retention_records.value_or(0);
    settings.store = options.store;
    settings.durability = options.durability;
    settings.durability_interval_ms =
        static_cast<std::uint16_t>(options.durability_interval.value_or(none).count());  // check() has seen it
    return settings;
}

std::uint64_t figure(const TopicInfo& topic, std::string_view name) {
    const auto found = std::find_if(topic.figures.begin(), topic.figures.end(),
                                    [name](const auto& each) { return each.first == name; });
    return found == topic.figures.end() ? 0 : found->second;
}

bool is_stored(const TopicInfo& topic) {
    return topic.settings.store == Store::file || topic.settings.store == Store::rocksdb;
}

Json json_of(const TopicInfo& topic) {
    Json object{{"name", topic.name},
                {"id", topic.id.to_string()},
                {"epoch", topic.epoch.value},
                {"first", topic.first.value},
                {"next", topic.next.value},
                {"bytes", topic.bytes},
                {"store", word_of(topic.settings.store)},
                {"durability", is_stored(topic) ? Json(word_of(topic.settings.durability)) : Json()}};
    if (is_stored(topic)) {
        object["segments"] = figure(topic, "log_segments");
        object["synced"] = figure(topic, "log_synced");
    }
    return object;
}

Json json_with_details(const TopicInfo& topic) {
    Json object = json_of(topic);
    object["retention_ttl_ms"] = topic.settings.retention_ttl_ms;
    object["compaction_window_ms"] = topic.settings.compaction_window_ms;
    object["retention_bytes"] = topic.settings.retention_bytes;
    object["retention_records"] = topic.settings.retention_records;
    object["durability_interval_ms"] = topic.settings.durability_interval_ms;
    object["figures"] = Json::object();
    for (const auto& [name, value] : topic.figures) {
        object["figures"][name] = value;
    }
    object["positions"] = Json::object();
    for (const auto& [name, offset] : topic.positions) {
        object["positions"][name] = offset.value;
    }
    return object;
}

std::string duration_or_none(std::uint64_t duration_ms) {
    const auto duration = std::chrono::duration_cast<std::chrono::milliseconds>(saturated_ms(duration_ms));
    return duration.count() == 0 ? "none" : format_exact_duration(duration);
}

/// The server's default bounds are for topics in memory.
std::string bound_text(const TopicInfo& topic, std::uint64_t bound) {
    const std::string unset = is_stored(topic) ? "none" : "server's default";
    return bound == 0 ? unset : fmt::format("{}", bound);
}

std::string durability_text(const TopicSettings& settings) {
    const std::string word(word_of(settings.durability));
    return settings.durability_interval_ms == 0 ? word
                                                : fmt::format("{}, {} ms", word, settings.durability_interval_ms);
}

void print_details(Output& output, const TopicInfo& topic) {
    const auto row = [&output](std::string_view name, const std::string& value) {
        output.line(fmt::format("{:<20} {}", name, value));
    };
    row("name", topic.name);
    row("id", topic.id.to_string());
    row("epoch", fmt::format("{}", topic.epoch.value));
    row("offsets", fmt::format("[{}, {})", topic.first.value, topic.next.value));
    row("store", std::string(word_of(topic.settings.store)));
    if (is_stored(topic)) {
        row("durability", durability_text(topic.settings));
        row("synced below", fmt::format("{}", figure(topic, "log_synced")));
        row("segments", fmt::format("{}", figure(topic, "log_segments")));
    }
    row("retention ttl", duration_or_none(topic.settings.retention_ttl_ms));
    row("compaction window", duration_or_none(topic.settings.compaction_window_ms));
    row("retention bytes", bound_text(topic, topic.settings.retention_bytes));
    row("retention records", bound_text(topic, topic.settings.retention_records));
    for (const auto& [name, value] : topic.figures) {
        row(name, fmt::format("{}", value));
    }
    for (const auto& [name, offset] : topic.positions) {
        row("position " + name, fmt::format("{}", offset.value));
    }
}

/// What create, alter, trim and delete print: nothing, or the fact as JSON.
ExitCode done(const Outcome<void>& outcome, const char* what, const std::string& name, bool json) {
    if (!outcome) {
        return fail_about(name, outcome.error());
    }
    Output output;
    if (json) {
        output.line(Json{{what, name}}.dump());
    }
    return finish(output);
}

using Options = std::shared_ptr<const TopicOptions>;

asio::awaitable<ExitCode> create(Client& client, Options options, bool json) {
    const auto outcome = co_await client.create_topic(options->name, settings_of(*options));
    co_return done(outcome, "created", options->name, json);
}

asio::awaitable<ExitCode> alter(Client& client, Options options, bool json) {
    const auto outcome = co_await client.alter_topic(options->name, options->settings);
    co_return done(outcome, "altered", options->name, json);
}

asio::awaitable<ExitCode> trim(Client& client, Options options, bool json) {
    const auto outcome = co_await client.trim_topic(options->name, Offset{*options->trim_before});
    if (!outcome && outcome.error().code == Error::offset_out_of_range) {
        say(fmt::format("offset {0} lies beyond the end of '{1}', see leveret topic describe ({2})",
                        *options->trim_before, options->name, error_name(Error::offset_out_of_range)));
        co_return exit_code_of(outcome.error());
    }
    co_return done(outcome, "trimmed", options->name, json);
}

asio::awaitable<ExitCode> remove(Client& client, Options options, bool json) {
    const auto outcome = co_await client.delete_topic(options->name);
    co_return done(outcome, "deleted", options->name, json);
}

asio::awaitable<ExitCode> describe(Client& client, Options options, bool json) {
    const auto topic = co_await client.describe_topic(options->name);
    if (!topic) {
        co_return fail_about(options->name, topic.error());
    }
    Output output;
    if (json) {
        output.line(json_with_details(*topic).dump());
    } else {
        print_details(output, *topic);
    }
    co_return finish(output);
}

std::string line_of(const TopicInfo& topic, std::size_t name_width) {
    std::string line = fmt::format(
        "{:<{}} {:>12} {:<7} {:>10}   offsets [{}, {})   {}", topic.name, name_width,
        topic.next.value - topic.first.value, topic.next.value - topic.first.value == 1 ? "record" : "records",
        format_bytes(topic.bytes), topic.first.value, topic.next.value, word_of(topic.settings.store));
    if (is_stored(topic)) {
        const std::uint64_t segments = figure(topic, "log_segments");
        line += fmt::format(", {}, synced below {}, {} segment{}", word_of(topic.settings.durability),
                            figure(topic, "log_synced"), segments, segments == 1 ? "" : "s");
    }
    return line;
}

asio::awaitable<ExitCode> list(Client& client, Options /*options*/, bool json) {
    const auto topics = co_await client.list_topics();
    if (!topics) {
        co_return fail_with(topics.error());
    }
    Output output;
    std::size_t name_width = 0;
    for (const TopicInfo& listed : *topics) {
        name_width = std::max(name_width, listed.name.size());
    }
    for (const TopicInfo& listed : *topics) {
        // The list itself has names and offsets alone.
        const auto topic = co_await client.describe_topic(listed.name);
        if (!topic && topic.error().code == Error::unknown_topic) {
            continue;  // it was deleted meanwhile
        }
        if (!topic) {
            co_return fail_with(topic.error());
        }
        output.line(json ? json_of(*topic).dump() : line_of(*topic, name_width));
    }
    co_return finish(output);
}

void check(const TopicOptions& options) {
    if (!options.durability_interval) {
        return;
    }
    if (options.durability != Durability::interval) {
        throw CLI::ValidationError("--durability-interval", "it belongs to --durability interval");
    }
    const std::int64_t most_ms = std::numeric_limits<std::uint16_t>::max();
    if (options.durability_interval->count() < 1 || options.durability_interval->count() > most_ms) {
        throw CLI::ValidationError("--durability-interval", fmt::format("give a time from 1ms to {}ms", most_ms));
    }
}

using Action = asio::awaitable<ExitCode> (*)(Client&, Options, bool);

void run_at_callback(CLI::App* command, Action action, const Options& options, Invocation& invocation) {
    command->callback([action, options, &invocation] {
        check(*options);
        invocation.run = [action, options, &common = invocation.common] {
            return run_connected(common, [action, options, json = common.json](Client& client) {
                return action(client, options, json);
            });
        };
    });
}

void add_settings(CLI::App& command, TopicChange& change, const std::string& none) {
    CLI::Option_group* group = command.add_option_group("Settings");
    add_duration(*group, "--retention-ttl", change.retention_ttl, "Records expire after this long, such as 10s" + none);
    add_duration(*group, "--compaction-window", change.compaction_window,
                 "A key seen less than this ago is a duplicate and is dropped" + none);
    add_bytes(*group, "--retention-bytes", change.retention_bytes,
              "The oldest records go beyond this size, such as 64MiB");
    add_number(*group, "--retention-records", change.retention_records, "The oldest records go beyond this many");
}

/// Not in --help: who looks for it where it cannot be is told why.
void refuse_storage(CLI::App& command) {
    const auto refuse = [&command](const std::string& name, const std::string& what) {
        const auto read = [name, what](const std::string&) {
            throw CLI::ValidationError(
                name, fmt::format("a topic's {} is chosen when it is created and cannot be changed", what));
        };
        command.add_option_function<std::string>(name, read, "")->group("");
    };
    refuse("--store", "store");
    refuse("--durability", "durability");
    refuse("--durability-interval", "durability");
}

void add_storage(CLI::App& command, TopicOptions& options) {
    CLI::Option_group* group = command.add_option_group("Storage");
    add_store(*group, options.store,
              "Where records are kept (default: as the server says): in memory, in segment files, in RocksDB");
    add_durability(*group, options.durability,
                   "When a stored record counts (default: as the server says): os, once it survives the server's end; "
                   "interval, the same, and all is synced every so often; sync, once it survives a power cut");
    add_duration(*group, "--durability-interval", options.durability_interval,
                 "Between two syncs of --durability interval, such as 200ms (default: as the server says)");
}

}  // namespace

void add_topic_command(CLI::App& app, Invocation& invocation) {
    auto options = std::make_shared<TopicOptions>();
    CLI::App* topic = app.add_subcommand("topic",
                                         "Create, list, describe, alter, trim and delete topics.\n\n"
                                         "  leveret topic create orders --retention-ttl 1h --compaction-window 10s");
    topic->require_subcommand(1);
    const auto add = [&](const char* name, const char* help, Action action) {
        CLI::App* command = topic->add_subcommand(name, help);
        run_at_callback(command, action, options, invocation);
        return command;
    };
    const auto add_named = [&](const char* name, const char* help, Action action) {
        CLI::App* command = add(name, help, action);
        command->add_option("topic", options->name, "The topic")->required();
        return command;
    };
    CLI::App* created =
        add_named("create",
                  "Create a topic. One that exists with the same settings is fine.\n\n"
                  "  leveret topic create orders --store file --durability sync --retention-bytes 64MiB",
                  create);
    add_settings(*created, options->settings, " (0, the default: never)");
    add_storage(*created, *options);
    add("list", "All topics, in the order of their names.\n\n  leveret topic list --json | jq -r .name", list);
    add_named("describe", "Everything about one topic.\n\n  leveret topic describe orders", describe);
    CLI::App* altered = add_named("alter",
                                  "Change the settings that are named; the others stay.\n\n"
                                  "  leveret topic alter orders --retention-ttl 2h",
                                  alter);
    add_settings(*altered, options->settings, " (0: never)");
    refuse_storage(*altered);
    altered->get_option_group("Settings")->require_option(1, 0);
    CLI::App* trimmed =
        add_named("trim", "Forget the records below an offset.\n\n  leveret topic trim orders --before 1000", trim);
    add_number(*trimmed, "--before", options->trim_before, "The first offset that is kept")->required();
    add_named("delete", "Delete a topic and its records, where the server allows it.\n\n  leveret topic delete orders",
              remove);
}

}  // namespace leveret::cli
