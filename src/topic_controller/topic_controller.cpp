#include "topic_controller/topic_controller.hpp"

#include <algorithm>

#include "topic_controller/append_scratch.hpp"
#include "topic_controller/house_keeping.hpp"

namespace leveret {
namespace {

// Memory that was reclaimed for one publish may be taken by another, so a few attempts; more would be a struggle in
// which each topic throws out the others' records.
constexpr int reclaim_attempts = 4;

// A stored topic's buffer is a window on its log. Smaller than this, blocks would be too small for one append of all
// that may be pending.
constexpr std::uint64_t stored_buffer_bytes_min = 4U << 20U;

/// The last moment that is before `time`.
Timestamp before(Timestamp time) noexcept {
    return time == Timestamp::min() ? time : time - std::chrono::microseconds(1);
}

BroadcastBuffer::Bounds bounds_of(const TopicSettings& settings, const Limits& limits, bool is_stored) noexcept {
    if (is_stored) {
        return {.bytes_max = std::max(limits.topic_bytes_max, stored_buffer_bytes_min),
                .records_max = limits.topic_records_max};
    }
    return {.bytes_max = settings.retention_bytes != 0 ? settings.retention_bytes : limits.topic_bytes_max,
            .records_max = settings.retention_records != 0 ? settings.retention_records : limits.topic_records_max};
}

}  // namespace

TopicController::TopicController(std::string name, TopicId id, Epoch epoch, const TopicSettings& settings,
                                 bool configured, const Environment& environment, ScheduleExpiry schedule_expiry,
                                 Reclaim reclaim, CatchUpMemory* catch_up_memory)
    : environment_(environment),
      epoch_(epoch),
      log_(catch_up_memory != nullptr ? std::make_unique<TopicLog>(*catch_up_memory) : nullptr),
      buffer_(environment.memory, bounds_of(settings, environment.limits, catch_up_memory != nullptr)),
      positions_(environment.memory, environment.limits.positions_per_topic_max),
      name_(std::move(name)),
      id_(id),
      schedule_expiry_(std::move(schedule_expiry)),
      reclaim_(std::move(reclaim)),
      settings_(settings),
      configured_(configured) {
    apply_settings();
}

TopicController::~TopicController() = default;

TopicSettings TopicController::settings() const {
    const std::lock_guard lock(mutex_);
    return settings_;
}

bool TopicController::is_configured() const {
    const std::lock_guard lock(mutex_);
    return configured_;
}

void TopicController::configure(const TopicSettings& settings) {
    const Timestamp now = environment_.clock.wall_now();
    AfterLog after;
    {
        HouseKeeping keeping(*this);
        settings_ = settings;
        configured_ = true;
        apply_settings();
        make_room(0, 0, now, keeping.losses);
        buffer_.drop_spares(keeping.losses.removed);  // of a size that the new bounds may not ask for again
        if (log_) {
            plan_housekeeping(now, after);
        }
        after.due = take_new_expiry();
    }
    carry_out(after);
}

void TopicController::apply_settings() {
    retention_ttl_ = saturated_ms(settings_.retention_ttl_ms);
    compaction_window_ = saturated_ms(settings_.compaction_window_ms);
    buffer_.set_bounds(bounds_of(settings_, environment_.limits, is_stored()));
    if (settings_.compaction_window_ms == 0) {
        window_.reset();
    } else if (!window_) {
        window_ = std::make_unique<CompactionWindow>(environment_.memory, environment_.random,
                                                     environment_.limits.window_keys_max);
    }
}

// --- Appending

bool TopicController::try_append(std::span<const Batch> batches, const AppendDone& done,
                                 const std::shared_ptr<TopicWaiter>& publisher) {
    if (is_stored()) {
        return append_stored(batches, done, publisher);
    }
    AppendScratch scratch;
    scratch.results().resize(batches.size());
    const Timestamp now = environment_.clock.wall_now();
    std::optional<Timestamp> due;
    {
        std::unique_lock lock(mutex_);
        bool has_grown = false;
        for (std::size_t i = 0; i < batches.size(); ++i) {
            append_or_reclaim(batches[i], now, scratch, scratch.results()[i], lock);
            has_grown = has_grown || scratch.results()[i].accepted != 0;
        }
        if (has_grown) {
            waiters_.swap_out(scratch.woken());
        }
        totals_.evicted += scratch.losses().evicted;
        totals_.expired += scratch.losses().expired;
        due = take_new_expiry();
        update_charged_bytes();
    }
    finish_appends(scratch);
    schedule(due);
    done(scratch.results());
    return true;
}

void TopicController::append_or_reclaim(const Batch& batch, Timestamp now, AppendScratch& scratch, AppendResult& result,
                                        std::unique_lock<std::mutex>& lock) {
    append_batch(batch, now, scratch, result);
    for (int attempt = 0; result.error == Error::memory_full && attempt < reclaim_attempts; ++attempt) {
        update_charged_bytes();
        lock.unlock();
        scratch.losses().removed.clear();
        const bool reclaimed = reclaim_ && reclaim_(scratch.refused_bytes);
        lock.lock();
        if (!reclaimed) {
            return;
        }
        append_batch(batch, now, scratch, result);
    }
}

void TopicController::append_batch(const Batch& batch, Timestamp now, AppendScratch& scratch, AppendResult& result) {
    result = {};
    result.first = buffer_.appended();
    const BroadcastBuffer::Bounds& bounds = buffer_.bounds();
    if (is_deleted()) {
        result.error = Error::topic_deleted;
        return;
    }
    if (is_stored()) {
        if (log_->state != TopicLog::State::open) {  // it may have failed while memory was being reclaimed
            result.error = log_->failure ? log_->failure : make_error_code(Error::shutting_down);
            return;
        }
    } else if (batch.records.size() > bounds.bytes_max || batch.record_count > bounds.records_max) {
        result.error = Error::bad_record;
        result.exceeds_topic = true;
        return;
    }
    Admission& admission = scratch.admission();
    if (window_) {
        result.error = admission.admit(batch.records, *window_, window_now(), compaction_window_, result.duplicates);
        scratch.refused_bytes = window_->refused_bytes();
    } else {
        admission.admit_all(batch.records, batch.record_count);
    }
    if (result.error) {
        return;
    }
    now = std::max(now, last_timestamp_);
    make_room(admission.bytes(), admission.record_count(), now, scratch.losses());
    if (!buffer_.append(admission.runs(), now)) {
        if (window_) {
            admission.withdraw(*window_);
        }
        scratch.refused_bytes = buffer_.refused_bytes();
        result.duplicates.clear();
        result.error = Error::memory_full;
        return;
    }
    last_timestamp_ = now;
    result.accepted = admission.record_count();
    if (is_stored()) {
        scratch.stamped_bytes += admission.bytes();
        return;  // visible, and counted, when the log has it
    }
    buffer_.make_visible();
    totals_.published += result.accepted;
    totals_.duplicates += result.duplicates.size();
}

/// What the bounds push out is counted as expired where its time had come, and as evicted otherwise.
void TopicController::make_room(std::uint64_t bytes, std::uint64_t records, Timestamp now, Losses& losses) {
    if (!buffer_.lacks_room(bytes, records)) {
        return;
    }
    losses.expired += expire_buffer(now, losses.removed);
    losses.evicted += count_as_lost(buffer_.make_room(bytes, records, losses.removed));
}

/// What leaves the buffer of a stored topic is not lost: its log has it, and counts when it removes it.
std::uint64_t TopicController::count_as_lost(std::uint64_t records) const noexcept {
    return is_stored() ? 0 : records;
}

std::uint64_t TopicController::expire_buffer(Timestamp now, BroadcastBuffer::Removed& removed) {
    const std::uint64_t expired = buffer_.expire(expired_at(now), removed);
    if (expired != 0) {
        expired_end_ = buffer_.first();
    }
    return count_as_lost(expired);
}

/// Without the lock: counts, and wakes those who waited.
void TopicController::finish_appends(AppendScratch& scratch) {
    count_losses(scratch.losses());
    scratch.losses().removed.clear();
    count_results(scratch.results());
    for (const std::shared_ptr<TopicWaiter>& waiter : scratch.woken()) {
        waiter->wake();
    }
}

void TopicController::count_results(std::span<const AppendResult> results) noexcept {
    Counters& counters = environment_.counters;
    std::uint64_t accepted = 0;
    std::uint64_t duplicates = 0;
    for (const AppendResult& result : results) {
        accepted += result.accepted;
        duplicates += result.duplicates.size();
        if (result.error == Error::memory_full) {
            counters.memory_full.add();
        } else if (result.error == Error::window_full) {
            counters.window_full.add();
        }
    }
    counters.records_published.add(accepted);
    counters.records_duplicate.add(duplicates);
}

void TopicController::count_losses(const Losses& losses) noexcept {
    if (losses.evicted != 0) {
        environment_.counters.records_evicted.add(losses.evicted);
    }
    if (losses.expired != 0) {
        environment_.counters.records_expired.add(losses.expired);
    }
}

// --- Reading

Result<TopicCursor> TopicController::cursor_at(Offset offset) const {
    if (offset > buffer_.visible()) {
        return fail(Error::offset_out_of_range);
    }
    return TopicCursor{Cursor{.next = offset}};
}

TopicCursor TopicController::cursor_at_latest() const {
    return TopicCursor{Cursor{.next = buffer_.visible()}};
}

TopicCursor TopicController::cursor_at_earliest() const {
    const std::lock_guard lock(mutex_);
    return find_time(expired_now() + std::chrono::microseconds(1));
}

TopicCursor TopicController::cursor_at_time(Timestamp time) const {
    const std::lock_guard lock(mutex_);
    return find_time(time);
}

/// Under the lock. At the first record stamped at or after `time`, or before it with a note to pass over what is older.
TopicCursor TopicController::find_time(Timestamp time) const {
    if (log_ && log_->first < buffer_.first() && buffer_.first() > expired_end_) {
        // Where the buffer's oldest record was stamped before, the log need not be asked.
        const Cursor in_buffer = buffer_.find_time(time);
        if (in_buffer.next == buffer_.first() && last_timestamp_ >= time) {
            const bool is_bounded = time > Timestamp::min() + std::chrono::microseconds(1);
            return TopicCursor{Cursor{.next = log_->first}, is_bounded ? time : Timestamp::min()};
        }
        return TopicCursor{in_buffer};
    }
    return TopicCursor{buffer_.find_time(time)};
}

/// Records stamped at or before this have expired at `now`.
Timestamp TopicController::expired_at(Timestamp now) const noexcept {
    if (retention_ttl_.count() == 0 || Timestamp(retention_ttl_) > now) {
        return Timestamp::min();
    }
    return now - retention_ttl_;
}

/// Under the lock. The clock is asked only where something expires: it takes longer than to gather a record.
Timestamp TopicController::expired_now() const noexcept {
    return retention_ttl_.count() != 0 ? expired_at(environment_.clock.wall_now()) : Timestamp::min();
}

void TopicController::gather(TopicCursor& cursor, std::size_t bytes_max, std::uint64_t records_max, Gathered& gathered,
                             const std::shared_ptr<TopicWaiter>& waiter) {
    gathered.clear();
    std::shared_ptr<CatchUp> passed;  // let go of after the lock
    {
        const std::lock_guard lock(mutex_);
        if (is_deleted()) {
            return;
        }
        if (log_ && enter_log(cursor, gathered)) {
            gathered.awaits_log_ = true;
        } else {
            passed = std::move(cursor.catch_up);
            const Timestamp expired = std::max(expired_now(), before(cursor.not_before));
            buffer_.gather(cursor, bytes_max, records_max, expired, gathered);
            if (waiter != nullptr && !buffer_.has_records_at(cursor)) {
                waiters_.arm(waiter);
                gathered.is_armed_ = true;
            }
        }
    }
    if (gathered.awaits_log()) {
        gather_from_log(cursor, bytes_max, records_max, gathered);
    }
    if (const auto& lagged = gathered.lagged()) {
        const std::uint64_t missed = lagged->to.value - lagged->from.value;
        environment_.counters.records_missed.add(missed);
        const std::lock_guard lock(mutex_);
        totals_.missed += missed;
    }
}

bool TopicController::arm(const std::shared_ptr<TopicWaiter>& waiter, TopicCursor& cursor) {
    std::shared_ptr<MessageLog> log;
    Offset end{};
    {
        // Looks and arms under one hold of the lock: an append comes before, and is seen, or after, and finds the
        // waiter.
        const std::lock_guard lock(mutex_);
        if (is_deleted()) {
            return false;
        }
        if (log_ && must_read_log(cursor)) {
            log = log_->backing.log;
            end = buffer_.visible();
        } else if (buffer_.has_records_at(cursor)) {
            return false;
        } else {
            waiters_.arm(waiter);
            return true;
        }
    }
    if (cursor.catch_up == nullptr) {
        cursor.catch_up = std::make_shared<CatchUp>(log_->catch_up_memory);
        log_->catch_up_memory.enter(cursor.catch_up);
    }
    return cursor.catch_up->read(log, cursor.next, cursor.not_before, end, waiter);
}

void TopicController::arm_for_deletion(const std::shared_ptr<TopicWaiter>& waiter) {
    const std::lock_guard lock(mutex_);
    if (!is_deleted()) {
        deletion_waiters_.arm(waiter);
    }
}

void TopicController::disarm(TopicWaiter& waiter) {
    // They outlive the lock, as the waiter may go with them.
    std::shared_ptr<TopicWaiter> for_growth;
    std::shared_ptr<TopicWaiter> for_deletion;
    const std::lock_guard lock(mutex_);
    for_growth = waiters_.disarm(waiter);
    for_deletion = deletion_waiters_.disarm(waiter);
}

void TopicCursor::let_go() const {
    if (catch_up != nullptr) {
        catch_up->let_go();
    }
}

// --- Positions

std::error_code TopicController::commit(std::string_view position, Offset offset) {
    std::error_code error;
    {
        const std::lock_guard lock(mutex_);
        error = remember_position(position, offset);
    }
    count_refused_commit(error);
    return error;
}

/// Under the lock.
std::error_code TopicController::remember_position(std::string_view position, Offset offset) {
    if (is_deleted()) {
        return Error::topic_deleted;
    }
    if (offset > buffer_.visible()) {
        return Error::offset_out_of_range;
    }
    const std::error_code error = positions_.commit(position, offset);
    update_charged_bytes();
    return error;
}

void TopicController::count_refused_commit(std::error_code error) noexcept {
    if (error == Error::too_many_positions) {
        environment_.counters.positions_refused.add();
    } else if (error == Error::memory_full) {
        environment_.counters.memory_full.add();
    }
}

std::optional<Offset> TopicController::position(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    return positions_.find(name);
}

std::vector<std::pair<std::string, Offset>> TopicController::positions() const {
    const std::lock_guard lock(mutex_);
    return positions_.all();
}

// --- State

std::uint64_t TopicController::charged_bytes() const noexcept {
    return charged_bytes_.load(std::memory_order_relaxed);
}

void TopicController::update_charged_bytes() noexcept {
    charged_bytes_.store(
        buffer_.charged_bytes() + positions_.charged_bytes() + (window_ ? window_->charged_bytes() : 0),
        std::memory_order_relaxed);
}

std::error_code TopicController::opening_error() const {
    if (!is_unusable_.load(std::memory_order_acquire)) {
        return {};
    }
    const std::lock_guard lock(mutex_);
    return log_->failure;
}

bool TopicController::is_deleted() const noexcept {
    return deleted_.load(std::memory_order_acquire);
}

TopicFigures TopicController::figures() const {
    const std::lock_guard lock(mutex_);
    TopicFigures figures{totals_};
    figures.first = buffer_.first();
    figures.next = buffer_.visible();
    figures.bytes = buffer_.bytes();
    figures.buffer_bytes = figures.bytes;
    figures.records = buffer_.records();
    figures.blocks = buffer_.blocks();
    figures.window_keys = window_ ? window_->keys() : 0;
    figures.window_bytes = window_ ? window_->charged_bytes() : 0;
    figures.waiters = waiters_.size();
    if (log_ && log_->backing.log) {
        const LogExtent extent = log_->backing.log->extent();
        figures.first = log_->first;
        figures.records = figures.next.value - figures.first.value;
        figures.bytes = extent.bytes;
        figures.log_segments = extent.segments;
        figures.log_synced = extent.synced.value;
        figures.log_pending_bytes = log_->pending_bytes;
    }
    return figures;
}

}  // namespace leveret
