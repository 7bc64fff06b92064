// A doorbell that remembers a ring.
#pragma once

#include <memory>

#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>

namespace leveret {

/// One waits, others ring, all on one strand. A ring before the wait is remembered, several are one.
/// (A bare timer used for this forgets a cancel() that comes before the wait.)
class Notifier {
  public:
    explicit Notifier(const asio::any_io_executor& executor);
    /// Returns at the next ring, or at once where one is remembered, and forgets it. One waiter at a time.
    /// Cancel-safe: a cancelled wait throws operation_aborted and loses no ring.
    [[nodiscard]] asio::awaitable<void> wait();
    void notify();

  private:
    asio::steady_timer never_;
    bool rung_ = false;
};

}  // namespace leveret
