// TopicController, as far as it has a log: batches wait there between their stamp and their answer.
#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "topic_controller/append_scratch.hpp"
#include "topic_controller/topic_controller.hpp"

namespace leveret {
namespace {

bool has_valid_checksums(const Batch& batch, std::uint32_t* bad_record) noexcept {
    *bad_record = 0;
    for (const RecordView record : Records(batch.records)) {
        if (!has_valid_content_checksum(record)) {
            return false;
        }
        ++*bad_record;
    }
    return true;
}

/// Everything that was to be accepted was not.
void refuse_all(std::vector<AppendResult>& results, std::error_code error) {
    for (AppendResult& result : results) {
        if (!result.error) {
            result.error = error;
            result.accepted = 0;
            result.duplicates.clear();
        }
    }
}

}  // namespace

bool TopicController::append_stored(std::span<const Batch> batches, const AppendDone& done,
                                    const std::shared_ptr<TopicWaiter>& publisher) {
    std::uint64_t bytes = 0;
    for (const Batch& batch : batches) {
        bytes += batch.records.size();
    }
    std::vector<AppendResult> results(batches.size());
    Claim claim;
    {
        const std::lock_guard lock(mutex_);
        claim = claim_room(bytes, publisher);
    }
    if (claim.to_arm) {
        log_->backing.all_pending->wait(log_->share_of(bytes), claim.to_arm);
    }
    if (claim.must_wait) {
        return false;
    }
    if (claim.refusal) {
        refuse(std::move(results), claim.refusal, done);
        return true;
    }
    for (std::size_t i = 0; i < batches.size(); ++i) {
        if (!has_valid_checksums(batches[i], &results[i].bad_record)) {
            results[i].error = Error::checksum_mismatch;
        }
    }

    AppendScratch scratch;
    AfterLog after;
    const Timestamp now = environment_.clock.wall_now();
    {
        std::unique_lock lock(mutex_);
        const bool is_synced = std::any_of(batches.begin(), batches.end(),
                                           [this](const Batch& batch) { return wants_sync(batch.durability); });
        log_->pending.push_back({.wants_sync = is_synced, .bytes = bytes, .results = std::move(results), .done = done});
        TopicLog::PendingAppend& pending = log_->pending.back();
        for (std::size_t i = 0; i < batches.size(); ++i) {
            if (!pending.results[i].error) {
                append_or_reclaim(batches[i], now, scratch, pending.results[i], lock);
            }
        }
        pending.end = buffer_.appended();
        // What was claimed and not used, because of duplicates and errors, serves the next one.
        pending.bytes = scratch.stamped_bytes;
        shrink_pending(bytes, pending.bytes, after);
        log_->room_bytes += bytes - scratch.stamped_bytes;
        if (bytes != scratch.stamped_bytes) {
            log_->publishers.swap_out(after.publishers);  // there is room again for those who wait for it
        }
        submit_more(after);
        plan_close(after);
        update_charged_bytes();
    }
    carry_out(after);
    return true;
}

/// Answers a publish of which nothing was taken, behind those that came before it.
void TopicController::refuse(std::vector<AppendResult> results, std::error_code error, const AppendDone& done) {
    refuse_all(results, error);
    if (error == Error::disk_full) {
        environment_.counters.disk_full.add();
    } else if (error == Error::topic_busy) {
        environment_.counters.topic_busy.add();
    }
    AfterLog after;
    {
        const std::lock_guard lock(mutex_);
        log_->pending.push_back({.end = buffer_.appended(), .results = std::move(results), .done = done});
        submit_more(after);
    }
    carry_out(after);
}

/// Under the lock. Of what was claimed for a publish less is pending now; carry_out() gives the rest back.
void TopicController::shrink_pending(std::uint64_t from_bytes, std::uint64_t to_bytes, AfterLog& after) noexcept {
    log_->pending_bytes -= from_bytes - to_bytes;
    after.given_back += log_->share_of(from_bytes) - log_->share_of(to_bytes);
}

/// Under the lock.
bool TopicController::wants_sync(Durability asked) const noexcept {
    // A topic of mode `os` has no timer, so a batch that asks for more than that gets the most.
    return settings_.durability == Durability::sync || asked == Durability::sync ||
           (asked == Durability::interval && settings_.durability == Durability::os);
}

/// Under the lock. Unless an append is under way, everything that is pending goes with the next one.
void TopicController::submit_more(AfterLog& after) {
    TopicLog& log = *log_;
    if (log.failure) {
        refuse_pending(log.failure, after);
        return;
    }
    if (log.is_appending) {
        return;
    }
    if (log.handed.next >= buffer_.appended()) {
        // Nothing but duplicates, whose originals are kept already, and refusals.
        log_is_at(log.handed.next, false, after);
        if (log.pending.empty() || log.pending.front().end == TopicLog::not_stamped) {
            return;
        }
    }
    log.is_appending = true;
    log.is_appending_synced = std::any_of(log.pending.begin(), log.pending.end(),
                                          [](const TopicLog::PendingAppend& append) { return append.wants_sync; });
    after.submission =
        Submission{log.backing.log, {}, log.is_appending_synced ? MessageLog::Sync::yes : MessageLog::Sync::no};
    while (log.handed.next < buffer_.appended()) {
        Gathered& gathered = *log.in_flight.emplace_back(std::make_unique<Gathered>());
        buffer_.gather_appended(log.handed, gathered);
        for (const Slice& slice : gathered.slices()) {
            after.submission->runs.push_back(slice.records);
        }
    }
}

/// Under the lock. Everything below `end` is kept: whoever waited for that is answered. A batch that wants more than
/// its topic, and whose records are all duplicates, waits for a sync of their originals.
void TopicController::log_is_at(Offset end, bool is_synced, AfterLog& after) {
    TopicLog& log = *log_;
    const auto may_answer = [&](const TopicLog::PendingAppend& append) {
        const bool lacks_sync = append.wants_sync && !is_synced && settings_.durability != Durability::sync;
        return append.end <= end && !lacks_sync;
    };
    while (!log.pending.empty() && may_answer(log.pending.front())) {
        TopicLog::PendingAppend append = std::move(log.pending.front());
        log.pending.pop_front();
        shrink_pending(append.bytes, 0, after);
        for (const AppendResult& result : append.results) {
            totals_.published += result.accepted;
            totals_.duplicates += result.duplicates.size();
        }
        log.answers.push_back(std::move(append));
    }
    after.has_answers = true;
}

/// Thread: the log's.
void TopicController::log_appended(std::error_code error) {
    AfterLog after;
    const Timestamp now = environment_.clock.wall_now();
    {
        const std::lock_guard lock(mutex_);
        TopicLog& log = *log_;
        after.kept = std::exchange(log.in_flight, {});
        log.is_appending = false;
        if (error || log.failure) {
            fail_log(error ? error : log.failure, after);
        } else {
            buffer_.make_visible(log.handed.next);
            log_is_at(log.handed.next, log.is_appending_synced, after);
            waiters_.swap_out(after.woken);
            if (settings_.durability == Durability::interval && !log.sync_due && !log.is_syncing) {
                log.sync_due = now + sync_interval();
            }
            submit_more(after);
            plan_housekeeping(now, after);
        }
        log.publishers.swap_out(after.publishers);
        plan_close(after);
        after.due = take_new_expiry();
    }
    carry_out(after);
}

/// Under the lock. Nothing is retried: what has its offsets and no answer is refused, and so is what comes.
void TopicController::fail_log(std::error_code error, AfterLog& after) {
    TopicLog& log = *log_;
    refuse_pending(error, after);
    if (log.failure) {
        return;
    }
    log.failure = error;
    if (log.state == TopicLog::State::open) {
        log.state = TopicLog::State::failed;
    }
    log.publishers.swap_out(after.publishers);
    spdlog::error("topic '{}' has stopped: {} What was acknowledged can still be read.", name_, error.message());
}

/// Under the lock.
void TopicController::refuse_pending(std::error_code error, AfterLog& after) {
    std::deque<TopicLog::PendingAppend>& pending = log_->pending;
    // One that is being stamped comes back here when it is done.
    while (!pending.empty() && pending.front().end != TopicLog::not_stamped) {
        refuse_all(pending.front().results, error);
        shrink_pending(pending.front().bytes, 0, after);
        log_->answers.push_back(std::move(pending.front()));
        pending.pop_front();
    }
    after.has_answers = true;
}

/// Without the lock.
void TopicController::carry_out(AfterLog& after) {
    if (after.submission && after.submission->runs.empty()) {
        after.submission->log->sync([self = shared_from_this()](std::error_code error) { self->log_appended(error); });
    } else if (after.submission) {
        after.submission->log->append(
            after.submission->runs, after.submission->sync,
            [self = shared_from_this()](const MessageLog::Appended& appended) { self->log_appended(appended.error); });
    }
    if (after.given_back != 0) {
        log_->backing.all_pending->budget().release(after.given_back);
    }
    if (after.trim) {
        after.log->trim(*after.trim, [self = shared_from_this()](std::error_code error) { self->log_trimmed(error); });
    }
    if (after.sync) {
        after.log->sync([self = shared_from_this()](std::error_code error) { self->log_synced(error); });
    }
    if (after.has_answers) {
        give_answers();
    }
    for (const TopicLog::PendingCommit& commit : after.refused_commits) {
        commit.done(after.commit_error);
    }
    for (const auto& waiter : after.woken) {
        waiter->wake();
    }
    for (const auto& publisher : after.publishers) {
        publisher->wake();
    }
    if (!after.saves.empty()) {
        save_positions(std::move(after.saves), after.saves_synced);
    }
    schedule(after.due);
    if (after.close_done) {
        after.log ? after.log->close(std::move(after.close_done)) : after.close_done({});
    }
}

/// Without the lock. One thread at a time, so that answers keep the order of their publishes.
void TopicController::give_answers() {
    std::unique_lock lock(mutex_);
    if (std::exchange(log_->is_answering, true)) {
        return;  // who answers finds these too
    }
    while (!log_->answers.empty()) {
        std::deque<TopicLog::PendingAppend> answers = std::exchange(log_->answers, {});
        lock.unlock();
        for (TopicLog::PendingAppend& append : answers) {
            count_results(append.results);
            append.done(append.results);
        }
        answers.clear();
        lock.lock();
    }
    log_->is_answering = false;
}

}  // namespace leveret
