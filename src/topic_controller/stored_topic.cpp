// TopicController, as far as it has a log: opening and closing it, positions that are kept, and keeping house.
#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <spdlog/spdlog.h>

#include "topic_controller/topic_controller.hpp"
#include "topic_controller/window_reader.hpp"

namespace leveret {
namespace {

// A trim that the disk has no room for, not even for that, is tried again after this.
constexpr std::chrono::seconds trim_again_after{1};

}  // namespace

// --- Opening and closing

void TopicController::attach(Result<TopicBacking> backing) {
    if (!backing) {
        become_ready(backing.error());
        return;
    }
    std::shared_ptr<MessageLog> log = backing->log;
    const LogExtent extent = log->extent();
    Timestamp window_begin = Timestamp::max();
    Timestamp log_now{};  // by the clock that stamped the records: it may have been ahead of this one
    WindowTime now{};
    {
        const std::lock_guard lock(mutex_);
        log_->backing = std::move(*backing);
        log_->first = extent.first;
        log_->lost_end = extent.first;
        log_->handed = Cursor{.next = extent.end};
        buffer_.begin_at(extent.end);
        last_timestamp_ = std::max(last_timestamp_, extent.last_timestamp.value_or(Timestamp{}));
        for (const auto& [name, offset] : log_->backing.positions) {
            positions_.restore(name, std::min(offset, extent.end));
        }
        log_now = std::max(environment_.clock.wall_now(), last_timestamp_);
        now = window_now();
        if (window_ && extent.end > extent.first) {
            window_begin = std::max(Timestamp{}, log_now - compaction_window_);  // a window may be longer than all time
        }
    }
    if (window_begin > extent.last_timestamp.value_or(Timestamp::min())) {
        become_ready({});
        return;
    }
    const auto reader = std::make_shared<WindowReader>(
        log_->catch_up_memory, log, window_begin, extent.end,
        [self = shared_from_this(), log_now, now](RecordView record) {
            self->remember_key(record, now - (log_now - record.timestamp()));
        },
        [self = shared_from_this()](std::error_code error) { self->become_ready(error); });
    reader->start();
}

/// A key that was accepted before a restart.
void TopicController::remember_key(RecordView record, WindowTime accepted) {
    if (const auto key = record.key()) {
        const std::lock_guard lock(mutex_);
        if (window_) {
            (void)window_->accept(*key, accepted, compaction_window_);
        }
    }
}

void TopicController::become_ready(std::error_code error) {
    AfterLog after;
    std::vector<MessageLog::Done> ready;
    {
        const std::lock_guard lock(mutex_);
        log_->is_opening = false;
        if (log_->state == TopicLog::State::opening) {
            log_->state = error ? TopicLog::State::failed : TopicLog::State::open;
            log_->failure = error;
        }
        ready = std::exchange(log_->ready_done, {});
        waiters_.swap_out(after.woken);
        log_->publishers.swap_out(after.publishers);
        if (error) {
            is_unusable_.store(true, std::memory_order_release);
            after.refused_commits = std::exchange(log_->commits, {});
            after.commit_error = error;
        } else {
            plan_save(after);
            plan_housekeeping(environment_.clock.wall_now(), after);
            after.due = take_new_expiry();
        }
        plan_close(after);
    }
    if (error) {
        spdlog::error("the log of topic '{}' could not be opened: {}{}", name_, error.message(),
                      error == Error::bad_log ? " `leveret log verify` says what is wrong with it." : "");
    }
    for (const MessageLog::Done& done : ready) {
        done(error);
    }
    carry_out(after);
}

void TopicController::when_ready(MessageLog::Done done) {
    std::error_code error;
    if (log_) {
        const std::lock_guard lock(mutex_);
        if (log_->state == TopicLog::State::opening) {
            log_->ready_done.push_back(std::move(done));
            return;
        }
        error = log_->failure;
    }
    done(error);
}

void TopicController::close(MessageLog::Done done) {
    if (!log_) {
        done({});
        return;
    }
    AfterLog after;
    {
        const std::lock_guard lock(mutex_);
        log_->is_opening = log_->state == TopicLog::State::opening;
        log_->state = TopicLog::State::closing;
        log_->close_done = std::move(done);
        log_->publishers.swap_out(after.publishers);
        plan_close(after);
    }
    carry_out(after);
}

/// Under the lock. When nothing is under way any more the log is closed.
void TopicController::plan_close(AfterLog& after) {
    TopicLog& log = *log_;
    const bool is_busy = log.is_opening || log.is_appending || !log.pending.empty() || log.is_saving ||
                         !log.commits.empty() || log.is_trimming;
    if (!log.close_done || is_busy) {
        return;
    }
    after.close_done = std::exchange(log.close_done, {});
    after.log = log.backing.log;
}

// --- Positions

void TopicController::commit(std::string_view position, Offset offset, const MessageLog::Done& done) {
    if (!log_) {
        done(commit(position, offset));
        return;
    }
    AfterLog after;
    std::error_code error;
    {
        // Remembered and given to be saved under one hold: of two commits the same one comes last in both.
        const std::lock_guard lock(mutex_);
        error = log_->failure;
        if (!error && log_->state == TopicLog::State::closing) {
            error = Error::shutting_down;
        }
        const std::optional<Offset> before = positions_.find(position);
        error = error ? error : remember_position(position, offset);
        if (!error) {
            log_->commits.push_back({std::string(position), offset, before, done});
            plan_save(after);
        }
    }
    if (error) {
        count_refused_commit(error);
        done(error);
    }
    carry_out(after);
}

/// Under the lock.
void TopicController::plan_save(AfterLog& after) {
    if (!log_->is_saving && !log_->commits.empty() && log_->backing.save_positions) {
        log_->is_saving = true;
        after.saves = std::exchange(log_->commits, {});
        after.saves_synced = wants_sync(Durability::server_default);
    }
}

/// Without the lock; is_saving is set.
void TopicController::save_positions(std::vector<TopicLog::PendingCommit> commits, bool sync) {
    std::vector<std::pair<std::string, Offset>> positions;
    positions.reserve(commits.size());
    for (const TopicLog::PendingCommit& commit : commits) {
        positions.emplace_back(commit.position, commit.offset);
    }
    const auto shared = std::make_shared<std::vector<TopicLog::PendingCommit>>(std::move(commits));
    log_->backing.save_positions(
        std::move(positions), sync,
        [self = shared_from_this(), shared](std::error_code error) { self->positions_saved(*shared, error); });
}

/// Under the lock. Commits that could not be saved have no effect. Where a newer one of the same name waits to be saved
/// the position stays where that has moved it, and if need be goes back as far as these would have.
void TopicController::take_back(std::span<const TopicLog::PendingCommit> commits) {
    std::unordered_map<std::string_view, TopicLog::PendingCommit*> newer;
    for (TopicLog::PendingCommit& commit : log_->commits) {
        newer.try_emplace(commit.position, &commit);
    }
    for (std::size_t i = commits.size(); i-- > 0;) {
        if (const auto found = newer.find(commits[i].position); found != newer.end()) {
            found->second->before = commits[i].before;
        } else {
            positions_.restore(commits[i].position, commits[i].before);
        }
    }
    update_charged_bytes();
}

/// Thread: the log's.
void TopicController::positions_saved(std::span<const TopicLog::PendingCommit> commits, std::error_code error) {
    AfterLog after;
    {
        const std::lock_guard lock(mutex_);
        log_->is_saving = false;
        if (error) {
            take_back(commits);
        }
        plan_save(after);
        plan_close(after);
    }
    for (const TopicLog::PendingCommit& commit : commits) {
        commit.done(error);
    }
    carry_out(after);
}

// --- Keeping house

std::chrono::microseconds TopicController::sync_interval() const noexcept {
    return settings_.durability_interval_ms != 0 ? std::chrono::milliseconds(settings_.durability_interval_ms)
                                                 : environment_.limits.sync_interval;
}

/// Under the lock.
std::optional<Timestamp> TopicController::next_log_housekeeping() const noexcept {
    if (log_->state != TopicLog::State::open) {
        return std::nullopt;
    }
    std::optional<Timestamp> due = log_->sync_due;
    if (retention_ttl_.count() == 0 || log_->is_trimming) {
        return due;
    }
    const auto last = log_->backing.log->extent().first_segment_last;
    if (last && retention_ttl_ <= Timestamp::max() - *last) {
        const Timestamp trim_due = std::max(*last + retention_ttl_, log_->trim_again_at);
        due = due ? std::min(*due, trim_due) : trim_due;
    }
    return due;
}

/// Under the lock. Syncs what an interval is over for, and trims segments that hold nothing but expired records, or
/// that are too many.
void TopicController::plan_housekeeping(Timestamp now, AfterLog& after) {
    TopicLog& log = *log_;
    if (log.state != TopicLog::State::open) {
        return;
    }
    after.log = log.backing.log;
    if (log.sync_due && *log.sync_due <= now && !log.is_syncing) {
        log.sync_due.reset();
        log.is_syncing = true;
        after.sync = true;
    }
    if (log.is_trimming || now < log.trim_again_at) {
        return;
    }
    const LogExtent extent = log.backing.log->extent();
    // The oldest segment goes when the bound is reached without it, so that what is within the bound stays.
    const std::uint64_t records = extent.end.value - std::min(extent.end, extent.first_segment_end).value;
    const bool is_expired = extent.first_segment_last && *extent.first_segment_last <= expired_at(now);
    const bool is_over_bytes =
        settings_.retention_bytes != 0 && extent.bytes - extent.first_segment_bytes >= settings_.retention_bytes;
    const bool is_over_records = settings_.retention_records != 0 && records >= settings_.retention_records;
    if (is_expired || (extent.segments > 1 && (is_over_bytes || is_over_records))) {
        if (extent.first_segment_end > buffer_.visible()) {
            log.trim_again_at = now + trim_again_after;  // not all of it has been shown, and it goes whole
            return;
        }
        log.trims_expired = is_expired;
        plan_trim(extent.first_segment_end, after);
    }
}

/// Under the lock.
std::error_code TopicController::trim_refusal(Offset before) const noexcept {
    if (log_ && log_->failure) {
        return log_->failure;
    }
    if (log_ && log_->state == TopicLog::State::closing) {
        return Error::shutting_down;
    }
    return before > buffer_.visible() ? make_error_code(Error::offset_out_of_range) : std::error_code();
}

/// Under the lock. False: the log begins there already, and `done` is not taken.
bool TopicController::trim_log(Offset before, AfterLog& after, const MessageLog::Done& done) {
    TopicLog& log = *log_;
    // What a trim that is under way has moved the log's beginning to may not be durable yet.
    if (!log.backing.log) {
        return false;
    }
    const LogExtent extent = log.backing.log->extent();
    const bool is_emptied = before < extent.end || extent.bytes == 0;  // a full disk may have kept the last segment
    if (before <= extent.first && is_emptied && !log.is_trimming) {
        return false;
    }
    if (before > log.first) {
        log.first = before;
        log.lost_end = before;
    }
    plan_trim(before, after, done);
    return true;
}

/// Under the lock.
void TopicController::plan_trim(Offset before, AfterLog& after, const MessageLog::Done& done) {
    TopicLog& log = *log_;
    if (done) {
        (log.is_trimming ? log.trim_to_done : log.trim_done).push_back(done);
    }
    if (log.is_trimming) {
        log.trim_to = std::max(log.trim_to.value_or(before), before);
        return;
    }
    log.is_trimming = true;
    after.log = log.backing.log;
    after.trim = before;
}

/// Thread: the log's.
void TopicController::log_trimmed(std::error_code error) {
    AfterLog after;
    const Timestamp now = environment_.clock.wall_now();
    std::uint64_t removed = 0;
    bool by_expiry = false;
    std::vector<MessageLog::Done> answered;
    {
        const std::lock_guard lock(mutex_);
        TopicLog& log = *log_;
        log.is_trimming = false;
        answered = std::exchange(log.trim_done, std::exchange(log.trim_to_done, {}));
        by_expiry = std::exchange(log.trims_expired, false);
        const Offset first = std::max(log.first, log.backing.log->extent().first);
        removed = first.value - log.first.value;
        log.first = first;
        if (!by_expiry && removed != 0) {
            log.lost_end = first;
        }
        (by_expiry ? totals_.expired : totals_.evicted) += removed;
        if (error && error != Error::disk_full && error != Error::topic_busy) {
            fail_log(error, after);
        }
        const bool made_progress = !error && removed != 0;
        log.trim_again_at = made_progress ? Timestamp::min() : now + trim_again_after;
        if (log.trim_to) {
            plan_trim(*std::exchange(log.trim_to, {}), after);
        } else {
            plan_housekeeping(now, after);
        }
        plan_close(after);
        after.due = take_new_expiry();
    }
    for (const MessageLog::Done& done : answered) {
        done(error);
    }
    if (removed != 0) {
        (by_expiry ? environment_.counters.records_expired : environment_.counters.records_evicted).add(removed);
    }
    carry_out(after);
}

/// Thread: the log's.
void TopicController::log_synced(std::error_code error) {
    AfterLog after;
    {
        const std::lock_guard lock(mutex_);
        log_->is_syncing = false;
        if (error) {
            fail_log(error, after);
        }
    }
    carry_out(after);
}

}  // namespace leveret
