// Rounds of: start the server, compare what it has with what was promised, load it, kill it. One data directory for
// all.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "conformance/server_process.hpp"
#include "crash/kill_moment.hpp"
#include "crash/topic_history.hpp"

namespace leveret::test {

struct CrashOptions {
    std::string data_dir;  ///< empty, or not there yet
    Store store = Store::file;
    Durability durability = Durability::sync;
    std::uint64_t seed = 1;
    std::uint64_t rounds = 1;
};

struct CrashSummary {
    std::uint64_t rounds = 0;
    KillCounts kills;
    TopicHistory::Figures records;  ///< of all topics
    std::uint64_t delivered_records = 0;
    std::uint64_t commits_acknowledged = 0;
    std::uint64_t tails_cut = 0;  ///< incomplete ends that recoveries removed
    std::uint64_t data_bytes = 0;
    /// From the start of the process to the first answer, and until every topic has answered a fetch.
    std::vector<std::chrono::microseconds> first_answers;
    std::vector<std::chrono::microseconds> ready;
    std::string files_verified = "not asked";  ///< what `leveret log verify` said
    std::vector<std::string> problems;         ///< empty: all promises were kept

    /// One line for people.
    [[nodiscard]] std::string line(const CrashOptions& options) const;
};

/// Ends at the first round with a problem: what comes after it would only repeat it.
class CrashRounds {
  public:
    /// The promise is a second on a machine that is not busy; a test may be on one that is.
    static constexpr std::chrono::seconds ready_within{10};

    explicit CrashRounds(CrashOptions options);

    /// `after_round` sees the summary so far.
    [[nodiscard]] CrashSummary run(const std::function<void(const CrashSummary&)>& after_round = {});

  private:
    /// A server that has answered, and what it said of its topics.
    struct Started {
        std::unique_ptr<ServerProcess> process;
        std::uint16_t port = 0;
        std::unique_ptr<CrashClient> client;
        std::array<std::uint32_t, crash_topics.size()> handles{};
        std::array<native::TopicOpened, crash_topics.size()> opened{};
    };
    /// What clients saw since the server was started.
    struct Round {
        std::vector<std::vector<SentBatch>> sent;
        std::array<std::vector<Delivery>, crash_topics.size()> deliveries;  ///< the committing subscriber's first
    };

    void run_round(std::uint64_t round);
    void finish();

    [[nodiscard]] std::vector<std::string> arguments() const;
    void kill_while_starting(std::chrono::microseconds after);
    [[nodiscard]] Started start();
    void open_topics(Started& started);
    void check_round(Started& started);
    [[nodiscard]] static std::optional<Offset> position_of(Started& started, std::size_t topic);
    void check_counters(Started& started);
    void check_everything(Started& started);
    void trim_now_and_then(Started& started, std::size_t topic, std::uint64_t found_bytes);
    [[nodiscard]] std::array<Offset, crash_topics.size()> starts_of(const Started& started, std::uint64_t round,
                                                                    bool commits) const;
    void load_and_kill(Started& started, std::uint64_t round, const RoundPlan& plan);
    void collect(const std::vector<std::unique_ptr<Publisher>>& publishers,
                 const std::vector<std::unique_ptr<Subscriber>>& subscribers);
    void judge_end(ServerProcess& process, RoundPlan::Moment moment);
    void stop_cleanly(Started& started);
    void verify_files();
    void problem(const std::string& text);

    CrashOptions options_;
    CrashSummary summary_;
    std::vector<TopicHistory> histories_;
    BatchNumbers sent_{};
    Round last_;
    std::array<std::optional<TopicId>, crash_topics.size()> ids_{};
    std::array<Epoch, crash_topics.size()> epochs_{};
    std::array<std::uint64_t, crash_topics.size()> bytes_since_mark_{};
    std::array<Offset, crash_topics.size()> marks_{};  ///< what the next trim removes ends here
    std::mutex problems_mutex_;                        ///< guards summary_.problems while clients run
};

/// Fetches all that a topic has from `from` on.
[[nodiscard]] ReadBack read_back(CrashClient& client, std::uint32_t handle, Offset from);

}  // namespace leveret::test
