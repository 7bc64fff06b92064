// Where a connection's wake-ups meet: pushed by publishers on any thread, taken on the connection's strand.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include <asio/any_io_executor.hpp>

#include "topic_controller/topic_controller.hpp"

namespace leveret {

class WakeList;

/// A TopicWaiter that goes on on its connection's strand.
class StrandWaiter : public TopicWaiter {
  public:
    explicit StrandWaiter(std::weak_ptr<WakeList> wake_list) : wake_list_(std::move(wake_list)) {}
    /// Any thread.
    void wake() noexcept final;
    /// Strand: connection. The topic has grown or was deleted since the last arm().
    virtual void resume() = 0;

  private:
    std::weak_ptr<WakeList> wake_list_;
};

/// Collects wake-ups while the connection is at work and asks for it, once, when it is not. No wake-up is lost:
/// finish() and push() meet under one mutex (a leaf: nothing is called while it is held).
class WakeList : public std::enable_shared_from_this<WakeList> {
  public:
    /// `work` is called on `strand`, never inline, and must come to begin(). Not after close().
    WakeList(asio::any_io_executor strand, std::function<void()> work)
        : strand_(std::move(strand)), work_(std::move(work)) {}

    /// Any thread. After close() nothing is kept.
    void push(std::shared_ptr<StrandWaiter> waiter);

    /// Strand: connection. From now until finish() says true, pushes only collect.
    void begin();
    /// Strand: connection. What has been pushed since the last take().
    [[nodiscard]] std::vector<std::shared_ptr<StrandWaiter>> take();
    /// Strand: connection. False: something was pushed, take() again.
    [[nodiscard]] bool finish();
    /// Strand: connection. Asks for work once more, also where nothing was pushed.
    void ask_for_work();
    /// Strand: connection. Drops what is there and what will come.
    void close();

  private:
    const asio::any_io_executor strand_;
    std::function<void()> work_;  // strand
    std::mutex mutex_;            // guards the three below
    std::vector<std::shared_ptr<StrandWaiter>> waiters_;
    bool at_work_ = false;
    bool closed_ = false;
};

}  // namespace leveret
