// The bytes that a connection has read and not yet used. Borrowed while there is traffic, given back when there is
// none.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "environment/memory_budget.hpp"
#include "protocol/record.hpp"

namespace leveret {

/// Thread-safe. Lends memory of one size, keeps a little of it for the next borrower.
class ReadMemoryPool {
  public:
    /// With 1 MiB instead of 256 KiB a topic with a compaction window takes up to a quarter more records a second
    /// (docs/performance.md).
    static constexpr std::size_t piece_bytes = 1U << 20U;
    using Piece = std::unique_ptr<std::byte[]>;

    [[nodiscard]] Piece borrow();
    void give_back(Piece piece);

  private:
    static constexpr std::size_t spare_max = 4;
    std::mutex mutex_;  // guards spare_; a leaf
    std::vector<Piece> spare_;
};

/// Strand: connection. Grows beyond a piece only as bytes arrive, never by a length that a client declares.
class ReadBuffer {
  public:
    /// `pool` and `memory` outlive it. `reclaim` is asked to free memory where the budget has none left.
    ReadBuffer(ReadMemoryPool& pool, MemoryBudget& memory, std::function<bool(std::uint64_t)> reclaim)
        : pool_(pool), reclaim_(std::move(reclaim)), charge_(memory) {}
    ReadBuffer(const ReadBuffer&) = delete;
    ReadBuffer& operator=(const ReadBuffer&) = delete;
    ~ReadBuffer() { release(); }

    /// Where to read next: a large piece of memory, at least a quarter of it free; where the budget has no room for
    /// one, a small piece; empty where it has none at all.
    [[nodiscard]] std::span<std::byte> prepare();
    /// `count` bytes were read there.
    void commit(std::size_t count) noexcept { end_ += count; }
    [[nodiscard]] Bytes data() const noexcept { return {memory() + begin_, end_ - begin_}; }
    /// Forgets the first `count` bytes of data().
    void consume(std::size_t count) noexcept;
    /// Before a wait: gives the memory back, but for what data() needs.
    void shrink();

  private:
    [[nodiscard]] std::byte* memory() const noexcept { return piece_ ? piece_.get() : own_.get(); }
    [[nodiscard]] bool replace_with_own(std::size_t capacity);
    void release() noexcept;
    [[nodiscard]] bool charge(std::uint64_t bytes);

    ReadMemoryPool& pool_;
    const std::function<bool(std::uint64_t)> reclaim_;
    MemoryCharge charge_;
    ReadMemoryPool::Piece piece_;  // one of these two, or neither
    std::unique_ptr<std::byte[]> own_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace leveret
