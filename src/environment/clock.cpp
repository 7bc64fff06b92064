#include "environment/clock.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

namespace leveret {
namespace {

// Longer alarms are cut to this: far beyond any uptime, and it keeps the sums below from overflowing.
constexpr std::chrono::microseconds delay_max = std::chrono::hours(24 * 365 * 50);

std::chrono::microseconds bounded(std::chrono::microseconds delay) noexcept {
    return std::clamp(delay, std::chrono::microseconds::zero(), delay_max);
}

class SystemTimer final : public Timer {
  public:
    explicit SystemTimer(const asio::any_io_executor& executor) : timer_(executor) {}

    void set_after(std::chrono::microseconds delay, std::function<void()> fired) override {
        timer_.expires_after(bounded(delay));
        timer_.async_wait([fired = std::move(fired)](const std::error_code& error) {
            if (!error) {
                fired();
            }
        });
    }
    void cancel() override { timer_.cancel(); }

  private:
    asio::steady_timer timer_;
};

class SystemClock final : public Clock {
  public:
    [[nodiscard]] Timestamp wall_now() const noexcept override {
        return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    }
    [[nodiscard]] SteadyTime steady_now() const noexcept override { return std::chrono::steady_clock::now(); }
    [[nodiscard]] std::unique_ptr<Timer> make_timer(asio::any_io_executor executor) override {
        return std::make_unique<SystemTimer>(executor);
    }
};

struct Alarm {
    asio::any_io_executor executor;
    std::function<void()> fired;
};

}  // namespace

Clock& system_clock() noexcept {
    static SystemClock clock;
    return clock;
}

struct ManualClock::State {
    // Alarms of the same time go off in the order in which they were set.
    using AlarmTime = std::pair<SteadyTime, std::uint64_t>;

    std::mutex mutex;  // guards everything below
    Timestamp wall;
    SteadyTime steady{};
    std::uint64_t alarms_set = 0;
    std::map<AlarmTime, Alarm> alarms;
};

namespace {

class ManualTimer final : public Timer {
  public:
    ManualTimer(std::shared_ptr<ManualClock::State> state, asio::any_io_executor executor)
        : state_(std::move(state)), executor_(std::move(executor)) {}
    ManualTimer(const ManualTimer&) = delete;
    ManualTimer& operator=(const ManualTimer&) = delete;
    ~ManualTimer() override { cancel(); }

    void set_after(std::chrono::microseconds delay, std::function<void()> fired) override {
        cancel();
        const std::lock_guard lock(state_->mutex);
        if (delay <= std::chrono::microseconds::zero()) {
            asio::post(executor_, std::move(fired));
            return;
        }
        time_ = {state_->steady + bounded(delay), state_->alarms_set++};
        state_->alarms.emplace(time_, Alarm{executor_, std::move(fired)});
    }
    void cancel() override {
        const std::lock_guard lock(state_->mutex);
        state_->alarms.erase(time_);
    }

  private:
    const std::shared_ptr<ManualClock::State> state_;
    const asio::any_io_executor executor_;
    // Names the alarm that was set last. Numbers are not used twice, so an alarm that has gone off is not found again.
    ManualClock::State::AlarmTime time_{};
};

}  // namespace

ManualClock::ManualClock(Timestamp wall_start) : state_(std::make_shared<State>()) {
    state_->wall = wall_start;
}

ManualClock::~ManualClock() = default;

Timestamp ManualClock::wall_now() const noexcept {
    const std::lock_guard lock(state_->mutex);
    return state_->wall;
}

SteadyTime ManualClock::steady_now() const noexcept {
    const std::lock_guard lock(state_->mutex);
    return state_->steady;
}

std::unique_ptr<Timer> ManualClock::make_timer(asio::any_io_executor executor) {
    return std::make_unique<ManualTimer>(state_, std::move(executor));
}

void ManualClock::advance(std::chrono::microseconds by) {
    std::vector<Alarm> due;
    {
        const std::lock_guard lock(state_->mutex);
        state_->wall += by;
        state_->steady += by;
        while (!state_->alarms.empty() && state_->alarms.begin()->first.first <= state_->steady) {
            due.push_back(std::move(state_->alarms.begin()->second));
            state_->alarms.erase(state_->alarms.begin());
        }
    }
    for (Alarm& alarm : due) {
        asio::post(alarm.executor, std::move(alarm.fired));
    }
}

void ManualClock::set_wall(Timestamp wall) {
    const std::lock_guard lock(state_->mutex);
    state_->wall = wall;
}

}  // namespace leveret
