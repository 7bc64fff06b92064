// Those who wait for a topic to grow, or for its end.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

namespace leveret {

/// What those in a list wait for. A waiter may be in one list of each.
enum class WaitFor : std::uint8_t { growth, deletion };

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
    std::array<std::size_t, 2> slots_{};  // by WaitFor: where a list has it, if it does; guarded by the topic's mutex
};

using Waiters = std::vector<std::shared_ptr<TopicWaiter>>;

/// The waiters that are armed on one topic. Not thread-safe: used under the topic's mutex.
class WaiterList {
  public:
    explicit WaiterList(WaitFor what = WaitFor::growth) noexcept : what_(what) {}

    /// Arming twice is once.
    void arm(const std::shared_ptr<TopicWaiter>& waiter) {
        if (!is_armed(*waiter)) {
            slot_of(*waiter) = waiters_.size();
            waiters_.push_back(waiter);
        }
    }
    /// The list's own share of the waiter, to be let go of after the mutex has been released; null where it is not
    /// armed.
    [[nodiscard]] std::shared_ptr<TopicWaiter> disarm(TopicWaiter& waiter) noexcept {
        if (!is_armed(waiter)) {
            return nullptr;
        }
        const std::size_t slot = slot_of(waiter);
        std::shared_ptr<TopicWaiter> disarmed = std::move(waiters_[slot]);
        if (slot + 1 != waiters_.size()) {
            waiters_[slot] = std::move(waiters_.back());
            slot_of(*waiters_[slot]) = slot;
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
        const std::size_t slot = waiter.slots_[static_cast<std::size_t>(what_)];
        return slot < waiters_.size() && waiters_[slot].get() == &waiter;
    }
    [[nodiscard]] std::size_t& slot_of(TopicWaiter& waiter) const noexcept {
        return waiter.slots_[static_cast<std::size_t>(what_)];
    }

    Waiters waiters_;
    WaitFor what_;
};

}  // namespace leveret
