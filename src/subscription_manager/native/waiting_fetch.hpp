// A Fetch that waits for its first record, or for its time to run out.
#pragma once

#include <memory>

#include "protocol/native.hpp"
#include "subscription_manager/wake_list.hpp"
#include "topic_registry/topic_registry.hpp"

namespace leveret {

class NativeManager;

/// Strand: connection.
class WaitingFetch final : public StrandWaiter {
  public:
    /// One that is to wait, its timer, and its entries in tables.
    static constexpr std::size_t memory_bytes = 512;
    /// `charge` covers memory_bytes, where it may wait.
    WaitingFetch(NativeManager& manager, std::uint64_t number, Correlation correlation, TopicPtr topic,
                 TopicCursor cursor, std::size_t max_bytes, MemoryCharge charge);

    /// Answers at once if there is a record or no time to wait; else waits for the first of both.
    void begin(std::chrono::milliseconds max_wait);
    void resume() override;
    /// Its time is up.
    void end_waiting();
    /// After this nothing reaches the manager any more.
    void detach();

  private:
    friend class NativeManager;  // writes the answer

    NativeManager* manager_;
    const std::uint64_t number_;  // the manager's, to find it again
    const Correlation correlation_;
    const TopicPtr topic_;
    TopicCursor cursor_;
    const std::size_t max_bytes_;
    const MemoryCharge charge_;
    std::unique_ptr<Timer> timer_;
    bool time_is_up_ = false;
};

}  // namespace leveret
