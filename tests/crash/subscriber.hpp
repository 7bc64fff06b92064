// One of the subscribers of a round, and what it was given.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "crash/crash_client.hpp"
#include "crash/load.hpp"

namespace leveret::test {

/// A record as it was delivered: its stamped checksum covers its content, offset and timestamp.
struct DeliveredRecord {
    Offset offset;
    std::uint32_t checksum;
};
struct SentCommit {
    Offset offset;
    bool is_acknowledged = false;
};

/// What a subscriber saw of one topic in one round.
struct Delivery {
    Offset next{};  ///< the offset that has to come next
    std::vector<DeliveredRecord> records{};
    std::vector<SentCommit> commits{};  ///< in the order of sending
};

/// Reads every topic until the server is gone. For a thread of its own.
class Subscriber {
  public:
    /// The position that a committing subscriber starts from and moves.
    static constexpr std::string_view position = "reader";

    /// Subscribes to every topic, at `starts`. Where it commits, at its position, which has to be what `starts` says.
    Subscriber(std::uint16_t port, bool commits, const std::array<Offset, crash_topics.size()>& starts);

    /// Throws where a frame makes no sense.
    void run();

    // After run().
    [[nodiscard]] const Delivery& of(std::size_t topic) const { return deliveries_.at(topic); }
    /// What was out of order, damaged or missing.
    [[nodiscard]] const std::vector<std::string>& problems() const noexcept { return problems_; }

  private:
    struct CommitPlace {
        std::size_t topic;
        std::size_t index;
    };
    void subscribe_to(std::size_t topic, Offset start);
    [[nodiscard]] std::size_t topic_of(const ReceivedFrame& frame) const;
    void take(const ReceivedFrame& frame);
    void deliver(std::size_t topic, const native::Deliver& delivered);
    void lag(std::size_t topic, const native::Lagged& lagged);
    bool commit(std::size_t topic);

    CrashClient client_;
    bool commits_;
    std::array<std::uint32_t, crash_topics.size()> handles_{};
    std::array<std::uint32_t, crash_topics.size()> subscriptions_{};
    std::array<Delivery, crash_topics.size()> deliveries_;
    std::vector<CommitPlace> commit_places_;  // the correlation of a commit is its place here, counted from 1
    std::vector<std::string> problems_;
};

}  // namespace leveret::test
