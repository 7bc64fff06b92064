#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>

#include "environment/memory_budget.hpp"
#include "topic_controller/topic_waiter.hpp"

namespace leveret {

/// A budget whose users wait for each other. Thread-safe; outlives them.
class AwaitedBudget {
  public:
    explicit AwaitedBudget(std::uint64_t bytes_max) : budget_(bytes_max, [this] { wake_some(); }) {}

    [[nodiscard]] MemoryBudget& budget() noexcept { return budget_; }
    [[nodiscard]] const MemoryBudget& budget() const noexcept { return budget_; }
    /// Wakes `waiter`, once, when this much may be free; called without locks, as the wake-up may come before it
    /// returns. Whenever something is given back the first few are woken. When nothing is used any more, all are: then
    /// nobody else would do it.
    void wait(std::uint64_t bytes, const std::weak_ptr<TopicWaiter>& waiter);
    [[nodiscard]] bool has_waiters();

  private:
    /// More than one, because who is woken may need nothing any more, and then gives nothing back that wakes the next.
    static constexpr std::size_t woken_per_release = 4;
    void wake_some();
    void forget_gone();

    std::mutex mutex_;  // guards the three below; nothing is called under it
    std::deque<std::weak_ptr<TopicWaiter>> waiters_;
    std::set<std::weak_ptr<TopicWaiter>, std::owner_less<>> waiting_;  // the same: each waits once
    std::size_t forget_at_ = 64;                                       // so many, some of which may have gone
    MemoryBudget budget_;
};

}  // namespace leveret
