#include "server/read_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace leveret {

namespace {
// A rest that is smaller than its memory by more than this is copied out before a wait, so that a client that sends a
// byte and falls silent does not hold a whole piece. A larger one keeps the memory: it will be needed in a moment.
constexpr std::size_t capacity_per_rest_max = 8;
// What is read into while the budget has no room for a piece.
constexpr std::size_t small_bytes = 16U << 10U;
}  // namespace

ReadMemoryPool::Piece ReadMemoryPool::borrow() {
    {
        const std::scoped_lock lock(mutex_);
        if (!spare_.empty()) {
            Piece piece = std::move(spare_.back());
            spare_.pop_back();
            return piece;
        }
    }
    return std::make_unique_for_overwrite<std::byte[]>(piece_bytes);
}

void ReadMemoryPool::give_back(Piece piece) {
    const std::scoped_lock lock(mutex_);
    if (spare_.size() < spare_max) {
        spare_.push_back(std::move(piece));
    }
}

bool ReadBuffer::charge(std::uint64_t bytes) {
    return charge_or_reclaim([&] { return charge_.resize(bytes); }, [&] { return reclaim_(bytes); });
}

std::span<std::byte> ReadBuffer::prepare() {
    const std::size_t used = end_ - begin_;
    if (piece_ == nullptr && used <= ReadMemoryPool::piece_bytes / 2 && charge(ReadMemoryPool::piece_bytes)) {
        auto piece = pool_.borrow();
        if (used > 0) {
            std::memcpy(piece.get(), own_.get() + begin_, used);
        }
        own_.reset();
        piece_ = std::move(piece);
        capacity_ = ReadMemoryPool::piece_bytes;
        begin_ = 0;
        end_ = used;
    } else if (capacity_ == end_ || capacity_ - end_ < capacity_ / 4) {
        if (used >= capacity_ / 2) {
            if (!replace_with_own(std::max(capacity_ * 2, small_bytes))) {
                return {};
            }
        } else {
            std::memmove(memory(), memory() + begin_, used);
            begin_ = 0;
            end_ = used;
        }
    }
    return {memory() + end_, capacity_ - end_};
}

void ReadBuffer::consume(std::size_t count) noexcept {
    begin_ += count;
    if (begin_ == end_) {
        begin_ = 0;
        end_ = 0;
    }
}

void ReadBuffer::shrink() {
    const std::size_t used = end_ - begin_;
    if (used == 0) {
        release();
    } else if (used < capacity_ / capacity_per_rest_max) {
        // Less than is charged already, so it cannot be refused.
        static_cast<void>(replace_with_own(used));
    }
}

bool ReadBuffer::replace_with_own(std::size_t capacity) {
    if (!charge(capacity)) {
        return false;
    }
    const std::size_t used = end_ - begin_;
    auto own = std::make_unique_for_overwrite<std::byte[]>(capacity);
    if (used > 0) {
        std::memcpy(own.get(), memory() + begin_, used);
    }
    if (piece_) {
        pool_.give_back(std::move(piece_));
    }
    own_ = std::move(own);
    capacity_ = capacity;
    begin_ = 0;
    end_ = used;
    return true;
}

void ReadBuffer::release() noexcept {
    if (piece_) {
        pool_.give_back(std::move(piece_));
    }
    own_.reset();
    capacity_ = 0;
    begin_ = 0;
    end_ = 0;
    static_cast<void>(charge_.resize(0));
}

}  // namespace leveret
