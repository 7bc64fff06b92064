// When which topic has something to let expire, and the one timer that sees to it.
#pragma once

#include <memory>

#include <asio/any_io_executor.hpp>

#include "environment/clock.hpp"
#include "protocol/identity.hpp"
#include "topic_controller/topic_controller.hpp"

namespace leveret {

/// Holds at most one entry per topic and calls its expire() when the time has come, on a strand of the executor. While
/// nothing is scheduled nothing happens. Does not keep topics alive.
///
/// Thread-safe. Its mutex is taken last and held for a few lines: no topic is called under it.
class ExpirySchedule {
  public:
    /// Both outlive this object; the timer goes on the strand, soon after this object.
    ExpirySchedule(Clock& clock, const asio::any_io_executor& executor);
    ExpirySchedule(const ExpirySchedule&) = delete;
    ExpirySchedule& operator=(const ExpirySchedule&) = delete;
    ~ExpirySchedule();

    /// Has `topic` expire at `due`; takes the place of its entry, if it has one that is later.
    void schedule(const std::shared_ptr<TopicController>& topic, Timestamp due);
    /// Forgets the topic's entry.
    void remove(const TopicController& topic);
    [[nodiscard]] std::size_t size() const;

  private:
    class State;
    std::shared_ptr<State> state_;  // shared with what has been posted to the strand
};

}  // namespace leveret
