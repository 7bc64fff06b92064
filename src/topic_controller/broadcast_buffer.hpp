// The newest records of a topic, in memory: one writer at a time, any number of readers with a cursor each.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <system_error>
#include <vector>

#include "protocol/identity.hpp"
#include "protocol/record.hpp"
#include "topic_controller/block.hpp"

namespace leveret {

/// A reader's place. `next` is the truth; the other two are a hint that saves the search.
struct Cursor {
    Offset next{};
    std::uint64_t block_sequence = 0;
    std::uint32_t position = 0;  ///< in that block, bytes
};

/// Offsets in [from, to) that were removed, other than by expiry, before a cursor came to them.
struct LaggedRange {
    Offset from{};
    Offset to{};
};

/// Records that lie back to back in one block, and the pin that keeps the block.
struct Slice {
    BlockPin block;
    Bytes records;
};

/// What one gather brought: reused between gathers, so that none allocates.
class Gathered {
  public:
    static constexpr std::size_t slices_max = 64;

    [[nodiscard]] std::span<const Slice> slices() const noexcept { return {slices_.data(), slice_count_}; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::uint64_t records() const noexcept { return records_; }
    [[nodiscard]] const std::optional<LaggedRange>& lagged() const noexcept { return lagged_; }
    [[nodiscard]] bool empty() const noexcept { return slice_count_ == 0; }
    /// Nothing came because the log has to be read first.
    [[nodiscard]] bool awaits_log() const noexcept { return awaits_log_; }
    /// Nothing is left behind what came, and who is to be woken then is armed.
    [[nodiscard]] bool is_armed() const noexcept { return is_armed_; }
    /// Why the log could not be read.
    [[nodiscard]] std::error_code error() const noexcept { return error_; }
    /// Lets go of the blocks.
    void clear() noexcept;

  private:
    friend class BroadcastBuffer;
    friend class TopicController;
    void add(const BlockPin& block, Bytes records, std::uint64_t record_count) noexcept;

    std::array<Slice, slices_max> slices_{};
    std::size_t slice_count_ = 0;
    std::uint64_t bytes_ = 0;
    std::uint64_t records_ = 0;
    std::optional<LaggedRange> lagged_;
    bool awaits_log_ = false;
    bool is_armed_ = false;
    std::error_code error_;
};

/// Blocks in the order of their records: a queue that takes no memory while it is empty.
class BlockChain {
  public:
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return blocks_.size() - front_; }
    [[nodiscard]] const BlockPin& operator[](std::size_t index) const noexcept { return blocks_[front_ + index]; }
    [[nodiscard]] const BlockPin& front() const noexcept { return blocks_[front_]; }
    [[nodiscard]] const BlockPin& back() const noexcept { return blocks_.back(); }
    void push_back(BlockPin block) { blocks_.push_back(std::move(block)); }
    [[nodiscard]] BlockPin take_front();
    [[nodiscard]] BlockPin take_back();

  private:
    std::vector<BlockPin> blocks_;
    std::size_t front_ = 0;  // those before it are empty pins
};

/// A chain of append-only blocks with two ends: `appended`, the writer's own, and `visible`, the high watermark.
/// Records are numbered consecutively and never span blocks. Bytes below `visible` never change.
///
/// Thread-safety: every method under the topic's mutex, but for visible() and has_records_at(), which anyone may call.
/// What gather() handed out is used without the mutex.
///
/// Blocks that leave the chain are put into the `Removed` that the caller passes, so that their memory is given back
/// after the mutex has been released.
class BroadcastBuffer {
  public:
    using Removed = std::vector<BlockPin>;

    /// Both at least 1. Bytes are those of records. At the bound whole blocks go, and a block holds at most an eighth
    /// of bytes_max, so between 7/8 of it and all of it is kept; the bound in records is kept exactly. Blocks that were
    /// removed are kept for reuse, two or up to an eighth of what is there.
    struct Bounds {
        std::uint64_t bytes_max = 0;
        std::uint64_t records_max = 0;
    };

    /// Allocations grow from the first to the second of these. bench/micro tells no difference between largest sizes
    /// of 128 KiB to 1 MiB as long as blocks are reused, and smaller ones let memory go in smaller steps.
    static constexpr std::size_t block_bytes_min = 4U << 10U;
    static constexpr std::size_t block_bytes_max = 256U << 10U;

    BroadcastBuffer(MemoryBudget& budget, Bounds bounds) noexcept : bounds_(bounds), budget_(budget) {}

    [[nodiscard]] const Bounds& bounds() const noexcept { return bounds_; }
    /// Takes effect with the next make_room().
    void set_bounds(Bounds bounds) noexcept { bounds_ = bounds; }

    // --- Writing

    /// Copies the records of `runs`, stamped with consecutive offsets and `timestamp`, behind what was appended before:
    /// all of them, or none and the answer is false, where the budget refuses a block. A run holds whole records.
    [[nodiscard]] bool append(std::span<const Bytes> runs, Timestamp timestamp);
    /// How much append() lacked when it last answered false, with the blocks that it gave back then. Bytes.
    [[nodiscard]] std::size_t refused_bytes() const noexcept { return refused_bytes_; }
    /// Lets readers have what has been appended.
    void make_visible() noexcept { make_visible(appended_); }
    /// Lets readers have what lies below `end`, which is at most appended().
    void make_visible(Offset end) noexcept { visible_.store(end.value, std::memory_order_release); }
    /// Continues a log: the next record will be `next`. Nothing has been appended yet.
    void begin_at(Offset next) noexcept;
    [[nodiscard]] Offset appended() const noexcept { return appended_; }
    /// Fills `gathered`, which must be clear, with slices from `cursor` on, also of what is not visible yet.
    void gather_appended(Cursor& cursor, Gathered& gathered) const;

    // --- Removing. Each answers how many records went. What is not visible stays: its log does not have it yet.

    /// Whether these many more would break a bound.
    [[nodiscard]] bool lacks_room(std::uint64_t bytes, std::uint64_t records) const noexcept;
    /// Removes the oldest until this much more fits, or nothing visible is left.
    std::uint64_t make_room(std::uint64_t bytes, std::uint64_t records, Removed& removed);
    /// Removes the oldest block; the only one too, unless it is of the smallest size.
    std::uint64_t remove_oldest_block(Removed& removed);
    /// Removes what is below `before`, which is at most the visible end; also from the middle of a block.
    std::uint64_t trim(Offset before, Removed& removed);
    /// Removes what was stamped at or before `expired`. Cursors pass over that silently.
    std::uint64_t expire(Timestamp expired, Removed& removed);
    /// Lets go of the blocks that are kept for reuse.
    void drop_spares(Removed& removed);

    // --- Reading

    /// Fills `gathered`, which must be clear, with slices from `cursor` on and moves the cursor behind them. Records
    /// stamped at or before `expired` are passed over. At least one record comes if there is one and records_max is not
    /// 0, whatever bytes_max says; records_max holds exactly.
    void gather(Cursor& cursor, std::size_t bytes_max, std::uint64_t records_max, Timestamp expired,
                Gathered& gathered) const;
    /// The same from a block that is in no chain; without a bound on the end. Any thread.
    static void gather_block(const BlockPin& block, Cursor& cursor, std::size_t bytes_max, std::uint64_t records_max,
                             Timestamp expired, Gathered& gathered) noexcept;
    /// Lock-free: whether a gather at this cursor would move it.
    [[nodiscard]] bool has_records_at(const Cursor& cursor) const noexcept { return cursor.next < visible(); }
    /// At the first record stamped at or after `time`; at the visible end where there is none.
    [[nodiscard]] Cursor find_time(Timestamp time) const noexcept;

    // --- Figures

    /// The high watermark: the offset after the last record that readers may have. Lock-free.
    [[nodiscard]] Offset visible() const noexcept { return {visible_.load(std::memory_order_acquire)}; }
    [[nodiscard]] Offset first() const noexcept { return first_; }
    [[nodiscard]] std::uint64_t records() const noexcept { return appended_.value - first_.value; }
    [[nodiscard]] std::uint64_t bytes() const noexcept;
    [[nodiscard]] std::size_t blocks() const noexcept { return chain_.size(); }
    /// Charged to the memory budget for the chain and the spare blocks. What else readers still pin is not in it.
    [[nodiscard]] std::uint64_t charged_bytes() const noexcept { return charged_bytes_; }
    /// When the oldest block will have nothing but records stamped at or before the expiry: its last timestamp.
    [[nodiscard]] std::optional<Timestamp> oldest_block_timestamp() const noexcept;

  private:
    [[nodiscard]] std::size_t largest_allocation_bytes() const noexcept;
    [[nodiscard]] std::size_t next_allocation_bytes(std::size_t record_bytes) const noexcept;
    [[nodiscard]] bool add_block(std::size_t record_bytes);
    [[nodiscard]] bool append_run(Bytes run, Timestamp timestamp);
    void take_back_blocks(std::size_t chain_size);

    [[nodiscard]] static bool may_serve_as(std::size_t allocation_bytes, const Block& block) noexcept;
    [[nodiscard]] BlockPin take_spare(std::size_t allocation_bytes);
    [[nodiscard]] bool may_remove_front() const noexcept;
    void remove_front(Removed& removed);
    void move_first(Offset first, Removed& removed);

    [[nodiscard]] std::size_t block_index(Offset offset) const noexcept;
    [[nodiscard]] Cursor place_of(const Cursor& cursor) const noexcept;
    void add_slices(Cursor& cursor, std::size_t bytes_max, Offset end, Gathered& gathered) const noexcept;

    // What every append and gather touches comes first.
    std::atomic<std::uint64_t> visible_{0};
    Offset first_{};                // of the oldest record that is kept; may lie inside the oldest block
    Offset lost_end_{};             // below it records were removed otherwise than by expiry
    Offset appended_{};             // the next record's
    std::uint64_t used_bytes_ = 0;  // in the blocks of the chain, also what lies there below first_
    std::uint64_t charged_bytes_ = 0;
    Bounds bounds_;
    BlockChain chain_;
    MemoryBudget& budget_;
    std::vector<BlockPin> spares_;  // left the chain for reuse; readers may still pin some
    std::uint64_t next_sequence_ = 0;
    std::size_t refused_bytes_ = 0;
};

}  // namespace leveret
