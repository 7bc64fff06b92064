// An answer that waits for something outside the connection: a log's threads, mostly.
#pragma once

#include <functional>
#include <system_error>
#include <utility>
#include <vector>

#include "subscription_manager/wake_list.hpp"
#include "topic_controller/batch.hpp"

namespace leveret {

/// Made on the connection's strand, where it is given at last; completed on any thread, once. A connection that ends
/// before drops it. The manager does not end in good order while one is outstanding.
template <class Outcome>
class DeferredAnswer final : public StrandWaiter {
  public:
    using Give = std::function<void(Outcome& outcome)>;

    /// `outstanding`, and what `give` refers to, belong to the manager. It counts as `weight` outstanding answers: one
    /// to several requests does.
    DeferredAnswer(std::weak_ptr<WakeList> wake_list, std::size_t& outstanding, Give give, std::size_t weight = 1)
        : StrandWaiter(std::move(wake_list)), outstanding_(outstanding), give_(std::move(give)), weight_(weight) {
        outstanding_ += weight_;
    }

    /// Any thread.
    void complete(Outcome outcome) {
        outcome_ = std::move(outcome);
        wake();
    }
    /// It was not needed after all: complete() will not be called.
    void cancel() { outstanding_ -= weight_; }
    /// Strand: connection.
    void resume() override {
        outstanding_ -= weight_;
        give_(outcome_);
    }

  private:
    std::size_t& outstanding_;
    const Give give_;
    const std::size_t weight_;
    Outcome outcome_{};
};

using DeferredDone = DeferredAnswer<std::error_code>;
using DeferredAppend = DeferredAnswer<std::vector<AppendResult>>;

}  // namespace leveret
