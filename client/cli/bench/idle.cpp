// bench idle: what a connection costs the server that subscribes and then does nothing.
#include <algorithm>
#include <thread>

#include <fmt/core.h>
#include <sys/resource.h>

#include "bench/bench_server.hpp"
#include "bench/participants.hpp"
#include "bench/raw_connection.hpp"
#include "output.hpp"
#include "protocol/zaichik.hpp"
#include "record_text.hpp"

namespace leveret::cli {
namespace {

/// An address has some 28,000 ports for one destination: move on before they run out.
constexpr std::size_t connections_per_address = 20'000;
/// Descriptors that this program needs besides.
constexpr rlim_t other_descriptors = 32;

/// Raises this process's limit as far as it may. A sentence where it is not enough.
std::string raise_descriptor_limit(std::size_t connections) {
    const rlim_t wanted = connections + other_descriptors;
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted) {
        return {};
    }
    const rlimit raised{.rlim_cur = wanted, .rlim_max = std::max(limit.rlim_max, wanted)};
    if (limit.rlim_max < wanted && ::setrlimit(RLIMIT_NOFILE, &raised) == 0) {
        return {};  // an administrator may exceed the hard limit
    }
    limit.rlim_cur = std::min(limit.rlim_max, wanted);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur >= wanted
               ? std::string()
               : fmt::format("{} connections need {} descriptors, and the hard limit is {} (ulimit -Hn)", connections,
                             wanted, limit.rlim_max);
}

/// 127.0.0.1, 127.0.0.2, …; nothing where the server is not on this machine.
std::optional<asio::ip::address> source_of(std::size_t index, const asio::ip::tcp::endpoint& server) {
    if (!server.address().is_v4() || !server.address().is_loopback()) {
        return std::nullopt;
    }
    return asio::ip::address_v4(0x7F000001U + static_cast<std::uint32_t>(index / connections_per_address));
}

Outcome<RawConnection> open_idle(asio::io_context& context, const asio::ip::tcp::endpoint& server, std::size_t index,
                                 const std::string& topic, bool zaichik) {
    auto connection = RawConnection::open(context, server, source_of(index, server));
    if (!connection) {
        return connection;
    }
    if (zaichik) {
        std::vector<std::byte> subscribe;
        zaichik::encode(zaichik::Subscribe{topic}, subscribe);
        const auto written = connection->write(subscribe);
        return written ? std::move(connection) : tl::unexpected(written.error());
    }
    if (const auto greeted = connection->hello(); !greeted) {
        return tl::unexpected(greeted.error());
    }
    const auto handle = connection->open_topic(topic);
    if (!handle) {
        return tl::unexpected(handle.error());
    }
    const auto subscribed = connection->subscribe(*handle, native::Start::Kind::latest);
    return subscribed ? std::move(connection) : tl::unexpected(subscribed.error());
}

/// The figures once the server has taken all subscriptions and its memory has stopped changing, or after a minute.
Outcome<ServerFigures> settled_figures(BenchServer& server, std::uint64_t subscriptions) {
    constexpr int polls_max = 300;
    constexpr int still_polls = 5;
    constexpr std::chrono::milliseconds poll_interval{200};
    std::uint64_t last_rss_bytes = 0;
    int still = 0;
    for (int poll = 0;; ++poll) {
        auto figures = server.figures();
        if (!figures || still >= still_polls || poll >= polls_max) {
            return figures;
        }
        const bool is_still = figures->rss_bytes == last_rss_bytes && figures->subscriptions >= subscriptions;
        still = is_still ? still + 1 : 0;
        last_rss_bytes = figures->rss_bytes;
        std::this_thread::sleep_for(poll_interval);
    }
}

ExitCode report(const BenchOptions& options, const ServerFigures& before, const ServerFigures& after) {
    const auto growth = static_cast<std::int64_t>(after.rss_bytes) - static_cast<std::int64_t>(before.rss_bytes);
    const double each = static_cast<double>(growth) / static_cast<double>(options.connections);
    const std::uint64_t taken = after.subscriptions - std::min(before.subscriptions, after.subscriptions);
    Output output;
    if (options.common.json) {
        output.line(Json{
            {"mode", "idle"},
            {"dialect", options.zaichik ? "zaichik" : "native"},
            {"connections", options.connections},
            {"subscriptions", taken},
            {"rss_before_bytes", before.rss_bytes},
            {"rss_after_bytes", after.rss_bytes},
            {"rss_per_connection_bytes",
             each}}.dump());
    } else {
        output.line(fmt::format("idle: {} subscribed {} connections", taken, options.zaichik ? "zaichik" : "native"));
        output.line(fmt::format("  {:<16} {} before, {} with them: {:.0f} bytes per connection", "server memory",
                                format_bytes(before.rss_bytes), format_bytes(after.rss_bytes), each));
    }
    output.flush();
    const std::uint64_t gone = before.connections_accepted - std::min(before.connections, before.connections_accepted);
    if (gone > options.connections / 10) {
        say(fmt::format(
            "the server has had {} other connections before: memory of theirs that it uses again does not show "
            "here. Measure on a server that has just been started",
            gone));
    }
    if (taken < options.connections) {
        say(fmt::format("the server has {} new subscriptions, not {}", taken, options.connections));
        return ExitCode::failed;
    }
    return ExitCode::ok;
}

ExitCode measure_idle(const BenchOptions& options, BenchServer& server, const std::string& topic) {
    asio::io_context context(1);
    const auto endpoint = resolve(context, options.common);
    if (!endpoint) {
        return fail_with(endpoint.error());
    }
    const auto before = settled_figures(server, 0);
    if (!before) {
        return fail_with(before.error());
    }
    std::vector<RawConnection> connections;
    connections.reserve(options.connections);
    for (std::size_t i = 0; i < options.connections; ++i) {
        auto connection = open_idle(context, *endpoint, i, topic, options.zaichik);
        if (!connection) {
            say(fmt::format("connection {} of {}", i + 1, options.connections));
            return fail_with(connection.error());
        }
        connections.push_back(*std::move(connection));
    }
    const auto after = settled_figures(server, before->subscriptions + options.connections);
    return after ? report(options, *before, *after) : fail_with(after.error());
}

}  // namespace

ExitCode bench_idle(const BenchOptions& options) {
    if (const std::string sentence = raise_descriptor_limit(options.connections); !sentence.empty()) {
        say(sentence);
        return ExitCode::failed;
    }
    BenchServer server(options.common);
    if (const auto connected = server.connect(); !connected) {
        return fail_to_connect(options.common.host, options.common.port, connected.error());
    }
    const auto topics = server.create_topics(1, 0);
    if (!topics) {
        return fail_with(topics.error());
    }
    const ExitCode code = measure_idle(options, server, topics->front());
    server.remove_topics(*topics);
    return code;
}

}  // namespace leveret::cli
