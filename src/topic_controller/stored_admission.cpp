// TopicController, as far as it has a log: which publish may begin, which waits, and for what.
#include <utility>

#include "topic_controller/topic_controller.hpp"

namespace leveret {
namespace {

// How long an answer that the disk is full counts for publishes that come after it.
constexpr std::chrono::milliseconds refusal_counts_for{10};

}  // namespace

/// Wakes a topic's publishers when other topics have given back some of what all may have pending.
class TopicController::PendingWaiter final : public TopicWaiter {
  public:
    explicit PendingWaiter(std::weak_ptr<TopicController> topic) : topic_(std::move(topic)) {}
    void wake() noexcept override {
        if (const auto topic = topic_.lock()) {
            topic->others_gave_back();
        }
    }

  private:
    const std::weak_ptr<TopicController> topic_;
};

/// Under the lock. Sets bytes aside of what the log has granted and of what may be pending.
TopicController::Claim TopicController::claim_room(std::uint64_t bytes, const std::shared_ptr<TopicWaiter>& publisher) {
    TopicLog& log = *log_;
    Claim claim;
    if (is_deleted()) {
        claim.refusal = Error::topic_deleted;
    } else if (log.state == TopicLog::State::failed) {
        claim.refusal = log.failure;
    } else if (log.state == TopicLog::State::closing) {
        claim.refusal = Error::shutting_down;
    } else if (log.state == TopicLog::State::opening) {
        claim.must_wait = true;
    } else {
        claim_open_room(bytes, publisher, claim);
    }
    if (claim.must_wait && publisher == nullptr) {
        claim.refusal = Error::topic_busy;
        claim.must_wait = false;
    }
    if (claim.must_wait) {
        log.publishers.arm(publisher);
    } else if (!claim.refusal) {
        log.room_bytes -= bytes;
        log.pending_bytes += bytes;
    }
    return claim;
}

/// Under the lock. Of a log that is open.
void TopicController::claim_open_room(std::uint64_t bytes, const std::shared_ptr<TopicWaiter>& publisher,
                                      Claim& claim) {
    TopicLog& log = *log_;
    // A large batch would never have its turn if smaller ones went on taking what becomes free. Who waits for room on
    // the disk holds nobody up who needs no more than there is.
    const bool is_behind = publisher != nullptr && log.publishers.size() != 0 && !log.is_reserving;
    const bool is_over =
        log.pending_bytes != 0 && log.pending_bytes + bytes > environment_.limits.topic_pending_bytes_max;
    if (is_behind || is_over) {
        claim.must_wait = true;
        return;
    }
    claim_disk_room(bytes, claim);
    if (claim.must_wait || claim.refusal || log.backing.all_pending == nullptr ||
        log.backing.all_pending->budget().try_charge(log.share_of(bytes))) {
        return;
    }
    claim.must_wait = true;
    if (publisher == nullptr) {
        return;
    }
    environment_.counters.pending_waits.add();
    if (log.waits_for_others == nullptr) {
        log.waits_for_others = std::make_shared<PendingWaiter>(weak_from_this());
        claim.to_arm = log.waits_for_others;
    }
}

/// Under the lock. Has the log grant what it has not granted yet.
void TopicController::claim_disk_room(std::uint64_t bytes, Claim& claim) {
    TopicLog& log = *log_;
    if (log.room_bytes >= bytes) {
        return;
    }
    const std::uint64_t lacking = bytes - log.room_bytes;
    if (log.room_refused && environment_.clock.steady_now() < log.room_refused_until) {
        claim.refusal = log.room_refused;
    } else if (log.is_reserving ||
               !log.backing.log->reserve(lacking, [self = shared_from_this(), lacking](std::error_code error) {
                   self->room_answered(lacking, error);
               })) {
        log.is_reserving = true;
        claim.must_wait = true;
    } else {
        log.room_bytes += lacking;
    }
}

/// Any thread, without a lock.
void TopicController::others_gave_back() {
    AfterLog after;
    {
        const std::lock_guard lock(mutex_);
        log_->waits_for_others.reset();
        log_->publishers.swap_out(after.publishers);
    }
    carry_out(after);
}

/// Thread: the log's.
void TopicController::room_answered(std::uint64_t bytes, std::error_code error) {
    AfterLog after;
    {
        const std::lock_guard lock(mutex_);
        log_->is_reserving = false;
        log_->room_refused = error;
        if (error && error != Error::disk_full && error != Error::topic_busy) {
            fail_log(error, after);
        }
        if (error) {
            log_->room_refused_until = environment_.clock.steady_now() + refusal_counts_for;
        } else {
            log_->room_bytes += bytes;
        }
        log_->publishers.swap_out(after.publishers);
    }
    carry_out(after);
}

void TopicController::stop_waiting(TopicWaiter& publisher) {
    std::shared_ptr<TopicWaiter> disarmed;  // outlives the lock, as the waiter may go with it
    if (log_) {
        const std::lock_guard lock(mutex_);
        disarmed = log_->publishers.disarm(publisher);
    }
}

}  // namespace leveret
