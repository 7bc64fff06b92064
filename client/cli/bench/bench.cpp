// The command line of `leveret bench`.
#include <algorithm>
#include <charconv>
#include <memory>

#include <fmt/core.h>

#include "bench/options.hpp"
#include "bench/stamp.hpp"
#include "protocol/record.hpp"
#include "units.hpp"

namespace leveret::cli {

std::size_t record_bytes_of(const BenchOptions& options) noexcept {
    return record_layout::header_bytes + options.payload_bytes;
}

std::uint64_t topic_bytes_for(const BenchOptions& options) noexcept {
    constexpr std::uint64_t kept_bytes_min = 8U << 20U;
    return std::max(4 * options.window_bytes / options.topics, kept_bytes_min);
}

namespace {

using Options = std::shared_ptr<BenchOptions>;

/// The parsed text of options that take a size.
void add_size(CLI::App& command, const std::string& name, std::size_t& into, const std::string& help) {
    const auto read = [&into, name](const std::string& text) {
        const auto bytes = parse_bytes(text);
        if (!bytes || *bytes == 0) {
            throw CLI::ValidationError(name, bytes ? "a size above 0 is wanted" : bytes.error());
        }
        into = *bytes;
    };
    command.add_option_function<std::string>(name, read, help)->type_name("SIZE");
}

/// In place of CLI11's own, whose sentence has a number of 300 digits.
CLI::Validator number_above_0(std::string wanted, double least, double most) {
    const auto mistake = [wanted = std::move(wanted), least, most](const std::string& text) {
        double value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool is_number = error == std::errc() && end == text.data() + text.size();
        return is_number && value >= least && value <= most ? std::string() : "give " + wanted;
    };
    return {mistake, "POSITIVE"};
}

CLI::Validator count_above_0() {
    const auto mistake = [](const std::string& text) {
        return parse_number(text, 1) ? "" : "give a whole number above 0";
    };
    return {mistake, "POSITIVE"};
}

void add_length(CLI::App& command, BenchOptions& options) {
    add_size(command, "--size", options.payload_bytes, "Bytes of a payload, 128 by default, at least 24");
    command.add_option("--seconds", options.seconds, "How long to publish")
        ->check(number_above_0("a number of seconds above 0, such as 2.5", 1e-9, 1e9))
        ->capture_default_str();
    command.add_option("--messages", options.messages, "Publish this many records in all, unless the time ends first")
        ->check(count_above_0());
    command.add_flag("--one-way", options.one_way, "Publish without acknowledgements");
}

void add_participants(CLI::App& command, BenchOptions& options) {
    command.add_option("--publishers", options.publishers, "Connections that publish")
        ->check(count_above_0())
        ->capture_default_str();
    command.add_option("--subscribers", options.subscribers, "Connections that subscribe")->capture_default_str();
    command.add_option("--topics", options.topics, "Topics, dealt out to publishers and subscribers in turn")
        ->check(count_above_0())
        ->capture_default_str();
    command.add_option("--threads", options.threads, "Threads for all connections; 0: one each")->capture_default_str();
    add_size(command, "--frame-bytes", options.frame_bytes, "Bytes of one Publish frame, 64KiB by default");
}

void add_window(CLI::App& command, BenchOptions& options) {
    add_size(command, "--window-bytes", options.window_bytes,
             "How far publishers may be ahead of the slowest subscriber, over all topics, 16MiB by default");
    command.add_flag("--raw", options.raw,
                     "Prebuilt frames, written as bytes and only counted at the other end: the broker without the "
                     "library's cost (a connection per worker and topic)");
}

void run_at_callback(CLI::App* command, const Options& options, Invocation& invocation,
                     ExitCode (*bench)(const BenchOptions&)) {
    command->callback([options, &invocation, bench] {
        if (options->payload_bytes < payload_bytes_min) {
            throw CLI::ValidationError("--size", fmt::format("at least {} bytes", payload_bytes_min));
        }
        invocation.run = [options, &common = invocation.common, bench] {
            options->common = common;
            return bench(*options);
        };
    });
}

ExitCode throughput_or_raw(const BenchOptions& options) {
    return options.raw ? bench_raw_throughput(options) : bench_throughput(options);
}

void add_throughput(CLI::App& bench, Invocation& invocation) {
    const auto options = std::make_shared<BenchOptions>();
    CLI::App* command = bench.add_subcommand("throughput",
                                             "As fast as it goes without losing a record.\n\n"
                                             "  leveret bench throughput --publishers 2 --subscribers 2 --size 1KiB");
    add_length(*command, *options);
    add_participants(*command, *options);
    add_window(*command, *options);
    run_at_callback(command, options, invocation, throughput_or_raw);
}

void add_fanout(CLI::App& bench, Invocation& invocation) {
    const auto options = std::make_shared<BenchOptions>();
    options->mode = "fanout";
    options->subscribers = 16;
    CLI::App* command = bench.add_subcommand("fanout",
                                             "One topic, many subscribers: each record is delivered to all of them.\n\n"
                                             "  leveret bench fanout --subscribers 100 --threads 2");
    add_length(*command, *options);
    add_participants(*command, *options);
    add_window(*command, *options);
    run_at_callback(command, options, invocation, throughput_or_raw);
}

void add_latency(CLI::App& bench, Invocation& invocation) {
    const auto options = std::make_shared<BenchOptions>();
    options->mode = "latency";
    CLI::App* command = bench.add_subcommand(
        "latency",
        "Records on a schedule, whatever happens; latency counts from when a record was due, so that a stall counts "
        "for every record that it held up.\n\n"
        "  leveret bench latency --rate 20000 --seconds 10");
    add_length(*command, *options);
    add_participants(*command, *options);
    command->add_option("--rate", options->rate, "Records per second, of all publishers")
        ->check(number_above_0("a number of records a second above 0, such as 2000", 1e-3, 1e9))
        ->capture_default_str();
    run_at_callback(command, options, invocation, bench_latency);
}

void add_roundtrip(CLI::App& bench, Invocation& invocation) {
    const auto options = std::make_shared<BenchOptions>();
    CLI::App* command =
        bench.add_subcommand("roundtrip",
                             "One record at a time: from publish to delivery on the same connection.\n\n"
                             "  leveret bench roundtrip --raw --one-way --baseline");
    add_length(*command, *options);
    command->add_flag("--raw", options->raw, "Prebuilt frames on a blocking socket instead of the library");
    command->add_flag("--baseline", options->baseline,
                      "Measure a bare echo server in turns with the broker, and print the ratio");
    command->add_flag("--pin", options->pin, "Keep this program on processor 0 and the echo server on processor 1");
    command->add_option("--server-pid", options->server_pid, "The broker's process: --pin keeps it on processor 1 too");
    run_at_callback(command, options, invocation, bench_roundtrip);
}

void add_idle(CLI::App& bench, Invocation& invocation) {
    const auto options = std::make_shared<BenchOptions>();
    CLI::App* command = bench.add_subcommand("idle",
                                             "The server's memory per connection that subscribes and then does "
                                             "nothing.\n\n"
                                             "  leveret bench idle --connections 10000 --dialect zaichik");
    command->add_option("--connections", options->connections, "How many")
        ->check(count_above_0())
        ->capture_default_str();
    command
        ->add_option_function<std::string>(
            "--dialect", [options](const std::string& dialect) { options->zaichik = dialect == "zaichik"; },
            "native (the default) or zaichik")
        ->check(CLI::IsMember({"native", "zaichik"}));
    run_at_callback(command, options, invocation, bench_idle);
}

}  // namespace

void add_bench_command(CLI::App& app, Invocation& invocation) {
    CLI::App* bench =
        app.add_subcommand("bench",
                           "Measure the server, in topics of its own. Every delivery's place in the order "
                           "is checked, one payload in 64 too; a run that loses a record says so and "
                           "fails.\n\n"
                           "  leveret bench throughput --seconds 10 --json");
    bench->require_subcommand(1);
    add_throughput(*bench, invocation);
    add_fanout(*bench, invocation);
    add_latency(*bench, invocation);
    add_roundtrip(*bench, invocation);
    add_idle(*bench, invocation);
}

}  // namespace leveret::cli
