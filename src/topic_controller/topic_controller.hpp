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
#include "topic_controller/broadcast_buffer.hpp"
#include "topic_controller/compaction_window.hpp"
#include "topic_controller/positions.hpp"
#include "topic_controller/topic_waiter.hpp"

namespace leveret {

/// One Publish frame: records back to back that check_batch() accepted, each with its publisher's content checksum.
struct Batch {
    Bytes records;
    std::uint32_t record_count = 0;
};

struct AppendResult {
    std::error_code error;  ///< set: nothing of the batch was taken
    Offset first{};         ///< of the first accepted record; the next offset where none was
    std::uint32_t accepted = 0;
    std::vector<std::uint32_t> duplicates;  ///< indexes in the batch, dropped by the compaction window
};

struct TopicFigures {
    Offset first{}, next{};
    std::uint64_t bytes = 0, records = 0, blocks = 0, window_keys = 0, window_bytes = 0, waiters = 0;
    // Since the topic was created. evicted: went unexpired because of a bound or for want of memory; missed: were gone
    // before a cursor came to them, once for each such cursor.
    std::uint64_t published = 0, duplicates = 0, evicted = 0, expired = 0, missed = 0;
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

    TopicController(std::string name, TopicId id, Epoch epoch, const TopicSettings& settings, bool configured,
                    const Environment& environment, ScheduleExpiry schedule_expiry, Reclaim reclaim);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] TopicId id() const noexcept { return id_; }
    [[nodiscard]] Epoch epoch() const noexcept { return epoch_; }
    [[nodiscard]] TopicSettings settings() const;
    /// False for a topic that came into being by a publish or subscribe and that nobody has configured since.
    [[nodiscard]] bool is_configured() const;
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
    using AppendDone = std::function<void(std::span<AppendResult>)>;
    void append(std::span<const Batch> batches, const AppendDone& done);

    // --- Reading

    /// A cursor at the given place. An offset below what is kept is allowed: the first gather tells what was missed;
    /// one above the end is offset_out_of_range.
    [[nodiscard]] Result<Cursor> cursor_at(Offset offset) const;
    [[nodiscard]] Cursor cursor_at_latest() const;
    /// At the oldest record that is kept and unexpired.
    [[nodiscard]] Cursor cursor_at_earliest() const;
    /// At the first record stamped at or after `time`; at the latest where there is none.
    [[nodiscard]] Cursor cursor_at_time(Timestamp time) const;

    /// Fills `gathered` with slices of records from `cursor` on, and moves the cursor behind them. Expired records are
    /// passed over silently. What was evicted before this cursor came to it is reported as gathered.lagged and counted.
    /// At least one record comes if there is one, whatever `bytes_max` says; `records_max` holds exactly.
    void gather(Cursor& cursor, std::size_t bytes_max, std::uint64_t records_max, Gathered& gathered);

    /// Arms `waiter` to be woken once, when there is something at `cursor`. False, and not armed, where there already
    /// is or the topic is deleted. Arming twice is once.
    [[nodiscard]] bool arm(const std::shared_ptr<TopicWaiter>& waiter, const Cursor& cursor);
    void disarm(TopicWaiter& waiter);

    // --- Positions

    /// Errors: offset_out_of_range (above the end), too_many_positions, memory_full, topic_deleted.
    [[nodiscard]] std::error_code commit(std::string_view position, Offset offset);
    [[nodiscard]] std::optional<Offset> position(std::string_view name) const;
    [[nodiscard]] std::vector<std::pair<std::string, Offset>> positions() const;

    // --- Keeping house

    /// Lets expire what is due at `now`; answers when to come again, nothing if there is nothing left to expire.
    [[nodiscard]] std::optional<Timestamp> expire(Timestamp now);
    /// Removes the records below `before`; above the end is offset_out_of_range. Cursors that have not come to them are
    /// told so as for evicted ones, but they are not counted as evicted.
    [[nodiscard]] std::error_code trim(Offset before);
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

    [[nodiscard]] Timestamp expired_at(Timestamp now) const noexcept;
    [[nodiscard]] std::optional<Timestamp> next_expiry() const noexcept;
    [[nodiscard]] std::optional<Timestamp> take_new_expiry() noexcept;
    void schedule(std::optional<Timestamp> due);
    void update_charged_bytes() noexcept;

    const std::string name_;
    const TopicId id_;
    const Epoch epoch_;
    const Environment environment_;
    const ScheduleExpiry schedule_expiry_;
    const Reclaim reclaim_;

    mutable std::mutex mutex_;  // guards everything below, but for the atomics and the buffer's visible end
    TopicSettings settings_;
    bool configured_;
    std::chrono::microseconds retention_ttl_{};      // 0: no limit
    std::chrono::microseconds compaction_window_{};  // 0: off
    BroadcastBuffer buffer_;
    std::unique_ptr<CompactionWindow> window_;  // null while the compaction window is off
    Positions positions_;
    WaiterList waiters_;
    Timestamp last_timestamp_{};                // of any record: stamps and the window's times do not go back behind it
    std::optional<Timestamp> scheduled_for_{};  // what schedule_expiry_ was told last, until expire() has come
    TopicFigures totals_{};                     // only what counts since the topic was created
    std::atomic<std::uint64_t> charged_bytes_{0};
    std::atomic<bool> deleted_{false};
};

}  // namespace leveret
