// The server as a benchmark sees it from the side: its topics, its CPU time, its memory.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "bench/options.hpp"
#include "leveret/client.hpp"
#include "session.hpp"

namespace leveret::cli {

/// Figures that a benchmark reports; zero where the server does not send one.
struct ServerFigures {
    std::uint64_t cpu_user_us = 0;
    std::uint64_t cpu_system_us = 0;
    std::uint64_t rss_bytes = 0;
    std::uint64_t rss_peak_bytes = 0;
    std::uint64_t connections = 0;
    std::uint64_t connections_accepted = 0;
    std::uint64_t subscriptions = 0;
};

/// A connection of the benchmark's own, used before and after what is measured. Blocks. One thread.
class BenchServer {
  public:
    explicit BenchServer(CommonOptions common) : common_(std::move(common)), client_(loop_.context().get_executor()) {}

    [[nodiscard]] Outcome<void> connect();
    /// Creates topics for this run alone, each able to keep `kept_bytes`. Their names.
    [[nodiscard]] Outcome<std::vector<std::string>> create_topics(std::size_t count, std::uint64_t kept_bytes);
    /// Deletes them; where the server does not allow it, empties them. What fails is left lying: the run is over.
    void remove_topics(const std::vector<std::string>& names);
    [[nodiscard]] Outcome<ServerFigures> figures();

  private:
    CommonOptions common_;
    InlineLoop loop_;
    Client client_;
};

}  // namespace leveret::cli
