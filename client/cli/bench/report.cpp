#include "bench/report.hpp"

#include <fmt/core.h>

#include "output.hpp"
#include "words.hpp"

namespace leveret::cli {
namespace {

double microseconds(std::chrono::nanoseconds duration) {
    return static_cast<double>(duration.count()) / 1e3;
}

double per_second(double amount, std::chrono::nanoseconds elapsed) {
    const double seconds = static_cast<double>(elapsed.count()) / 1e9;
    return seconds > 0 ? amount / seconds : 0;
}

struct ServerCost {
    double user_seconds = 0;
    double system_seconds = 0;
    double million_records = 0;  ///< deliveries, or published records where nobody subscribed

    [[nodiscard]] double seconds_per_million() const {
        return million_records > 0 ? (user_seconds + system_seconds) / million_records : 0;
    }
};

ServerCost cost_of(const RunResult& result, const ServerFigures& before, const ServerFigures& after) {
    return {.user_seconds = static_cast<double>(after.cpu_user_us - before.cpu_user_us) / 1e6,
            .system_seconds = static_cast<double>(after.cpu_system_us - before.cpu_system_us) / 1e6,
            .million_records = static_cast<double>(result.delivered > 0 ? result.delivered : result.published) / 1e6};
}

Json run_as_json(const BenchOptions& options, const RunResult& result, const ServerFigures& before,
                 const ServerFigures& after) {
    const auto payload_bytes = static_cast<double>(options.payload_bytes);
    const auto published = static_cast<double>(result.published);
    const auto delivered = static_cast<double>(result.delivered);
    const ServerCost cost = cost_of(result, before, after);
    Json object{{"mode", options.mode},
                {"publishers", options.publishers},
                {"subscribers", options.subscribers},
                {"topics", options.topics},
                {"payload_bytes", options.payload_bytes},
                {"one_way", options.one_way},
                {"raw", options.raw},
                {"seconds", static_cast<double>(result.elapsed.count()) / 1e9},
                {"published", result.published},
                {"published_per_second", per_second(published, result.elapsed)},
                {"published_mb_per_second", per_second(published * payload_bytes / 1e6, result.elapsed)},
                {"delivered", result.delivered},
                {"delivered_per_second", per_second(delivered, result.elapsed)},
                {"delivered_mb_per_second", per_second(delivered * payload_bytes / 1e6, result.elapsed)},
                {"missed", result.missed},
                {"not_delivered", result.not_delivered},
                {"out_of_order", result.out_of_order},
                {"corrupt", result.corrupt},
                {"publish_failed", result.publish_failed},
                {"server_cpu_user_seconds", cost.user_seconds},
                {"server_cpu_system_seconds", cost.system_seconds},
                {"server_cpu_seconds_per_million", cost.seconds_per_million()},
                {"server_rss_bytes", after.rss_bytes},
                {"server_rss_peak_bytes", after.rss_peak_bytes}};
    if (result.delivery_latency.count() > 0) {
        object["delivery_latency"] = json_of(result.delivery_latency);
    }
    if (result.acknowledgement_latency.count() > 0) {
        object["acknowledgement_latency"] = json_of(result.acknowledgement_latency);
    }
    if (result.send_delay.count() > 0) {
        object["send_delay"] = json_of(result.send_delay);
    }
    return object;
}

void print_rate(Output& output, const char* name, std::uint64_t records, const BenchOptions& options,
                std::chrono::nanoseconds elapsed) {
    const auto count = static_cast<double>(records);
    output.line(fmt::format("  {:<16} {:>12} {:<7} {:>12.0f} /s {:>9.1f} MB/s", name, records,
                            records == 1 ? "record" : "records", per_second(count, elapsed),
                            per_second(count * static_cast<double>(options.payload_bytes) / 1e6, elapsed)));
}

void print_latency(Output& output, const char* name, const Histogram& histogram) {
    if (histogram.count() > 0) {
        output.line(fmt::format("  {:<16} {}   ({} samples)", name, text_of(histogram), histogram.count()));
    }
}

void print_run(Output& output, const BenchOptions& options, const RunResult& result, const ServerFigures& before,
               const ServerFigures& after) {
    output.line(fmt::format("{}: {}, {}, {}, payloads of {} bytes, {}{}, {:.2f} s", options.mode,
                            counted(options.publishers, "publisher"), counted(options.subscribers, "subscriber"),
                            counted(options.topics, "topic"), options.payload_bytes,
                            options.one_way ? "one-way" : "acknowledged", options.raw ? ", raw frames" : "",
                            static_cast<double>(result.elapsed.count()) / 1e9));
    print_rate(output, "published", result.published, options, result.elapsed);
    if (options.subscribers > 0) {
        print_rate(output, "delivered", result.delivered, options, result.elapsed);
    }
    print_latency(output, "delivery", result.delivery_latency);
    print_latency(output, "acknowledgement", result.acknowledgement_latency);
    print_latency(output, "sent late by", result.send_delay);
    output.line(fmt::format("  {:<16} missed {}, not delivered {}, out of order {}, corrupt {}, refused {}", "losses",
                            result.missed, result.not_delivered, result.out_of_order, result.corrupt,
                            result.publish_failed));
    const ServerCost cost = cost_of(result, before, after);
    output.line(fmt::format(
        "  {:<16} {:.3f} CPU seconds per million {} (user {:.2f} s, system {:.2f} s); memory {}, peak since its start "
        "{}",
        "server", cost.seconds_per_million(), result.delivered > 0 ? "deliveries" : "publishes", cost.user_seconds,
        cost.system_seconds, format_bytes(after.rss_bytes), format_bytes(after.rss_peak_bytes)));
}

}  // namespace

Json json_of(const Histogram& histogram) {
    return {{"p50_us", microseconds(histogram.quantile(0.5))},
            {"p99_us", microseconds(histogram.quantile(0.99))},
            {"p999_us", microseconds(histogram.quantile(0.999))},
            {"max_us", microseconds(histogram.max())},
            {"samples", histogram.count()}};
}

std::string text_of(const Histogram& histogram) {
    return fmt::format("p50 {}   p99 {}   p99.9 {}   max {}", format_duration(histogram.quantile(0.5)),
                       format_duration(histogram.quantile(0.99)), format_duration(histogram.quantile(0.999)),
                       format_duration(histogram.max()));
}

ExitCode report_run(const BenchOptions& options, const RunResult& result, const ServerFigures& before,
                    const ServerFigures& after) {
    Output output;
    if (options.common.json) {
        output.line(run_as_json(options, result, before, after).dump());
    } else {
        print_run(output, options, result, before, after);
    }
    output.flush();
    if (result.is_lossless()) {
        return ExitCode::ok;
    }
    say(result.failure.empty() ? "records were lost: these figures are not those of a whole run"
                               : fmt::format("the run failed: {}", result.failure));
    return ExitCode::failed;
}

}  // namespace leveret::cli
