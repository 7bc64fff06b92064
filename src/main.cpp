// leveret-server: reads its options, starts a Broker, waits for a signal, stops it.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/address.hpp>
#include <asio/signal_set.hpp>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "server/broker.hpp"
#include "server/open_files.hpp"
#include "server/server_options.hpp"
#include "subscription_manager/version.hpp"

namespace {

constexpr int exit_cannot_start = 2;

leveret::EnvironmentVariables environment_variables() {
    leveret::EnvironmentVariables variables;
    for (char** one = environ; *one != nullptr; ++one) {
        const std::string_view text = *one;
        const std::size_t equals = std::min(text.find('='), text.size());
        variables.emplace(text.substr(0, equals), text.substr(std::min(equals + 1, text.size())));
    }
    return variables;
}

void log_start(const leveret::Broker& broker, const std::string& host) {
    const leveret::Limits& limits = broker.limits();
    spdlog::info(
        "leveret {} listening on {}:{} threads={} memory_bytes_max={} connections_max={} topics_max={} "
        "frame_bytes_max={} topic_bytes_max={}",
        leveret::server_version, host, broker.port(), broker.threads(), limits.memory_bytes_max, limits.connections_max,
        limits.topics_max, limits.frame_bytes_max, limits.topic_bytes_max);
    std::error_code no_address;
    if (const auto address = asio::ip::make_address(host, no_address); !no_address && !address.is_loopback()) {
        spdlog::warn("whoever reaches {} may read and publish: there is no authentication and no encryption", host);
    }
}

/// What each mode may lose, in the words an operator needs before something happens.
void log_promises(const leveret::BrokerOptions& options) {
    if (options.storage.data_dir.empty()) {
        spdlog::info("topics live in memory: a stop loses all of them (--data-dir keeps them)");
        return;
    }
    spdlog::info("data directory {}; topics that do not say are of store {}, stored ones of durability {}",
                 options.storage.data_dir, leveret::name_of(options.topic_defaults.store),
                 leveret::name_of(options.topic_defaults.durability));
    spdlog::info("durability sync: what was acknowledged survives a kill and a power cut");
    spdlog::info(
        "durability interval: it survives a kill; a power cut loses at most the last {} ms, or the topic's own",
        options.limits.sync_interval.count());
    spdlog::info("durability os: it survives a kill; a power cut loses what the system has not written yet");
    spdlog::info("store memory: a kill, a stop and a power cut lose everything");
}

int run(const leveret::ServerOptions& options) {
    // Signals are caught before there is anything to stop, and on a context of their own: a stop waits for the
    // broker's.
    asio::io_context signals_context;
    asio::signal_set signals(signals_context, SIGINT, SIGTERM);

    leveret::Broker broker(options.broker);
    if (broker.start()) {
        std::fprintf(stderr, "leveret-server: %s\n", broker.start_failure().c_str());
        return exit_cannot_start;
    }
    log_start(broker, options.broker.host);
    log_promises(options.broker);

    signals.async_wait([](std::error_code, int signal) { spdlog::info("signal {}: stopping", signal); });
    signals_context.run();
    broker.stop();
    spdlog::info("stopped");
    return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
    const auto options =
        leveret::parse_server_options(std::vector<std::string>(argv + 1, argv + argc), environment_variables());
    if (!options) {
        std::fputs(options.error().text.c_str(), options.error().code == 0 ? stdout : stderr);
        return options.error().code;
    }
    spdlog::set_default_logger(spdlog::stderr_color_mt("leveret"));
    spdlog::set_level(spdlog::level::from_str(options->log_level));
    if (!options->unknown_variables.empty()) {
        spdlog::warn("ignored, since no setting has such a name: {}", fmt::join(options->unknown_variables, ", "));
    }
    leveret::raise_open_files_limit();
    try {
        return run(*options);
    } catch (const std::system_error& error) {
        // What Asio has no other way to tell: it could not open the few files that it needs for itself.
        std::fprintf(stderr, "leveret-server: cannot start: %s\n", error.what());
        return exit_cannot_start;
    }
}
