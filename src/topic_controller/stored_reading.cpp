// TopicController, as far as it has a log: what has left the buffer is read from there.
#include <algorithm>
#include <iterator>

#include "topic_controller/topic_controller.hpp"

namespace leveret {

/// Under the lock.
bool TopicController::must_read_log(const TopicCursor& cursor) const noexcept {
    return cursor.next < buffer_.first() &&
           std::max(cursor.next, std::max(log_->first, expired_end_)) < buffer_.first();
}

/// Under the lock. Moves a cursor to what is left, tells what was lost on the way, and says whether the log has to be
/// read.
bool TopicController::enter_log(TopicCursor& cursor, Gathered& gathered) const noexcept {
    if (cursor.next >= buffer_.first()) {
        return false;
    }
    if (cursor.next < log_->lost_end) {
        gathered.lagged_ = LaggedRange{cursor.next, log_->lost_end};
    }
    cursor.next = std::max(cursor.next, std::max(log_->first, expired_end_));
    return cursor.next < buffer_.first();
}

/// Without the lock. What the log's threads have read for this cursor.
void TopicController::gather_from_log(TopicCursor& cursor, std::size_t bytes_max, std::uint64_t records_max,
                                      Gathered& gathered) {
    Timestamp expired{};
    Offset end{};
    std::shared_ptr<MessageLog> log;
    {
        const std::lock_guard lock(mutex_);
        expired = expired_now();
        end = buffer_.visible();
        log = log_->backing.log;
    }
    if (cursor.not_before != Timestamp::min()) {
        expired = std::max(expired, cursor.not_before - std::chrono::microseconds(1));
    }
    CatchUp::Part part = cursor.catch_up ? cursor.catch_up->part_at(cursor.next) : CatchUp::Part{};
    while (!part.empty() && gathered.empty() && !gathered.lagged()) {
        if (part.error) {
            gathered.error_ = part.error;
            break;
        }
        if (part.skip_to) {
            cursor.next = *part.skip_to;
            cursor.not_before = Timestamp::min();
        } else if (part.damaged) {
            gathered.lagged_ = LaggedRange{std::max(cursor.next, part.damaged->from), part.damaged->to};
            cursor.next = part.damaged->to;
        } else if (part.block->first() > cursor.next && cursor.not_before == Timestamp::min()) {
            gathered.lagged_ = LaggedRange{cursor.next, part.block->first()};  // trimmed while it was read
            cursor.next = part.block->first();
        } else {
            BroadcastBuffer::gather_block(part.block, cursor, bytes_max, records_max, expired, gathered);
        }
        if (gathered.empty() && !gathered.lagged()) {
            part = cursor.catch_up->part_at(cursor.next);
        }
    }
    gathered.awaits_log_ = gathered.empty() && !gathered.lagged() && !gathered.error();
    if (!gathered.empty()) {
        cursor.not_before = Timestamp::min();
        cursor.catch_up->read_ahead(log, end);
    }
}

Offset TopicController::shared_until(Epoch epoch) const {
    const std::lock_guard lock(mutex_);
    if (!log_) {
        return {};
    }
    const auto& epochs = log_->backing.epochs;
    const auto found =
        std::find_if(epochs.begin(), epochs.end(), [&](const EpochStart& start) { return start.epoch == epoch; });
    return found == epochs.end() || std::next(found) == epochs.end() ? Offset{} : std::next(found)->first;
}

}  // namespace leveret
