// What a connection has read: large blocks of memory that deliveries share instead of copying out of them.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "protocol/native.hpp"

namespace leveret::client_side {

/// Memory that is read into. Does not change below what has been handed out while anybody has it.
struct ReceiveBlock {
    explicit ReceiveBlock(std::size_t bytes_max) : bytes(new std::byte[bytes_max]), capacity_bytes(bytes_max) {}
    std::unique_ptr<std::byte[]> bytes;  // not zeroed: every byte is read into before it is looked at
    std::size_t capacity_bytes;
    std::atomic<std::size_t> loans{0};  // of its bytes that have not come back; the last owner may be on any thread
};

/// Keeps a few blocks for the next use. Thread-safe: the last owner of a block may be on any thread, and may outlive
/// the client.
class ReceiveBlockPool : public std::enable_shared_from_this<ReceiveBlockPool> {
  public:
    static constexpr std::size_t block_bytes = 512U << 10U;

    /// At least `bytes_min`; only blocks of block_bytes are used again.
    [[nodiscard]] std::shared_ptr<ReceiveBlock> acquire(std::size_t bytes_min);

  private:
    static constexpr std::size_t spare_blocks_max = 8;
    void give_back(std::unique_ptr<ReceiveBlock> block);

    std::mutex mutex_;  // guards spare_
    std::vector<std::unique_ptr<ReceiveBlock>> spare_;
};

/// Bytes go in at the back, frames come out at the front. Not thread-safe.
class ReceiveBuffer {
  public:
    ReceiveBuffer();

    /// Where the next bytes go; not empty. Ends the life of frames taken before, but not of what owner() vouches for.
    [[nodiscard]] std::span<std::byte> space();
    /// `count` bytes have been written to the front of space().
    void received(std::size_t count) noexcept { end_ += count; }
    /// Takes the next whole frame off; nothing where it is not whole yet. Errors: those of native::decode.
    [[nodiscard]] Result<std::optional<native::Frame>> next_frame(std::size_t frame_bytes_max) noexcept;
    /// Shares the memory of the frames taken since the last space(): it stays as it is while an owner lives. Where all
    /// have gone by the next space(), that begins at the front again, where the memory is still in the cache.
    [[nodiscard]] std::shared_ptr<const void> owner();

  private:
    /// A read into less than this is not worth its system call.
    static constexpr std::size_t space_bytes_min = 64U << 10U;
    /// What is held moves to the front of its block where it is at most this part of what lies before it.
    static constexpr std::size_t moved_share = 4;

    [[nodiscard]] std::size_t wanted_bytes() const noexcept;
    void move_to_front_of(std::shared_ptr<ReceiveBlock> block) noexcept;

    std::shared_ptr<ReceiveBlockPool> pool_;
    std::shared_ptr<ReceiveBlock> block_;
    std::shared_ptr<const void> loan_;  // what owner() shares; null before the first since space()
    std::size_t begin_ = 0;             // of what has not been taken
    std::size_t end_ = 0;               // of what has been received
};

}  // namespace leveret::client_side
