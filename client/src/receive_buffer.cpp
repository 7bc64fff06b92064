#include "receive_buffer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace leveret::client_side {

std::shared_ptr<ReceiveBlock> ReceiveBlockPool::acquire(std::size_t bytes_min) {
    std::unique_ptr<ReceiveBlock> block;
    if (bytes_min <= block_bytes) {
        const std::lock_guard lock(mutex_);
        if (!spare_.empty()) {
            block = std::move(spare_.back());
            spare_.pop_back();
        }
    }
    if (!block) {
        block = std::make_unique<ReceiveBlock>(std::max(bytes_min, block_bytes));
    }
    auto give_back = [pool = shared_from_this()](ReceiveBlock* used) {
        pool->give_back(std::unique_ptr<ReceiveBlock>(used));
    };
    return {block.release(), std::move(give_back)};
}

void ReceiveBlockPool::give_back(std::unique_ptr<ReceiveBlock> block) {
    const std::lock_guard lock(mutex_);
    if (block->capacity_bytes == block_bytes && spare_.size() < spare_blocks_max) {
        spare_.push_back(std::move(block));
    }
}

ReceiveBuffer::ReceiveBuffer()
    : pool_(std::make_shared<ReceiveBlockPool>()), block_(pool_->acquire(ReceiveBlockPool::block_bytes)) {}

std::span<std::byte> ReceiveBuffer::space() {
    loan_.reset();
    const bool is_all_back = block_->loans.load(std::memory_order_acquire) == 0;
    const std::size_t held_bytes = end_ - begin_;
    const bool is_worth_moving = held_bytes * moved_share <= begin_;
    const bool is_full = block_->capacity_bytes - end_ < space_bytes_min;
    const std::size_t needed_bytes = held_bytes + wanted_bytes();
    if (is_all_back && (is_worth_moving || (is_full && needed_bytes <= block_->capacity_bytes))) {
        move_to_front_of(block_);
    } else if (is_full) {
        move_to_front_of(pool_->acquire(needed_bytes));
    }
    return {block_->bytes.get() + end_, block_->capacity_bytes - end_};
}

/// What has not been taken.
void ReceiveBuffer::move_to_front_of(std::shared_ptr<ReceiveBlock> block) noexcept {
    const std::size_t held_bytes = end_ - begin_;
    std::memmove(block->bytes.get(), block_->bytes.get() + begin_, held_bytes);
    block_ = std::move(block);
    begin_ = 0;
    end_ = held_bytes;
}

/// Room for what the frame at the front still lacks, but never more than twice what has come: a length is only a claim.
std::size_t ReceiveBuffer::wanted_bytes() const noexcept {
    const std::size_t held_bytes = end_ - begin_;
    std::uint32_t length = 0;
    if (held_bytes >= sizeof length) {
        std::memcpy(&length, block_->bytes.get() + begin_, sizeof length);
    }
    const std::size_t lacking_bytes = length > held_bytes ? length - held_bytes : 0;
    return std::max(space_bytes_min, std::min(lacking_bytes, held_bytes * 2));
}

Result<std::optional<native::Frame>> ReceiveBuffer::next_frame(std::size_t frame_bytes_max) noexcept {
    auto frame = native::decode({block_->bytes.get() + begin_, end_ - begin_}, frame_bytes_max);
    if (frame && *frame) {
        begin_ += (*frame)->header.length;
    }
    return frame;
}

std::shared_ptr<const void> ReceiveBuffer::owner() {
    if (!loan_) {
        const auto come_back = [block = block_](const void* /*bytes*/) {
            block->loans.fetch_sub(1, std::memory_order_release);
        };
        block_->loans.fetch_add(1, std::memory_order_relaxed);
        loan_ = std::shared_ptr<const void>(block_->bytes.get(), come_back);
    }
    return loan_;
}

}  // namespace leveret::client_side
