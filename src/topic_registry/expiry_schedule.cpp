#include "topic_registry/expiry_schedule.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include <asio/post.hpp>
#include <asio/strand.hpp>

namespace leveret {
namespace {

// The timer runs on the steady clock and deadlines are of the wall clock: looking again this often bounds how late we
// notice that somebody has set the latter.
constexpr std::chrono::microseconds sleep_max = std::chrono::minutes(1);

// Topics that expire before the strand's thread is given to others.
constexpr std::size_t topics_per_turn = 64;

}  // namespace

class ExpirySchedule::State : public std::enable_shared_from_this<State> {
  public:
    State(Clock& clock, const asio::any_io_executor& executor)
        : clock_(clock), strand_(asio::make_strand(executor)), timer_(clock.make_timer(strand_)) {}

    void schedule(const std::shared_ptr<TopicController>& topic, Timestamp due) {
        bool is_first = false;
        {
            const std::lock_guard lock(mutex_);
            if (const auto found = entries_.find(topic.get()); found != entries_.end()) {
                if (found->second->first <= due && found->second->second.topic.lock() == topic) {
                    return;
                }
                by_time_.erase(found->second);
                entries_.erase(found);
            }
            const auto added = by_time_.emplace(due, Entry{topic, topic.get()});
            entries_.emplace(topic.get(), added);
            is_first = added == by_time_.begin();
        }
        if (is_first) {
            asio::post(strand_, [self = shared_from_this()] { self->set_timer(); });
        }
    }

    void remove(const TopicController& topic) {
        const std::lock_guard lock(mutex_);
        if (const auto found = entries_.find(&topic); found != entries_.end()) {
            by_time_.erase(found->second);
            entries_.erase(found);
        }
    }

    [[nodiscard]] std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return entries_.size();
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            by_time_.clear();
            entries_.clear();
        }
        asio::post(strand_, [self = shared_from_this()] { self->timer_.reset(); });
    }

  private:
    // Strand: the schedule's.

    void set_timer() {
        std::chrono::microseconds delay{};
        {
            const std::lock_guard lock(mutex_);
            if (by_time_.empty() || !timer_) {
                return;
            }
            delay = std::min(by_time_.begin()->first - clock_.wall_now(), sleep_max);
        }
        // Weak: a timer that is still set must not keep the state, and through it itself.
        timer_->set_after(delay, [weak = weak_from_this()] {
            if (const auto self = weak.lock()) {
                self->expire_due();
            }
        });
    }

    void expire_due() {
        const Timestamp now = clock_.wall_now();
        for (const std::shared_ptr<TopicController>& topic : take_due(now)) {
            if (const auto again = topic->expire(now)) {
                schedule(topic, *again);
            }
        }
        set_timer();
    }

    [[nodiscard]] std::vector<std::shared_ptr<TopicController>> take_due(Timestamp now) {
        std::vector<std::shared_ptr<TopicController>> due;
        const std::lock_guard lock(mutex_);
        while (!by_time_.empty() && by_time_.begin()->first <= now && due.size() < topics_per_turn) {
            const auto first = by_time_.begin();
            entries_.erase(first->second.address);
            if (auto topic = first->second.topic.lock()) {
                due.push_back(std::move(topic));
            }
            by_time_.erase(first);
        }
        return due;
    }

    Clock& clock_;
    const asio::any_io_executor strand_;
    std::unique_ptr<Timer> timer_;  // null after stop()

    struct Entry {
        std::weak_ptr<TopicController> topic;
        const TopicController* address = nullptr;  // its key in entries_, also when it is gone
    };
    using ByTime = std::multimap<Timestamp, Entry>;
    mutable std::mutex mutex_;  // guards what follows
    ByTime by_time_;
    std::unordered_map<const TopicController*, ByTime::iterator> entries_;  // its order is used for nothing
};

ExpirySchedule::ExpirySchedule(Clock& clock, const asio::any_io_executor& executor)
    : state_(std::make_shared<State>(clock, executor)) {}

ExpirySchedule::~ExpirySchedule() {
    state_->stop();
}

void ExpirySchedule::schedule(const std::shared_ptr<TopicController>& topic, Timestamp due) {
    state_->schedule(topic, due);
}

void ExpirySchedule::remove(const TopicController& topic) {
    state_->remove(topic);
}

std::size_t ExpirySchedule::size() const {
    return state_->size();
}

}  // namespace leveret
