// All time comes through here, timers too, so that a test can move it by hand.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include <asio/any_io_executor.hpp>

#include "protocol/identity.hpp"

namespace leveret {

using SteadyTime = std::chrono::steady_clock::time_point;

/// One alarm at a time. Not thread-safe: used on its executor's strand only, and destroyed there.
class Timer {
  public:
    virtual ~Timer() = default;
    /// Calls `fired` on the executor once `delay` has passed; replaces an alarm that is still set. A negative delay is
    /// zero. `fired` never runs inside this call. It may still run after set_after or cancel if it had already been
    /// posted: hold what it needs by shared_ptr and look again.
    virtual void set_after(std::chrono::microseconds delay, std::function<void()> fired) = 0;
    virtual void cancel() = 0;
};

/// Thread-safe; outlives whatever uses it.
class Clock {
  public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual Timestamp wall_now() const noexcept = 0;
    [[nodiscard]] virtual SteadyTime steady_now() const noexcept = 0;
    [[nodiscard]] virtual std::unique_ptr<Timer> make_timer(asio::any_io_executor executor) = 0;
};

/// The machine's clocks. One object for the whole program.
[[nodiscard]] Clock& system_clock() noexcept;

/// A clock that stands still until it is told to move; for tests. Thread-safe.
class ManualClock final : public Clock {
  public:
    explicit ManualClock(Timestamp wall_start = Timestamp(std::chrono::hours(24 * 365 * 50)));
    ~ManualClock() override;
    [[nodiscard]] Timestamp wall_now() const noexcept override;
    [[nodiscard]] SteadyTime steady_now() const noexcept override;
    [[nodiscard]] std::unique_ptr<Timer> make_timer(asio::any_io_executor executor) override;

    /// Moves both clocks and posts the alarms that are due, in the order of their times.
    void advance(std::chrono::microseconds by);
    /// Sets the wall clock alone, also backwards, as an administrator might.
    void set_wall(Timestamp wall);

    struct State;  ///< shared with the timers, which may outlive the clock

  private:
    std::shared_ptr<State> state_;
};

}  // namespace leveret
