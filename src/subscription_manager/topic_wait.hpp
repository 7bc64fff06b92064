// A publisher's wait for a topic that cannot take its records at the moment.
#pragma once

#include <memory>

#include "environment/environment.hpp"
#include "subscription_manager/wake_list.hpp"
#include "topic_controller/topic_controller.hpp"

namespace leveret {

/// While is_waiting() the connection reads no more. Strand: connection, all but the wake-up.
class TopicWait final : public StrandWaiter {
  public:
    TopicWait(std::weak_ptr<WakeList> wake_list, const Environment& environment, asio::any_io_executor strand)
        : StrandWaiter(std::move(wake_list)), environment_(environment), strand_(std::move(strand)) {}

    [[nodiscard]] bool is_waiting() const noexcept { return is_waiting_; }
    /// It has waited for write_timeout: the topic is to answer instead of letting it wait.
    [[nodiscard]] bool is_over() const noexcept { return is_over_; }
    /// The topic has said that it wakes this.
    void begin() {
        is_waiting_ = true;
        if (timer_ == nullptr) {
            timer_ = environment_.clock.make_timer(strand_);
            timer_->set_after(environment_.limits.write_timeout, [weak = weak_from_this()] {
                if (const auto self = std::static_pointer_cast<TopicWait>(weak.lock())) {
                    self->is_over_ = true;
                    self->wake();  // goes on where commands are carried out
                }
            });
        }
    }
    void resume() override { is_waiting_ = false; }
    /// The topic has taken what waited, or has refused it.
    void end() {
        is_waiting_ = false;
        is_over_ = false;
        timer_.reset();
    }

  private:
    const Environment& environment_;
    const asio::any_io_executor strand_;
    std::unique_ptr<Timer> timer_;  // from the first wait for the same records on
    bool is_waiting_ = false;
    bool is_over_ = false;
};

/// Whether there is a wait, and it goes on: a connection has none before it publishes to a stored topic.
[[nodiscard]] inline bool is_waiting(const std::shared_ptr<TopicWait>& wait) noexcept {
    return wait != nullptr && wait->is_waiting();
}

}  // namespace leveret
