// One topic: appends batches to its BroadcastBuffer, drops duplicates within the compaction window, lets records
// expire, hands out slices to readers and wakes those that wait.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "environment/environment.hpp"
#include "protocol/error.hpp"
#include "protocol/identity.hpp"
#include "protocol/record.hpp"
#include "protocol/topic_settings.hpp"
#include "topic_controller/admission.hpp"
#include "topic_controller/batch.hpp"
#include "topic_controller/broadcast_buffer.hpp"
#include "topic_controller/compaction_window.hpp"
#include "topic_controller/positions.hpp"
#include "topic_controller/topic_log.hpp"
#include "topic_controller/topic_waiter.hpp"

namespace leveret {

/// A reader's place in a topic: in its buffer or, where it has fallen out of that, in its log. A copy made before the
/// first gather is a place of its own; after that it is moved, not copied.
struct TopicCursor : Cursor {
    Timestamp not_before = Timestamp::min();  ///< records stamped before this are passed over
    std::shared_ptr<CatchUp> catch_up{};      ///< null while it reads from the buffer

    /// Lets go of what has been read from the log for it and not been gathered: that can be read again.
    void let_go() const;
};

/// Records, since the topic was created.
struct TopicTotals {
    std::uint64_t published = 0, duplicates = 0;
    std::uint64_t evicted = 0;  ///< went unexpired because of a bound or for want of memory
    std::uint64_t expired = 0;
    std::uint64_t missed = 0;  ///< were gone before a cursor came to them, once for each such cursor
};

struct TopicFigures : TopicTotals {
    Offset first{}, next{};
    std::uint64_t bytes = 0, records = 0, blocks = 0, window_keys = 0, window_bytes = 0, waiters = 0;
    std::uint64_t buffer_bytes = 0, log_segments = 0, log_synced = 0,
                  log_pending_bytes = 0;  // the last three of stored topics
};

/// Thread-safe; every method takes the topic's mutex for a few lines and calls nobody while it holds it. Nothing is
/// locked after the topic's mutex; the registry's may be held when it is taken. Owned by shared_ptr: the registry and
/// everyone who publishes or subscribes.
class TopicController : public std::enable_shared_from_this<TopicController> {
  public:
    /// Called, without the topic's lock, with the time at which this topic next has something to let expire, when it
    /// had nothing scheduled before, or something later. May be empty.
    using ScheduleExpiry = std::function<void(const std::shared_ptr<TopicController>&, Timestamp)>;
    /// Called, without the topic's lock, when a block or the window does not fit into the memory budget. True:
    /// something was evicted somewhere, try again. May be empty.
    using Reclaim = std::function<bool(std::uint64_t bytes)>;

    /// With `catch_up_memory` it is a stored topic, whose publishes wait until attach(); else one in memory.
    TopicController(std::string name, TopicId id, Epoch epoch, const TopicSettings& settings, bool configured,
                    const Environment& environment, ScheduleExpiry schedule_expiry, Reclaim reclaim,
                    CatchUpMemory* catch_up_memory = nullptr);
    ~TopicController();

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] TopicId id() const noexcept { return id_; }
    [[nodiscard]] Epoch epoch() const noexcept { return epoch_; }
    [[nodiscard]] TopicSettings settings() const;
    /// False for a topic that came into being by a publish or subscribe and that nobody has configured since.
    [[nodiscard]] bool is_configured() const;
    [[nodiscard]] bool is_stored() const noexcept { return log_ != nullptr; }
    /// Why a stored topic's log could not be opened, if it could not: then nothing of it can be had. Cheap where it
    /// could.
    [[nodiscard]] std::error_code opening_error() const;
    /// Takes new settings; bounds that became smaller evict at once. The caller has validated them.
    void configure(const TopicSettings& settings);

    // --- Appending

    /// Appends each batch whole or not at all, in order, under one hold of the lock (let go of only while memory has to
    /// be reclaimed, between batches), and wakes the waiters once. The clock is read once. `done` is called exactly
    /// once with a result per batch: for a memory topic before append returns; a log may call it later, on a thread of
    /// its own. Result errors: memory_full, window_full, topic_deleted; bad_record for a batch with more bytes or
    /// records than the topic's bounds allow it to keep, and for one that lost its last record as a duplicate and of
    /// which the record that is now the last has a wrong checksum. To make room for a batch, older records go even if
    /// it is then refused for want of memory.
    ///
    /// A stored topic answers, on a thread of its log's, when the records are kept in the topic's durability or that of
    /// the batch, and shows them to readers then. False: it cannot take them now, nothing was done, and `publisher` is
    /// woken when it is worth another try; without a publisher they are answered with topic_busy. More errors:
    /// checksum_mismatch, disk_full, log_failed, topic_busy, shutting_down.
    [[nodiscard]] bool try_append(std::span<const Batch> batches, const AppendDone& done,
                                  const std::shared_ptr<TopicWaiter>& publisher);
    void append(std::span<const Batch> batches, const AppendDone& done) { (void)try_append(batches, done, nullptr); }
    /// Forgets a publisher that waits.
    void stop_waiting(TopicWaiter& publisher);

    // --- Reading

    /// A cursor at the given place. An offset below what is kept is allowed: the first gather tells what was missed;
    /// one above the end is offset_out_of_range.
    [[nodiscard]] Result<TopicCursor> cursor_at(Offset offset) const;
    [[nodiscard]] TopicCursor cursor_at_latest() const;
    /// At the oldest record that is kept and unexpired.
    [[nodiscard]] TopicCursor cursor_at_earliest() const;
    /// At the first record stamped at or after `time`; at the latest where there is none.
    [[nodiscard]] TopicCursor cursor_at_time(Timestamp time) const;

    /// Fills `gathered` with slices of records from `cursor` on, and moves the cursor behind them. Expired records are
    /// passed over silently. What was evicted before this cursor came to it is reported as gathered.lagged and counted.
    /// At least one record comes if there is one, whatever `bytes_max` says; `records_max` holds exactly. Where the
    /// log has to be read first nothing may come although there is something: gathered.awaits_log() says so, and arm()
    /// has it read.
    ///
    /// `waiter`, where there is one, is armed if nothing is left at `cursor` then: gathered.is_armed() says so. That
    /// spares an arm() right after it.
    void gather(TopicCursor& cursor, std::size_t bytes_max, std::uint64_t records_max, Gathered& gathered,
                const std::shared_ptr<TopicWaiter>& waiter = nullptr);

    /// Arms `waiter` to be woken once, when there is something at `cursor`. False, and not armed, where there already
    /// is or the topic is deleted. Arming twice is once.
    [[nodiscard]] bool arm(const std::shared_ptr<TopicWaiter>& waiter, TopicCursor& cursor);
    /// Wakes `waiter` when the topic is deleted, whether it is armed otherwise or not. Nothing where it already is.
    void arm_for_deletion(const std::shared_ptr<TopicWaiter>& waiter);
    /// Undoes both.
    void disarm(TopicWaiter& waiter);

    // --- Positions

    /// Errors: offset_out_of_range (above the end), too_many_positions, memory_full, topic_deleted.
    [[nodiscard]] std::error_code commit(std::string_view position, Offset offset);
    /// The same, answered when a stored topic keeps it in its durability, on a thread of its log's. More errors:
    /// log_failed, shutting_down.
    void commit(std::string_view position, Offset offset, const MessageLog::Done& done);
    [[nodiscard]] std::optional<Offset> position(std::string_view name) const;
    [[nodiscard]] std::vector<std::pair<std::string, Offset>> positions() const;

    // --- The log of a stored topic

    /// Gives it its opened log, or the reason why there is none. Reads of the log may follow, to fill the compaction
    /// window, before publishes are taken. Once, before anything is read.
    void attach(Result<TopicBacking> backing);
    /// Answers when attach() has led to something, with its error if it was one; at once for a memory topic.
    void when_ready(MessageLog::Done done);
    /// Takes no more publishes, carries out what is pending, closes the log and answers. Once. At once for a memory
    /// topic.
    void close(MessageLog::Done done);
    /// Where the epoch before this one ended; the log's last epochs are known.
    [[nodiscard]] Offset shared_until(Epoch epoch) const;

    // --- Keeping house

    /// Lets expire what is due at `now`; answers when to come again, nothing if there is nothing left to expire.
    [[nodiscard]] std::optional<Timestamp> expire(Timestamp now);
    /// Removes the records below `before`. Cursors that have not come to them are told so as for evicted ones, but they
    /// are not counted as evicted. They cannot be read from now on; `done`, which may be empty, is called when they are
    /// gone for good: at once for a memory topic, otherwise on a thread of the log's or before this returns. Its
    /// errors: disk_full, topic_busy, log_failed; then they may be back after a restart. Errors, with which nothing is
    /// done, nor `done` called: offset_out_of_range (above the end), shutting_down, or why the log has failed.
    [[nodiscard]] std::error_code trim(Offset before, const MessageLog::Done& done = {});
    /// Lets go of what has expired and of blocks kept for reuse or, where there is neither, evicts the oldest block.
    /// Answers how many bytes that frees, those that a reader still pins as soon as it is done; 0 where only the newest
    /// block is left.
    std::uint64_t evict_oldest_block();
    /// Bytes charged to the memory budget by this topic, those of evicted blocks that are still pinned aside.
    /// Lock-free.
    [[nodiscard]] std::uint64_t charged_bytes() const noexcept;
    /// From now on appends fail, waiters are woken and gathers are empty.
    void mark_deleted();
    [[nodiscard]] bool is_deleted() const noexcept;
    [[nodiscard]] TopicFigures figures() const;

  private:
    class AppendScratch;
    class HouseKeeping;

    /// What one hold of the mutex removed; its blocks are let go of after it.
    struct Losses {
        BroadcastBuffer::Removed removed;
        std::uint64_t evicted = 0;
        std::uint64_t expired = 0;
    };

    void append_batch(const Batch& batch, Timestamp now, AppendScratch& scratch, AppendResult& result);
    void append_or_reclaim(const Batch& batch, Timestamp now, AppendScratch& scratch, AppendResult& result,
                           std::unique_lock<std::mutex>& lock);
    void make_room(std::uint64_t bytes, std::uint64_t records, Timestamp now, Losses& losses);
    void apply_settings();
    void finish_appends(AppendScratch& scratch);
    void count_losses(const Losses& losses) noexcept;

    // --- of stored topics (stored_appending.cpp, stored_reading.cpp, stored_topic.cpp)
    /// What is handed to the log, outside the mutex.
    struct Submission {
        std::shared_ptr<MessageLog> log;
        std::vector<Bytes> runs;
        MessageLog::Sync sync;
    };
    /// What a hold of the mutex left to be done without it.
    struct AfterLog {
        std::optional<Submission> submission;
        bool has_answers = false;
        std::uint64_t given_back = 0;  ///< to what all topics may have pending
        Waiters woken;
        Waiters publishers;
        std::vector<std::unique_ptr<Gathered>> kept;  ///< the blocks of an append that is over
        std::optional<Offset> trim;
        bool sync = false;
        std::shared_ptr<MessageLog> log;
        std::vector<TopicLog::PendingCommit> saves;
        bool saves_synced = false;
        std::vector<TopicLog::PendingCommit> refused_commits;
        std::error_code commit_error;
        MessageLog::Done close_done;
        std::optional<Timestamp> due;
    };
    /// What a publish was told before it began; admitted where neither is set.
    struct Claim {
        bool must_wait = false;
        std::error_code refusal;
        std::shared_ptr<TopicWaiter> to_arm;  ///< in what all topics may have pending, without the mutex
    };
    class PendingWaiter;

    [[nodiscard]] bool append_stored(std::span<const Batch> batches, const AppendDone& done,
                                     const std::shared_ptr<TopicWaiter>& publisher);
    [[nodiscard]] Claim claim_room(std::uint64_t bytes, const std::shared_ptr<TopicWaiter>& publisher);
    void claim_open_room(std::uint64_t bytes, const std::shared_ptr<TopicWaiter>& publisher, Claim& claim);
    void claim_disk_room(std::uint64_t bytes, Claim& claim);
    void shrink_pending(std::uint64_t from_bytes, std::uint64_t to_bytes, AfterLog& after) noexcept;
    void others_gave_back();
    void room_answered(std::uint64_t bytes, std::error_code error);
    [[nodiscard]] bool wants_sync(Durability asked) const noexcept;
    void submit_more(AfterLog& after);
    void log_appended(std::error_code error);
    void log_is_at(Offset end, bool is_synced, AfterLog& after);
    void refuse(std::vector<AppendResult> results, std::error_code error, const AppendDone& done);
    void give_answers();
    void count_results(std::span<const AppendResult> results) noexcept;
    [[nodiscard]] std::error_code remember_position(std::string_view position, Offset offset);
    void count_refused_commit(std::error_code error) noexcept;
    void fail_log(std::error_code error, AfterLog& after);
    void refuse_pending(std::error_code error, AfterLog& after);
    void become_ready(std::error_code error);
    void carry_out(AfterLog& after);
    void plan_housekeeping(Timestamp now, AfterLog& after);
    void log_trimmed(std::error_code error);
    void log_synced(std::error_code error);
    void plan_save(AfterLog& after);
    void save_positions(std::vector<TopicLog::PendingCommit> commits, bool sync);
    void take_back(std::span<const TopicLog::PendingCommit> commits);
    void positions_saved(std::span<const TopicLog::PendingCommit> commits, std::error_code error);
    void remember_key(RecordView record, WindowTime accepted);
    [[nodiscard]] std::chrono::microseconds sync_interval() const noexcept;
    void plan_close(AfterLog& after);
    [[nodiscard]] bool must_read_log(const TopicCursor& cursor) const noexcept;
    [[nodiscard]] bool enter_log(TopicCursor& cursor, Gathered& gathered) const noexcept;
    void gather_from_log(TopicCursor& cursor, std::size_t bytes_max, std::uint64_t records_max, Gathered& gathered);
    [[nodiscard]] std::optional<Timestamp> next_log_housekeeping() const noexcept;
    void plan_trim(Offset before, AfterLog& after, const MessageLog::Done& done = {});
    [[nodiscard]] std::error_code trim_refusal(Offset before) const noexcept;
    [[nodiscard]] bool trim_log(Offset before, AfterLog& after, const MessageLog::Done& done);

    [[nodiscard]] TopicCursor find_time(Timestamp time) const;
    [[nodiscard]] std::uint64_t count_as_lost(std::uint64_t records) const noexcept;
    std::uint64_t expire_buffer(Timestamp now, BroadcastBuffer::Removed& removed);
    [[nodiscard]] Timestamp expired_at(Timestamp now) const noexcept;
    [[nodiscard]] Timestamp expired_now() const noexcept;
    [[nodiscard]] std::optional<Timestamp> next_expiry() const noexcept;
    [[nodiscard]] std::optional<Timestamp> next_forget() const noexcept;
    [[nodiscard]] WindowTime window_now() const noexcept;
    [[nodiscard]] std::optional<Timestamp> take_new_expiry() noexcept;
    void schedule(std::optional<Timestamp> due);
    void update_charged_bytes() noexcept;

    // What every publish and every delivery touches, side by side: where thousands of topics are busy each line of the
    // cache that this takes has to come from memory (docs/performance.md).
    const Environment environment_;
    mutable std::mutex mutex_;  // guards all that is not const, but for the atomics and the buffer's visible end
    std::atomic<bool> deleted_{false};
    std::atomic<bool> is_unusable_{false};
    const Epoch epoch_;
    std::chrono::microseconds retention_ttl_{};      // 0: no limit
    std::chrono::microseconds compaction_window_{};  // 0: off
    std::unique_ptr<TopicLog> log_;                  // null for a topic in memory
    std::unique_ptr<CompactionWindow> window_;       // null while the compaction window is off
    BroadcastBuffer buffer_;
    WaiterList waiters_;
    Timestamp last_timestamp_{};                // of any record: stamps do not go back behind it
    std::optional<Timestamp> scheduled_for_{};  // what schedule_expiry_ was told last, until expire() has come
    TopicTotals totals_{};
    std::atomic<std::uint64_t> charged_bytes_{0};
    Positions positions_;

    // The rest.
    const std::string name_;
    const TopicId id_;
    const ScheduleExpiry schedule_expiry_;
    const Reclaim reclaim_;
    TopicSettings settings_;
    bool configured_;
    Offset expired_end_{};  // everything below has expired
    WaiterList deletion_waiters_{WaitFor::deletion};
};

}  // namespace leveret
