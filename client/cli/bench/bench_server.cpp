#include "bench/bench_server.hpp"

#include <array>

#include <fmt/core.h>
#include <unistd.h>

namespace leveret::cli {

Outcome<void> BenchServer::connect() {
    const ClientOptions how = client_options(common_);
    return loop_.run(client_.connect(how));
}

Outcome<std::vector<std::string>> BenchServer::create_topics(std::size_t count, std::uint64_t kept_bytes) {
    // Not the same name twice on one server: a run finds no records of an earlier one.
    const auto now_us = std::chrono::system_clock::now().time_since_epoch() / std::chrono::microseconds(1);
    TopicSettings settings;
    settings.retention_bytes = kept_bytes;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i) {
        names.push_back(fmt::format("leveret-bench-{}-{}-{}", ::getpid(), now_us, i));
        if (const auto created = loop_.run(client_.create_topic(names.back(), settings)); !created) {
            return tl::unexpected(created.error());
        }
    }
    return names;
}

void BenchServer::remove_topics(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        const auto deleted = loop_.run(client_.delete_topic(name));
        if (!deleted && deleted.error().code == Error::not_allowed) {
            const auto topic = loop_.run(client_.describe_topic(name));
            if (topic) {
                static_cast<void>(loop_.run(client_.trim_topic(name, topic->next)));
            }
        }
    }
}

Outcome<ServerFigures> BenchServer::figures() {
    const auto server = loop_.run(client_.describe_server());
    if (!server) {
        return tl::unexpected(server.error());
    }
    ServerFigures figures;
    const std::array<std::pair<std::string_view, std::uint64_t*>, 7> wanted{{
        {"cpu_user_us", &figures.cpu_user_us},
        {"cpu_system_us", &figures.cpu_system_us},
        {"rss_bytes", &figures.rss_bytes},
        {"rss_peak_bytes", &figures.rss_peak_bytes},
        {"connections", &figures.connections},
        {"connections_accepted", &figures.connections_accepted},
        {"subscriptions", &figures.subscriptions},
    }};
    for (const auto& [name, value] : server->figures) {
        for (const auto& [wanted_name, into] : wanted) {
            if (name == wanted_name) {
                *into = value;
            }
        }
    }
    return figures;
}

}  // namespace leveret::cli
