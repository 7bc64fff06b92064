// What one connection writes next: answers, frame headers and slices of records, as one list of buffers.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include <asio/buffer.hpp>

#include "environment/memory_budget.hpp"
#include "protocol/record.hpp"
#include "topic_controller/broadcast_buffer.hpp"

namespace leveret {

/// Filled by a SubscriptionManager, emptied by a Connection. Strand: connection. Large, so it is borrowed from a
/// WriteBatchPool for as long as there is something to write and no longer: an idle connection has none.
class WriteBatch {
  public:
    /// Room for frame headers and small frames; a batch is full when less than a header is left.
    static constexpr std::size_t arena_bytes = 64U << 10U;
    /// Records of up to this many bytes in all are copied behind their frame's header: cheaper than a buffer of their
    /// own.
    static constexpr std::size_t copied_bytes_max = 1024;

    WriteBatch();

    // --- Filling

    /// Takes the bytes as they are; `bytes` is left empty, with the capacity of an earlier batch's.
    void add_owned(std::vector<std::byte>& bytes);
    /// `count` bytes to be written by the caller before anything else is added; arena_left() is at least `count`.
    [[nodiscard]] std::byte* add_arena(std::size_t count);
    /// Adds the slices and keeps their blocks; small ones are copied, where the arena has room.
    void add_slices(std::span<const Slice> slices, std::uint64_t bytes);
    [[nodiscard]] std::size_t arena_left() const noexcept { return arena_bytes - arena_used_; }
    /// Reused by whoever gathers for this batch.
    [[nodiscard]] Gathered& gathered() noexcept { return gathered_; }

    // --- Emptying

    [[nodiscard]] bool empty() const noexcept { return first_ == buffers_.size(); }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    /// The first buffers that are left, as many as one write takes.
    [[nodiscard]] std::span<const asio::const_buffer> front() const noexcept;
    /// Forgets the first `count` bytes; when nothing is left, lets go of everything.
    void consume(std::size_t count);
    /// The batch has to wait: charges what it owns, its arena and copies. False where the memory budget has no room.
    [[nodiscard]] bool charge_owned(MemoryBudget& memory);
    /// Where a block of this batch has been evicted from its topic: copies what is left and lets the blocks go, so that
    /// a stalled reader holds no more than this batch. False, and nothing changed, where the memory budget has no room.
    [[nodiscard]] bool let_go_of_evicted_blocks(MemoryBudget& memory);

  private:
    void add_buffer(const std::byte* data, std::size_t count);
    void clear();

    std::vector<asio::const_buffer> buffers_;
    std::size_t first_ = 0;
    std::size_t bytes_ = 0;
    std::unique_ptr<std::byte[]> arena_;
    std::size_t arena_used_ = 0;
    std::vector<BlockPin> pins_;
    std::vector<std::vector<std::byte>> owned_;
    std::vector<std::byte> spare_;
    std::unique_ptr<MemoryCharge> charge_;  // only while it waits
    Gathered gathered_;
};

/// Thread-safe. Keeps a few batches for reuse and makes more when asked.
class WriteBatchPool {
  public:
    [[nodiscard]] std::unique_ptr<WriteBatch> borrow();
    void give_back(std::unique_ptr<WriteBatch> batch);

  private:
    static constexpr std::size_t spare_max = 16;
    std::mutex mutex_;  // guards spare_; a leaf
    std::vector<std::unique_ptr<WriteBatch>> spare_;
};

}  // namespace leveret
