#include <memory>

#include <fmt/core.h>

#include "log/log_commands.hpp"

namespace leveret::cli {
namespace {

void add_selection(CLI::App& command, LogOptions& options) {
    command.add_option("--data-dir", options.data_dir, "The server's data directory")
        ->envname("LEVERET_DATA_DIR")
        ->required();
    CLI::Option* topic = command.add_option("--topic", options.topic, "This topic alone");
    command.add_option("--id", options.id, "The topic with this id alone, 32 hexadecimal digits")->excludes(topic);
}

void add_running(CLI::App& command, LogOptions& options) {
    command.add_flag("--running", options.running, "A server may be using the directory: only read, without its lock");
}

void check(const LogOptions& options) {
    if (!options.id.empty() && !parse_topic_id(options.id)) {
        throw CLI::ValidationError("--id", fmt::format("'{}' is not 32 hexadecimal digits", options.id));
    }
}

void check(const DumpOptions& options) {
    check(static_cast<const LogOptions&>(options));
    if (options.to && *options.to <= options.from.value_or(0)) {
        throw CLI::ValidationError(
            "--to", fmt::format("the first offset that is not shown, {}, must be above --from", *options.to));
    }
}

void check(const RepairOptions& options) {
    check(static_cast<const LogOptions&>(options));
    if (!options.name.empty() && options.id.empty()) {
        throw CLI::ValidationError("--name", "it is for one topic: give --id");
    }
    if (!options.name.empty() && !is_valid_name(options.name)) {
        throw CLI::ValidationError("--name", fmt::format("'{}' is no topic's name", options.name));
    }
}

template <class Options>
void run_at_callback(CLI::App& command, ExitCode (*action)(const Options&, bool),
                     const std::shared_ptr<Options>& options, Invocation& invocation) {
    command.callback([action, options, &invocation] {
        check(*options);
        invocation.run = [action, options, &common = invocation.common] { return action(*options, common.json); };
    });
}

void add_dump(CLI::App& log, Invocation& invocation) {
    auto options = std::make_shared<DumpOptions>();
    CLI::App* command =
        log.add_subcommand("dump",
                           "Show a topic's records as they are stored. Without a topic: which topics there are.\n\n"
                           "  leveret log dump --data-dir /var/lib/leveret --topic orders --from 100 --to 200");
    add_selection(*command, *options);
    add_running(*command, *options);
    add_number(*command, "--from", options->from, "The first offset that is shown");
    add_number(*command, "--to", options->to, "The first offset that is not shown any more");
    CLI::Option* headers = command->add_flag("--headers-only", options->headers_only,
                                             "Only what stands in the records' fixed headers, and where they lie");
    command->add_flag("--hex", options->hex, "The records' bytes, below what is shown of each")->excludes(headers);
    run_at_callback(*command, dump, options, invocation);
}

void add_verify(CLI::App& log, Invocation& invocation) {
    auto options = std::make_shared<LogOptions>();
    CLI::App* command = log.add_subcommand(
        "verify",
        "Check every record and every other file of stored topics. A line for each finding; 0 when all is well.\n\n"
        "  leveret log verify --data-dir /var/lib/leveret");
    add_selection(*command, *options);
    add_running(*command, *options);
    run_at_callback(*command, verify, options, invocation);
}

void add_repair(CLI::App& log, Invocation& invocation) {
    auto options = std::make_shared<RepairOptions>();
    CLI::App* command = log.add_subcommand(
        "repair",
        "Say what would be done about what verify finds; with --apply, do it. What cannot be read is kept in\n"
        ".aside files, everything else is served again.\n\n"
        "  leveret log repair --data-dir /var/lib/leveret --topic orders --apply");
    add_selection(*command, *options);
    command->add_flag("--apply", options->apply, "Change the files");
    command->add_option("--name", options->name, "Give the topic --id, whose topic.json is lost, this name");
    run_at_callback(*command, repair, options, invocation);
}

}  // namespace

void add_log_command(CLI::App& app, Invocation& invocation) {
    CLI::App* log =
        app.add_subcommand("log",
                           "Look at the files of stored topics, check and repair them, without a server.\n\n"
                           "  leveret log verify --data-dir /var/lib/leveret");
    log->require_subcommand(1);
    add_dump(*log, invocation);
    add_verify(*log, invocation);
    add_repair(*log, invocation);
}

}  // namespace leveret::cli
