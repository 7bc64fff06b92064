#include "server/server_options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <set>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "protocol/native.hpp"
#include "server/read_buffer.hpp"
#include "subscription_manager/version.hpp"

namespace leveret {

namespace {

constexpr int exit_usage = 2;

/// "64", "64K", "64KiB", "2M", "1G" …: binary multiples.
std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) {
        return {};
    }
    std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    if (unit.ends_with("iB")) {
        unit.remove_suffix(2);
    }
    constexpr std::string_view units = "KMG";
    if (unit.empty()) {
        return value;
    }
    const std::size_t power = units.find(unit);
    if (unit.size() != 1 || power == std::string_view::npos) {
        return {};
    }
    const unsigned shift = 10 * (static_cast<unsigned>(power) + 1);
    return value > std::numeric_limits<std::uint64_t>::max() >> shift ? std::nullopt : std::optional(value << shift);
}

/// One row of the table that everything here is made from: help, flags, variables and their precedence.
struct Setting {
    std::string flag;      // without the dashes
    std::string variable;  // of the environment
    std::string help;
    std::uint64_t least;
    std::uint64_t most;
    std::function<void(std::uint64_t)> set;
    std::uint64_t fallback;
    bool takes_zero = false;  // although it is below `least`: for what the server works out
};

std::string variable_for(std::string flag) {
    std::transform(flag.begin(), flag.end(), flag.begin(), [](char c) {
        return c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    });
    return "LEVERET_" + flag;
}

template <class T>
Setting limit(const std::string& flag, T& field, const std::string& help, std::uint64_t least,
              std::uint64_t most = std::numeric_limits<std::int64_t>::max()) {
    return {flag,
            variable_for(flag),
            help,
            least,
            most,
            [&field](std::uint64_t value) { field = static_cast<T>(value); },
            static_cast<std::uint64_t>(field)};
}

Setting or_default(Setting setting) {
    setting.takes_zero = true;
    return setting;
}

/// In the unit of `field`.
template <class Unit>
Setting duration(const std::string& flag, Unit& field, const std::string& help, std::uint64_t least = 1,
                 std::uint64_t most = Unit(std::chrono::hours(24)).count()) {
    return {flag,
            variable_for(flag),
            help,
            least,
            most,
            [&field](std::uint64_t value) { field = Unit(value); },
            static_cast<std::uint64_t>(field.count())};
}

std::vector<Setting> settings_of(BrokerOptions& broker) {
    Limits& limits = broker.limits;
    constexpr std::uint64_t frame_most = 1U << 30U;
    // With the longest names they fit into a TopicDescription of 8 MiB, and several times into a file of positions.
    constexpr std::uint64_t positions_most = 30'000;
    std::vector<Setting> settings{
        limit("port", broker.port, "port to listen on, 0 for any free one", 0, 65535),
        duration("busy-poll-us", broker.busy_poll,
                 "an io thread that is the only one looks for more to do before it sleeps; 0: not at all", 0,
                 1'000'000),
        limit("threads", broker.threads, "io threads; 0: one less than the processors it may use", 0, 1024),
        or_default(limit("memory-bytes-max", limits.memory_bytes_max,
                         "all blocks, windows and connection buffers; 0: 1 GiB, or a quarter of the machine",
                         4 * ReadMemoryPool::piece_bytes)),
        limit("frame-bytes-max", limits.frame_bytes_max, "one frame, and so one record", 4096, frame_most),
        limit("topics-max", limits.topics_max, "topics", 1),
        limit("connections-max", limits.connections_max, "connections; 0: what the open-files limit allows", 0),
        limit("subscriptions-per-connection-max", limits.subscriptions_per_connection_max,
              "subscriptions of one connection", 1),
        limit("open-topics-per-connection-max", limits.open_topics_per_connection_max,
              "topics that one connection has opened", 1),
        limit("waiting-fetches-per-connection-max", limits.waiting_fetches_per_connection_max,
              "fetches of one connection that wait", 1),
        limit("positions-per-topic-max", limits.positions_per_topic_max, "named positions of one topic", 1,
              positions_most),
        limit("filter-keys-max", limits.filter_keys_max, "keys in one subscription's filter", 1,
              native::Subscribe::filter_keys_max),
        limit("topic-bytes-max", limits.topic_bytes_max, "what a topic keeps, unless it says otherwise", 4096),
        limit("topic-records-max", limits.topic_records_max, "the same in records", 1),
        limit("window-keys-max", limits.window_keys_max, "keys that one compaction window remembers", 1, 1U << 30U),
        limit("reply-bytes-max", limits.reply_bytes_max, "answers of one connection that wait to be written", 4096),
        limit("deliver-bytes-max", limits.deliver_bytes_max, "one Deliver frame, one write in flight", 4096,
              frame_most),
        duration("handshake-timeout-ms", limits.handshake_timeout, "for a connection's first bytes to make sense"),
        duration("frame-timeout-ms", limits.frame_timeout, "for more to come of a frame that has begun"),
        duration("write-timeout-ms", limits.write_timeout, "for a client to take its answers"),
        duration("drain-timeout-ms", limits.drain_timeout, "for a stop to write what is due"),
        limit("segment-bytes", broker.storage.segment_bytes, "one segment file of a stored topic", 1U << 16U,
              1U << 30U),
        limit("log-files-max", broker.storage.log_files_max,
              "open files of all logs; 0: a quarter of the open-files limit", 0, 1U << 20U),
        limit("log-write-threads", broker.storage.write_threads, "threads that write and sync", 1, 64),
        limit("log-read-threads", broker.storage.read_threads, "threads that read for those who catch up", 1, 64),
        limit("topic-pending-bytes-max", limits.topic_pending_bytes_max,
              "records of a stored topic that its log does not have yet", 4096, 1U << 30U),
        or_default(limit("pending-bytes-max", limits.pending_bytes_max,
                         "the same of all stored topics; 0: a quarter of memory-bytes-max", 4096)),
        or_default(limit("catch-up-bytes-max", limits.catch_up_bytes_max,
                         "for those who read logs; 0: an eighth of memory-bytes-max, at most 64M", 1U << 20U)),
        duration("catch-up-pause-us", limits.catch_up_pause,
                 "between two parts of logs for those who read them while others publish; 0: none", 0, 1'000'000),
        limit("awaited-answers-per-connection-max", limits.awaited_answers_per_connection_max,
              "answers of one connection that wait for logs", 1),
        duration("sync-interval-ms", limits.sync_interval,
                 "between two syncs of a topic with interval durability that does not say"),
    };
    settings.front().variable = "PORT";
    return settings;
}

EarlyExit usage(const std::string& text) {
    return {exit_usage, fmt::format("leveret-server: {} (--help lists the options)\n", text)};
}

std::optional<EarlyExit> apply_storage(const std::string& store, const std::string& durability, BrokerOptions& broker) {
    const auto found_store = named<Store>(store, store_names);
    if (!found_store || *found_store == Store::server_default) {
        return usage(fmt::format("the store is \"{}\": give memory, file or rocksdb", store));
    }
    const auto found_durability = named<Durability>(durability, durability_names);
    if (!found_durability || *found_durability == Durability::server_default) {
        return usage(fmt::format("the durability is \"{}\": give sync, interval or os", durability));
    }
    if (*found_store != Store::memory && broker.storage.data_dir.empty()) {
        return usage(fmt::format("the store {} needs a directory: give --data-dir", store));
    }
    broker.topic_defaults = {.store = *found_store, .durability = *found_durability};
    return {};
}

/// Flag over variable over default, for one row.
std::optional<EarlyExit> apply(const Setting& setting, const std::optional<std::string>& from_flag,
                               const std::optional<std::string>& from_variable) {
    const std::optional<std::string>& given = from_flag ? from_flag : from_variable;
    if (!given) {
        return {};
    }
    const auto value = parse_number(*given);
    const bool is_zero_taken = setting.takes_zero && value == std::uint64_t{0};
    if (!value || ((*value < setting.least || *value > setting.most) && !is_zero_taken)) {
        return usage(fmt::format("{} is \"{}\": give {}a whole number from {} to {}{}",
                                 from_flag ? "--" + setting.flag : setting.variable, *given,
                                 setting.takes_zero ? "0 or " : "", setting.least, setting.most,
                                 setting.most < 1U << 20U ? "" : "; 64M is 64 times 1024²"));
    }
    setting.set(*value);
    return {};
}

std::vector<std::string> unknown_of(const EnvironmentVariables& variables, const std::vector<Setting>& settings) {
    std::set<std::string> known{"LEVERET_DATA_DIR", "LEVERET_STORE", "LEVERET_DURABILITY"};
    for (const Setting& setting : settings) {
        known.insert(setting.variable);
    }
    std::vector<std::string> unknown;
    for (const auto& [name, value] : variables) {
        if (name.starts_with("LEVERET_") && known.count(name) == 0) {
            unknown.push_back(name);
        }
    }
    return unknown;
}

bool is_log_level(const std::string& level) {
    constexpr std::array<std::string_view, 7> levels{"trace", "debug", "info", "warn", "error", "critical", "off"};
    return std::find(levels.begin(), levels.end(), level) != levels.end();
}

}  // namespace

tl::expected<ServerOptions, EarlyExit> parse_server_options(const std::vector<std::string>& arguments,
                                                            const EnvironmentVariables& variables) {
    ServerOptions options;
    const std::vector<Setting> settings = settings_of(options.broker);
    const auto variable = [&](const std::string& name) {
        const auto found = variables.find(name);
        return found == variables.end() || found->second.empty() ? std::nullopt : std::optional(found->second);
    };
    options.unknown_variables = unknown_of(variables, settings);

    CLI::App app(
        "Leveret, a small, fast, honest message broker.\n"
        "Starts on 127.0.0.1:8889 and keeps topics in memory, or on disk with --data-dir; Ctrl-C stops it cleanly.\n",
        "leveret-server");
    app.footer(
        "\nEach limit can also be set by a variable: LEVERET_TOPICS_MAX=500 is --topics-max 500. A flag wins.\n"
        "Numbers may end in K, M or G (1024, 1024², 1024³).\n\n"
        "Example:\n  PORT=8889 leveret-server --log-level debug --topic-bytes-max 256M\n");
    app.get_formatter()->column_width(44);

    app.add_option("--host", options.broker.host, "address to listen on [127.0.0.1, or $HOST]")->option_text("ADDRESS");
    app.add_option("--log-level", options.log_level,
                   "trace, debug, info, warn, error, critical, off [info, or $SPDLOG_LEVEL]")
        ->option_text("LEVEL");
    app.add_flag("--allow-delete", options.broker.permissions.delete_topics, "let clients delete topics");
    std::string store;
    std::string durability;
    app.add_option("--data-dir", options.broker.storage.data_dir,
                   "where stored topics are kept [none, or $LEVERET_DATA_DIR]: without it topics live in memory")
        ->option_text("DIRECTORY");
    app.add_option("--store", store, "of topics that do not say: memory, file or rocksdb [memory, or $LEVERET_STORE]")
        ->option_text("STORE");
    app.add_option("--durability", durability,
                   "of stored topics that do not say: sync, interval or os [sync, or $LEVERET_DURABILITY]")
        ->option_text("MODE");
    bool no_auto_create = false;
    app.add_flag("--no-auto-create", no_auto_create, "native dialect: topics exist only once they have been created");
    std::vector<std::string> given(settings.size());
    std::vector<CLI::Option*> flags;
    for (std::size_t i = 0; i < settings.size(); ++i) {
        flags.push_back(app.add_option("--" + settings[i].flag, given[i],
                                       fmt::format("{} [{}]", settings[i].help, settings[i].fallback))
                            ->option_text("N"));
    }
    app.set_version_flag("--version", std::string(server_version));
    try {
        app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them from the back
    } catch (const CLI::CallForHelp&) {
        return tl::unexpected(EarlyExit{0, app.help()});
    } catch (const CLI::CallForVersion&) {
        return tl::unexpected(EarlyExit{0, fmt::format("leveret-server {}\n", server_version)});
    } catch (const CLI::ParseError& error) {
        return tl::unexpected(usage(error.what()));
    }

    for (std::size_t i = 0; i < settings.size(); ++i) {
        const auto from_flag = flags[i]->count() > 0 ? std::optional(given[i]) : std::nullopt;
        if (auto mistake = apply(settings[i], from_flag, variable(settings[i].variable))) {
            return tl::unexpected(std::move(*mistake));
        }
    }
    if (app.count("--host") == 0) {
        options.broker.host = variable("HOST").value_or(options.broker.host);
    }
    if (options.broker.host.empty()) {
        return tl::unexpected(usage("the host is empty: give an address of this machine, 0.0.0.0 for all of them"));
    }
    if (app.count("--data-dir") == 0) {
        options.broker.storage.data_dir = variable("LEVERET_DATA_DIR").value_or("");
    } else if (options.broker.storage.data_dir.empty()) {
        return tl::unexpected(usage("the data directory is empty: give a directory, or no --data-dir at all"));
    }
    if (app.count("--store") == 0) {
        store = variable("LEVERET_STORE").value_or("memory");
    }
    if (app.count("--durability") == 0) {
        durability = variable("LEVERET_DURABILITY").value_or("sync");
    }
    if (auto mistake = apply_storage(store, durability, options.broker)) {
        return tl::unexpected(std::move(*mistake));
    }
    if (app.count("--log-level") == 0) {
        options.log_level = variable("SPDLOG_LEVEL").value_or("info");
    }
    if (!is_log_level(options.log_level)) {
        return tl::unexpected(
            usage(fmt::format("{} is \"{}\": give trace, debug, info, warn, error, critical or off",
                              app.count("--log-level") == 0 ? "SPDLOG_LEVEL" : "--log-level", options.log_level)));
    }
    options.broker.permissions.auto_create_topics = !no_auto_create;
    return options;
}

}  // namespace leveret
