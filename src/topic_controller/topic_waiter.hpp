// Those who wait for a topic to grow.
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <vector>

namespace leveret {

/// Somebody who wants to know when a topic grows. Owned by shared_ptr because a wake-up may be on its way when it goes.
/// Armed on one topic at a time.
class TopicWaiter : public std::enable_shared_from_this<TopicWaiter> {
  public:
    virtual ~TopicWaiter() = default;
    /// The topic it was armed on has grown or was deleted. Called outside every lock, on the publisher's thread: must
    /// not block or throw; across strands it posts.
    virtual void wake() noexcept = 0;

  private:
    friend class WaiterList;
    std::size_t armed_slot_ = 0;  // where its list has it, if it does; guarded by the topic's mutex
};

/// The waiters that are armed on one topic. Not thread-safe: used under the topic's mutex.
class WaiterList {
  public:
    using Waiters = std::vector<std::shared_ptr<TopicWaiter>>;

    /// Arming twice is once.
    void arm(const std::shared_ptr<TopicWaiter>& waiter) {
        if (!is_armed(*waiter)) {
            waiter->armed_slot_ = waiters_.size();
            waiters_.push_back(waiter);
        }
    }
    /// The list's own share of the waiter, to be let go of after the mutex has been released; null where it is not
    /// armed.
    [[nodiscard]] std::shared_ptr<TopicWaiter> disarm(TopicWaiter& waiter) noexcept {
        if (!is_armed(waiter)) {
            return nullptr;
        }
        const std::size_t slot = waiter.armed_slot_;
        std::shared_ptr<TopicWaiter> disarmed = std::move(waiters_[slot]);
        if (slot + 1 != waiters_.size()) {
            waiters_[slot] = std::move(waiters_.back());
            waiters_[slot]->armed_slot_ = slot;
        }
        waiters_.pop_back();
        return disarmed;
    }
    /// Disarms all of them by exchanging the list with `empty`, whose memory it uses from then on.
    void swap_out(Waiters& empty) noexcept { waiters_.swap(empty); }
    [[nodiscard]] std::size_t size() const noexcept { return waiters_.size(); }

  private:
    // The slot alone proves nothing, since swap_out() visits no waiter: it counts if this waiter is what lies there.
    [[nodiscard]] bool is_armed(const TopicWaiter& waiter) const noexcept {
        return waiter.armed_slot_ < waiters_.size() && waiters_[waiter.armed_slot_].get() == &waiter;
    }

    Waiters waiters_;
};

}  // namespace leveret
