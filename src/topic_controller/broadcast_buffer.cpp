#include "topic_controller/broadcast_buffer.hpp"

#include <algorithm>
#include <bit>
#include <limits>

namespace leveret {
namespace {

/// The bytes of the whole records at the front of `run` that fit into `room_bytes`.
std::size_t fitting_bytes(Bytes run, std::size_t room_bytes) noexcept {
    if (run.size() <= room_bytes) {
        return run.size();
    }
    std::size_t fitting = 0;
    for (const RecordView record : Records(run)) {
        if (fitting + record.size() > room_bytes) {
            break;
        }
        fitting += record.size();
    }
    return fitting;
}

}  // namespace

void Gathered::clear() noexcept {
    for (std::size_t i = 0; i < slice_count_; ++i) {
        slices_[i] = Slice{};
    }
    slice_count_ = 0;
    bytes_ = 0;
    records_ = 0;
    lagged_.reset();
    awaits_log_ = false;
    is_armed_ = false;
    error_.clear();
}

void Gathered::add(const BlockPin& block, Bytes records, std::uint64_t record_count) noexcept {
    slices_[slice_count_++] = Slice{block, records};
    bytes_ += records.size();
    records_ += record_count;
}

BlockPin BlockChain::take_front() {
    BlockPin block = std::move(blocks_[front_++]);
    if (2 * front_ >= blocks_.size()) {
        blocks_.erase(blocks_.begin(), blocks_.begin() + static_cast<std::ptrdiff_t>(front_));
        front_ = 0;
    }
    return block;
}

BlockPin BlockChain::take_back() {
    BlockPin block = std::move(blocks_.back());
    blocks_.pop_back();
    return block;
}

// --- Writing

std::size_t BroadcastBuffer::largest_allocation_bytes() const noexcept {
    const std::uint64_t share = std::bit_floor(std::max<std::uint64_t>(bounds_.bytes_max / 8, block_bytes_min / 8));
    return static_cast<std::size_t>(std::min<std::uint64_t>(share, block_bytes_max));
}

/// A quarter to a half of what is in the chain already: so a quiet topic stays small, a busy one soon has large blocks,
/// and the block that has to go when memory is full is a part of what the topic has, not most of it.
std::size_t BroadcastBuffer::next_allocation_bytes(std::size_t record_bytes) const noexcept {
    const std::uint64_t half = std::bit_floor(std::max<std::uint64_t>(used_bytes_ / 2, block_bytes_min));
    return std::max(static_cast<std::size_t>(std::min<std::uint64_t>(half, largest_allocation_bytes())),
                    Block::allocation_bytes_for(record_bytes));
}

bool BroadcastBuffer::add_block(std::size_t record_bytes) {
    const std::size_t allocation_bytes = next_allocation_bytes(record_bytes);
    BlockPin block = take_spare(allocation_bytes);
    if (block) {
        block->reuse(next_sequence_, appended_);
    } else {
        block = Block::allocate(budget_, allocation_bytes, next_sequence_, appended_);
        if (!block) {
            refused_bytes_ = allocation_bytes;
            return false;
        }
        charged_bytes_ += allocation_bytes;
    }
    ++next_sequence_;
    chain_.push_back(std::move(block));
    return true;
}

/// Sizes go in powers of two: the next larger one will do, too, where a topic stays at the border between two.
bool BroadcastBuffer::may_serve_as(std::size_t allocation_bytes, const Block& block) noexcept {
    return block.allocation_bytes() >= allocation_bytes && block.allocation_bytes() <= 2 * allocation_bytes;
}

/// One that no reader pins any more; empty where there is none.
BlockPin BroadcastBuffer::take_spare(std::size_t allocation_bytes) {
    const auto fits = [&](const BlockPin& spare) {
        return may_serve_as(allocation_bytes, *spare) && !spare->is_pinned_by_others();
    };
    const auto found = std::find_if(spares_.begin(), spares_.end(), fits);
    if (found == spares_.end()) {
        return BlockPin();
    }
    BlockPin spare = std::move(*found);
    spares_.erase(found);
    return spare;
}

bool BroadcastBuffer::append(std::span<const Bytes> runs, Timestamp timestamp) {
    const std::size_t blocks_before = chain_.size();
    const Block::Mark tail_before = chain_.empty() ? Block::Mark{} : chain_.back()->mark();
    const Offset appended_before = appended_;
    const std::uint64_t used_before = used_bytes_;
    const std::uint64_t charged_before = charged_bytes_;

    for (const Bytes run : runs) {
        if (!append_run(run, timestamp)) {
            refused_bytes_ += charged_bytes_ - charged_before;  // room for the last block alone would be too little
            take_back_blocks(blocks_before);
            if (!chain_.empty()) {
                chain_.back()->rewind(tail_before);
            }
            appended_ = appended_before;
            used_bytes_ = used_before;
            return false;
        }
    }
    return true;
}

bool BroadcastBuffer::append_run(Bytes run, Timestamp timestamp) {
    while (!run.empty()) {
        std::size_t taken = chain_.empty() ? 0 : fitting_bytes(run, chain_.back()->free_bytes());
        if (taken == 0) {
            if (!add_block(RecordView(run.data()).size())) {
                return false;
            }
            taken = fitting_bytes(run, chain_.back()->free_bytes());
        }
        Block& tail = *chain_.back();
        tail.append(run.first(taken), timestamp);
        appended_ = tail.end();
        used_bytes_ += taken;
        run = run.subspan(taken);
    }
    return true;
}

void BroadcastBuffer::take_back_blocks(std::size_t chain_size) {
    while (chain_.size() > chain_size) {
        const BlockPin block = chain_.take_back();
        charged_bytes_ -= block->allocation_bytes();
        --next_sequence_;
    }
}

void BroadcastBuffer::begin_at(Offset next) noexcept {
    first_ = next;
    lost_end_ = next;
    appended_ = next;
    make_visible();
}

void BroadcastBuffer::gather_appended(Cursor& cursor, Gathered& gathered) const {
    if (cursor.next < appended_) {
        cursor = place_of(cursor);
        add_slices(cursor, std::numeric_limits<std::uint32_t>::max(), appended_, gathered);
    }
}

// --- Removing

bool BroadcastBuffer::lacks_room(std::uint64_t bytes, std::uint64_t records) const noexcept {
    return used_bytes_ + bytes > bounds_.bytes_max || this->records() + records > bounds_.records_max;
}

std::uint64_t BroadcastBuffer::make_room(std::uint64_t bytes, std::uint64_t records, Removed& removed) {
    const std::uint64_t before = first_.value;
    while (may_remove_front() && used_bytes_ + bytes > bounds_.bytes_max) {
        remove_front(removed);
    }
    if (const std::uint64_t total = this->records() + records; total > bounds_.records_max) {
        const std::uint64_t too_many = std::min(total - bounds_.records_max, visible().value - first_.value);
        move_first(Offset{first_.value + too_many}, removed);
    }
    if (first_.value != before) {
        lost_end_ = first_;
    }
    return first_.value - before;
}

std::uint64_t BroadcastBuffer::remove_oldest_block(Removed& removed) {
    if (!may_remove_front() || (chain_.size() == 1 && chain_.front()->allocation_bytes() <= block_bytes_min)) {
        return 0;
    }
    const std::uint64_t before = first_.value;
    remove_front(removed);
    lost_end_ = first_;
    return first_.value - before;
}

std::uint64_t BroadcastBuffer::trim(Offset before, Removed& removed) {
    if (before <= first_) {
        return 0;
    }
    const std::uint64_t count = before.value - first_.value;
    move_first(before, removed);
    lost_end_ = first_;
    return count;
}

std::uint64_t BroadcastBuffer::expire(Timestamp expired, Removed& removed) {
    const std::uint64_t before = first_.value;
    const Offset unexpired = find_time(expired + std::chrono::microseconds(1)).next;
    move_first(std::max(first_, unexpired), removed);
    return first_.value - before;
}

void BroadcastBuffer::drop_spares(Removed& removed) {
    for (BlockPin& spare : spares_) {
        charged_bytes_ -= spare->allocation_bytes();
        removed.push_back(std::move(spare));
    }
    spares_.clear();
}

bool BroadcastBuffer::may_remove_front() const noexcept {
    return !chain_.empty() && chain_.front()->end() <= visible();
}

/// Blocks that may serve as the next one become spare ones: at its bound a topic then takes for every new block one of
/// its old ones, and neither maps nor faults in memory. Several are kept because a large batch pushes out several
/// before it takes any.
void BroadcastBuffer::remove_front(Removed& removed) {
    BlockPin block = chain_.take_front();
    block->set_evicted();
    used_bytes_ -= block->used_bytes();
    first_ = block->end();
    if (!chain_.empty() && may_serve_as(next_allocation_bytes(0), *block)) {
        spares_.push_back(std::move(block));
        std::uint64_t spare_bytes = 0;
        for (const BlockPin& spare : spares_) {
            spare_bytes += spare->allocation_bytes();
        }
        if (spares_.size() <= 2 || spare_bytes <= used_bytes_ / 8) {
            return;
        }
        block = std::move(spares_.front());  // the one that has waited longest, perhaps because a reader pins it
        spares_.erase(spares_.begin());
    }
    charged_bytes_ -= block->allocation_bytes();
    removed.push_back(std::move(block));
}

void BroadcastBuffer::move_first(Offset first, Removed& removed) {
    while (!chain_.empty() && chain_.front()->end() <= first) {
        remove_front(removed);
    }
    first_ = first;
}

// --- Reading

/// The block that holds `offset`, which lies in [first_, appended_).
std::size_t BroadcastBuffer::block_index(Offset offset) const noexcept {
    std::size_t low = 0;
    std::size_t high = chain_.size() - 1;
    while (low < high) {
        const std::size_t middle = (low + high) / 2;
        if (chain_[middle]->end() <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/// Where the record at cursor.next lies, which must be kept. Believes the hint as far as it proves right.
Cursor BroadcastBuffer::place_of(const Cursor& cursor) const noexcept {
    // Numbers of blocks are consecutive from the front, so this wraps around to a large number for a block that is
    // gone.
    const std::uint64_t index = cursor.block_sequence - chain_.front()->sequence();
    if (index < chain_.size()) {
        const Block& block = *chain_[index];
        if (cursor.next >= block.first() && cursor.next < block.end()) {
            const bool is_exact =
                cursor.position < block.used_bytes() && block.record_at(cursor.position).offset() == cursor.next;
            return {cursor.next, block.sequence(),
                    is_exact ? cursor.position : block.find_offset(cursor.next).position};
        }
        if (index + 1 < chain_.size() && cursor.next == chain_[index + 1]->first()) {
            return {cursor.next, block.sequence() + 1, 0};
        }
    }
    const Block& block = *chain_[block_index(cursor.next)];
    return {cursor.next, block.sequence(), block.find_offset(cursor.next).position};
}

void BroadcastBuffer::gather(Cursor& cursor, std::size_t bytes_max, std::uint64_t records_max, Timestamp expired,
                             Gathered& gathered) const {
    if (cursor.next < first_) {
        if (cursor.next < lost_end_) {
            gathered.lagged_ = LaggedRange{cursor.next, lost_end_};
        }
        cursor.next = first_;
    }
    const Offset end = visible();
    if (cursor.next >= end) {
        return;
    }
    cursor = place_of(cursor);
    const Block& block = *chain_[cursor.block_sequence - chain_.front()->sequence()];
    if (block.record_at(cursor.position).timestamp() <= expired) {
        cursor = find_time(expired + std::chrono::microseconds(1));
    }
    add_slices(cursor, bytes_max, {cursor.next.value + std::min(records_max, end.value - cursor.next.value)}, gathered);
}

void BroadcastBuffer::gather_block(const BlockPin& block, Cursor& cursor, std::size_t bytes_max,
                                   std::uint64_t records_max, Timestamp expired, Gathered& gathered) noexcept {
    Block::Place from = block->find_offset(std::max(cursor.next, block->first()));
    if (block->record_at(from.position).timestamp() <= expired) {
        from = block->find_time(expired + std::chrono::microseconds(1));
    }
    cursor = Cursor{.next = from.offset};
    const std::uint64_t count = std::min(records_max, block->end().value - from.offset.value);
    if (count == 0) {
        return;
    }
    Block::Place to = block->find_offset({from.offset.value + count});
    if (to.position - from.position > bytes_max) {
        to = block->find_cut(from.position + static_cast<std::uint32_t>(bytes_max));
        if (to.offset <= from.offset) {
            to = {{from.offset.value + 1}, from.position + block->record_at(from.position).size()};
        }
    }
    gathered.add(block, block->bytes(from.position, to.position), to.offset.value - from.offset.value);
    cursor.next = to.offset;
}

/// Slices from `cursor`, whose hint is right, up to `end`, which is at most the visible end.
void BroadcastBuffer::add_slices(Cursor& cursor, std::size_t bytes_max, Offset end, Gathered& gathered) const noexcept {
    std::size_t bytes_left = bytes_max;
    while (cursor.next < end && gathered.slice_count_ < Gathered::slices_max) {
        const BlockPin& block = chain_[cursor.block_sequence - chain_.front()->sequence()];
        Block::Place to = block->find_offset(end);
        if (to.position - cursor.position > bytes_left) {
            to = block->find_cut(cursor.position + static_cast<std::uint32_t>(bytes_left));
            if (to.offset <= cursor.next && gathered.empty()) {
                const std::uint32_t record_bytes = block->record_at(cursor.position).size();
                to = {{cursor.next.value + 1}, cursor.position + record_bytes};
            }
        }
        if (to.offset <= cursor.next) {
            return;
        }
        const Bytes records = block->bytes(cursor.position, to.position);
        gathered.add(block, records, to.offset.value - cursor.next.value);
        bytes_left -= std::min(bytes_left, records.size());
        const bool goes_on = to.offset == block->end() && to.offset < end;
        cursor =
            goes_on ? Cursor{to.offset, block->sequence() + 1, 0} : Cursor{to.offset, block->sequence(), to.position};
        if (!goes_on) {
            return;
        }
    }
}

Cursor BroadcastBuffer::find_time(Timestamp time) const noexcept {
    std::size_t low = 0;
    std::size_t high = chain_.size();
    while (low < high) {
        const std::size_t middle = (low + high) / 2;
        if (chain_[middle]->last_timestamp() < time) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (chain_.empty()) {
        return Cursor{visible(), next_sequence_, 0};
    }
    if (low == chain_.size()) {
        return Cursor{visible(), chain_.back()->sequence(), chain_.back()->used_bytes()};
    }
    const Block& block = *chain_[low];
    const Block::Place place = block.find_time(time);
    if (place.offset < first_) {
        return Cursor{first_, block.sequence(), 0};
    }
    return Cursor{std::min(place.offset, visible()), block.sequence(), place.position};
}

// --- Figures

std::uint64_t BroadcastBuffer::bytes() const noexcept {
    return chain_.empty() ? 0 : used_bytes_ - chain_.front()->find_offset(first_).position;
}

std::optional<Timestamp> BroadcastBuffer::oldest_block_timestamp() const noexcept {
    if (!may_remove_front()) {
        return std::nullopt;
    }
    return chain_.front()->last_timestamp();
}

}  // namespace leveret
