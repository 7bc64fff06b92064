// One of the publishers of a round, and what it was told.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "crash/crash_client.hpp"
#include "crash/load.hpp"

namespace leveret::test {

/// A batch that was handed to the socket, and the answer.
struct SentBatch {
    enum class Answer : std::uint8_t { none, accepted, refused };
    BatchName name;
    Answer answer = Answer::none;
    Error refusal{};               ///< of Answer::refused
    native::Published accepted{};  ///< of Answer::accepted
};

/// How many batches of each publisher to each topic there were in all rounds before.
using BatchNumbers = std::array<std::array<std::uint64_t, crash_topics.size()>, crash_publishers>;

/// Keeps some batches in flight until the server is gone. For a thread of its own.
class Publisher {
  public:
    /// Connects and opens the topics; throws where that fails.
    Publisher(std::uint16_t port, std::uint64_t seed, std::uint64_t round, std::uint32_t number,
              const BatchNumbers& sent_before);

    /// `answered` is called for every answer that a publish gets. Throws where an answer makes no sense.
    void run(std::uint32_t batches_in_flight, const std::function<void()>& answered);

    /// In the order of sending, the answers of one topic in the same order. After run().
    [[nodiscard]] const std::vector<SentBatch>& sent() const noexcept { return sent_; }

  private:
    bool send_one();
    bool take(const ReceivedFrame& answer);

    CrashClient client_;
    std::uint64_t seed_;
    std::uint32_t number_;
    SeededNumbers choices_;
    std::array<std::uint32_t, crash_topics.size()> handles_{};
    std::array<std::uint64_t, crash_topics.size()> next_numbers_;
    std::vector<SentBatch> sent_;  // the correlation of a batch is its place here, counted from 1
    std::size_t answers_ = 0;
};

}  // namespace leveret::test
