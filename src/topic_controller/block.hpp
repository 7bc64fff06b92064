// A run of memory that records are appended to, with a sparse index of them, and the pin that keeps it alive.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "environment/memory_budget.hpp"
#include "protocol/identity.hpp"
#include "protocol/record.hpp"

namespace leveret {

class Block;

/// Keeps a Block alive; empty after default construction and move. Copies share the block. Different pins of one block
/// may be used by different threads.
class BlockPin {
  public:
    BlockPin() noexcept = default;
    /// Takes over a pin that has been counted already.
    explicit BlockPin(Block* counted) noexcept : block_(counted) {}
    inline BlockPin(const BlockPin& other) noexcept;
    BlockPin(BlockPin&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
    BlockPin& operator=(BlockPin other) noexcept {
        std::swap(block_, other.block_);
        return *this;
    }
    inline ~BlockPin();

    [[nodiscard]] explicit operator bool() const noexcept { return block_ != nullptr; }
    [[nodiscard]] Block* operator->() const noexcept { return block_; }
    [[nodiscard]] Block& operator*() const noexcept { return *block_; }
    void reset() noexcept { *this = BlockPin(); }

  private:
    Block* block_ = nullptr;
};

/// Header, index and records in one allocation, which is charged to the memory budget for as long as anyone pins it.
/// Offsets within a block are consecutive.
///
/// Thread-safety: is_evicted() and the bytes handed out for reading may be used by anyone who holds a pin; everything
/// else under the topic's mutex. Bytes below used_bytes() do not change, except by rewind() and reuse(), whose callers
/// know that no reader has seen them.
class Block {
  public:
    /// One per about this many bytes of records.
    static constexpr std::size_t index_step_bytes = 4096;

    struct IndexEntry {
        std::uint32_t position = 0;  ///< of a record's first byte
        std::uint32_t ordinal = 0;   ///< its offset, counted from the block's first
        Timestamp timestamp{};
    };

    /// Where a record lies.
    struct Place {
        Offset offset{};
        std::uint32_t position = 0;
    };

    /// What append() changes, to take it back.
    struct Mark {
        std::uint32_t used_bytes = 0;
        std::uint32_t record_count = 0;
        std::uint32_t index_count = 0;
        Timestamp last_timestamp{};
    };

    /// Bytes that an allocation needs so that one record of `record_bytes` fits.
    [[nodiscard]] static std::size_t allocation_bytes_for(std::size_t record_bytes) noexcept;

    /// A new block of `allocation_bytes` in all; empty where the budget refuses.
    [[nodiscard]] static BlockPin allocate(MemoryBudget& budget, std::size_t allocation_bytes, std::uint64_t sequence,
                                           Offset first);

    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;

    /// Empties a block that nobody else pins, for another place in the chain.
    void reuse(std::uint64_t sequence, Offset first) noexcept;
    [[nodiscard]] bool is_pinned_by_others() const noexcept { return pins_.load(std::memory_order_acquire) > 1; }

    [[nodiscard]] std::uint32_t record_count() const noexcept { return record_count_; }
    /// Copies `records` behind those that are here and stamps them one after the other. They must fit, and `timestamp`
    /// must not be below the last one.
    void append(Bytes records, Timestamp timestamp) noexcept;
    /// Room for bytes that come from elsewhere, for adopt(). The block is empty.
    [[nodiscard]] std::span<std::byte> space() noexcept { return {data_, capacity_bytes_}; }
    /// Takes the whole records, already stamped with consecutive offsets, that have been put at the front of space():
    /// those below `end`. The block is empty.
    void adopt(std::size_t bytes, Offset end) noexcept;
    [[nodiscard]] Mark mark() const noexcept { return {used_bytes_, record_count_, index_count_, last_timestamp_}; }
    void rewind(const Mark& mark) noexcept;

    [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }
    [[nodiscard]] Offset first() const noexcept { return first_; }
    /// The offset after the last record.
    [[nodiscard]] Offset end() const noexcept { return {first_.value + record_count_}; }
    [[nodiscard]] std::uint32_t used_bytes() const noexcept { return used_bytes_; }
    [[nodiscard]] std::size_t free_bytes() const noexcept { return capacity_bytes_ - used_bytes_; }
    [[nodiscard]] std::size_t allocation_bytes() const noexcept { return allocation_bytes_; }
    [[nodiscard]] Timestamp last_timestamp() const noexcept { return last_timestamp_; }
    [[nodiscard]] RecordView record_at(std::uint32_t position) const noexcept { return RecordView(data_ + position); }
    /// The records in [from, to), two positions.
    [[nodiscard]] Bytes bytes(std::uint32_t from, std::uint32_t to) const noexcept { return {data_ + from, to - from}; }

    // The searches below look at O(log) entries of the index and at up to index_step_bytes of records.

    /// The record with this offset, which lies in [first(), end()]; the end for end().
    [[nodiscard]] Place find_offset(Offset offset) const noexcept;
    /// The first record stamped at or after `time`; the end where there is none.
    [[nodiscard]] Place find_time(Timestamp time) const noexcept;
    /// The last record that begins at or before `position`, or the end: where a run of bytes up to `position` is to be
    /// cut.
    [[nodiscard]] Place find_cut(std::uint32_t position) const noexcept;

    /// Tells readers who pin this block for long that its memory is wanted back.
    void set_evicted() noexcept { is_evicted_.store(true, std::memory_order_relaxed); }
    [[nodiscard]] bool is_evicted() const noexcept { return is_evicted_.load(std::memory_order_relaxed); }

  private:
    friend class BlockPin;

    Block(MemoryBudget& budget, std::size_t allocation_bytes, std::uint64_t sequence, Offset first) noexcept;
    ~Block() = default;
    static void destroy(Block* block) noexcept;

    [[nodiscard]] std::span<const IndexEntry> index() const noexcept { return {index_, index_count_}; }
    [[nodiscard]] Place end_place() const noexcept { return {end(), used_bytes_}; }
    template <class IsBeyond, class IsFound>
    [[nodiscard]] Place find(IsBeyond is_beyond, IsFound is_found) const noexcept;

    MemoryBudget* const budget_;
    const std::size_t allocation_bytes_;
    IndexEntry* const index_;
    std::byte* const data_;
    const std::size_t capacity_bytes_;
    std::uint64_t sequence_;
    Offset first_;
    std::uint32_t used_bytes_ = 0;
    std::uint32_t record_count_ = 0;
    std::uint32_t index_count_ = 0;
    std::atomic<std::uint32_t> pins_{1};
    Timestamp last_timestamp_{};
    std::atomic<bool> is_evicted_{false};
};

inline BlockPin::BlockPin(const BlockPin& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) {
        block_->pins_.fetch_add(1, std::memory_order_relaxed);
    }
}

inline BlockPin::~BlockPin() {
    // acq_rel: whoever frees the block, or reuses it, comes after everyone's last look at its bytes.
    if (block_ != nullptr && block_->pins_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        Block::destroy(block_);
    }
}

}  // namespace leveret
