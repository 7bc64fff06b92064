#include "topic_controller/block.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>

#include <sys/mman.h>

namespace leveret {
namespace {

// From this size on blocks are mapped, so that what is let go of goes back to the system at once.
constexpr std::size_t mapped_bytes_min = 64U << 10U;

std::size_t index_capacity(std::size_t allocation_bytes) noexcept {
    return allocation_bytes / Block::index_step_bytes + 1;
}

std::size_t overhead_bytes(std::size_t allocation_bytes) noexcept {
    return sizeof(Block) + index_capacity(allocation_bytes) * sizeof(Block::IndexEntry);
}

void* allocate_bytes(std::size_t bytes) {
    if (bytes < mapped_bytes_min) {
        return ::operator new(bytes);
    }
    void* const mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) {
        throw std::bad_alloc();
    }
    return mapped;
}

void free_bytes_at(void* memory, std::size_t bytes) noexcept {
    if (bytes < mapped_bytes_min) {
        ::operator delete(memory);
    } else {
        ::munmap(memory, bytes);
    }
}

}  // namespace

std::size_t Block::allocation_bytes_for(std::size_t record_bytes) noexcept {
    // The index grows with the allocation, a 256th of it: two rounds are enough, the second for what the first adds.
    const std::size_t estimate = record_bytes + overhead_bytes(record_bytes);
    return record_bytes + overhead_bytes(estimate + index_step_bytes);
}

BlockPin Block::allocate(MemoryBudget& budget, std::size_t allocation_bytes, std::uint64_t sequence, Offset first) {
    if (!budget.try_charge(allocation_bytes)) {
        return BlockPin();
    }
    void* const memory = allocate_bytes(allocation_bytes);
    return BlockPin(new (memory) Block(budget, allocation_bytes, sequence, first));
}

Block::Block(MemoryBudget& budget, std::size_t allocation_bytes, std::uint64_t sequence, Offset first) noexcept
    : budget_(&budget),
      allocation_bytes_(allocation_bytes),
      index_(reinterpret_cast<IndexEntry*>(reinterpret_cast<std::byte*>(this) + sizeof(Block))),
      data_(reinterpret_cast<std::byte*>(this) + overhead_bytes(allocation_bytes)),
      capacity_bytes_(allocation_bytes - overhead_bytes(allocation_bytes)),
      sequence_(sequence),
      first_(first) {
    static_assert(sizeof(Block) % alignof(IndexEntry) == 0);
}

void Block::destroy(Block* block) noexcept {
    MemoryBudget& budget = *block->budget_;
    const std::size_t bytes = block->allocation_bytes_;
    block->~Block();
    free_bytes_at(block, bytes);
    budget.release(bytes);
}

void Block::reuse(std::uint64_t sequence, Offset first) noexcept {
    assert(!is_pinned_by_others());
    rewind({});
    sequence_ = sequence;
    first_ = first;
    is_evicted_.store(false, std::memory_order_relaxed);
}

void Block::append(Bytes records, Timestamp timestamp) noexcept {
    assert(records.size() <= free_bytes());
    std::byte* const begin = data_ + used_bytes_;
    std::memcpy(begin, records.data(), records.size());

    std::uint32_t index_due = index_count_ == 0 ? 0 : index_[index_count_ - 1].position + index_step_bytes;
    const auto end_position = static_cast<std::uint32_t>(used_bytes_ + records.size());
    std::uint32_t position = used_bytes_;
    std::uint32_t ordinal = record_count_;
    while (position < end_position) {
        if (position >= index_due) {
            index_[index_count_++] = {position, ordinal, timestamp};
            index_due = position + index_step_bytes;
        }
        std::byte* const record = data_ + position;
        position += RecordView(record).size();
        stamp_record(record, Offset{first_.value + ordinal}, timestamp);
        ++ordinal;
    }
    used_bytes_ = end_position;
    record_count_ = ordinal;
    last_timestamp_ = timestamp;
}

void Block::adopt(std::size_t bytes, Offset end) noexcept {
    rewind({});
    std::uint32_t index_due = 0;
    while (used_bytes_ < bytes) {
        const RecordView record = record_at(used_bytes_);
        if (record.offset() >= end) {
            break;
        }
        if (record_count_ == 0) {
            first_ = record.offset();
        }
        last_timestamp_ = record.timestamp();
        if (used_bytes_ >= index_due) {
            index_[index_count_++] = {used_bytes_, record_count_, last_timestamp_};
            index_due = used_bytes_ + index_step_bytes;
        }
        used_bytes_ += record.size();
        ++record_count_;
    }
}

void Block::rewind(const Mark& mark) noexcept {
    used_bytes_ = mark.used_bytes;
    record_count_ = mark.record_count;
    index_count_ = mark.index_count;
    last_timestamp_ = mark.last_timestamp;
}

/// The first record for which is_found(place, record) holds, or the end. Starts at the last index entry before the
/// first for which is_beyond(entry) holds; both predicates, once true, stay true for all that follow.
template <class IsBeyond, class IsFound>
Block::Place Block::find(IsBeyond is_beyond, IsFound is_found) const noexcept {
    const auto entries = index();
    const auto beyond = std::partition_point(entries.begin(), entries.end(),
                                             [&](const IndexEntry& entry) { return !is_beyond(entry); });
    const IndexEntry start = beyond == entries.begin() ? IndexEntry{} : *(beyond - 1);
    Place place{{first_.value + start.ordinal}, start.position};
    while (place.position < used_bytes_ && !is_found(place)) {
        place.position += record_at(place.position).size();
        ++place.offset.value;
    }
    return place;
}

Block::Place Block::find_offset(Offset offset) const noexcept {
    if (offset >= end()) {
        return end_place();
    }
    return find([&](const IndexEntry& entry) { return first_.value + entry.ordinal > offset.value; },
                [&](const Place& place) { return place.offset >= offset; });
}

Block::Place Block::find_time(Timestamp time) const noexcept {
    if (last_timestamp_ < time) {
        return end_place();
    }
    return find([&](const IndexEntry& entry) { return entry.timestamp >= time; },
                [&](const Place& place) { return record_at(place.position).timestamp() >= time; });
}

Block::Place Block::find_cut(std::uint32_t position) const noexcept {
    if (position >= used_bytes_) {
        return end_place();
    }
    return find([&](const IndexEntry& entry) { return entry.position > position; },
                [&](const Place& place) { return place.position + record_at(place.position).size() > position; });
}

}  // namespace leveret
