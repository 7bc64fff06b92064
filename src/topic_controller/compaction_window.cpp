#include "topic_controller/compaction_window.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace leveret {

// --- FingerprintTable

FingerprintTable::FingerprintTable(std::size_t slot_count)
    : slots_(static_cast<Slot*>(std::calloc(slot_count, sizeof(Slot)))), slot_count_(slot_count) {
    if (!slots_) {
        throw std::bad_alloc();
    }
}

std::uint32_t FingerprintTable::tag_of(const KeyFingerprint& fingerprint) noexcept {
    return std::max<std::uint32_t>(static_cast<std::uint32_t>(fingerprint.low), 1);
}

template <class Matches>
FingerprintTable::Slot* FingerprintTable::find(std::uint32_t tag, Matches matches) const noexcept {
    if (slot_count_ == 0) {
        return nullptr;
    }
    for (std::size_t at = home(tag);; at = after(at)) {
        Slot& slot = slots_[at];
        if (slot.tag == tag && matches(slot.number)) {
            return &slot;
        }
        if (slot.tag == 0 && slot.number != buried) {
            return nullptr;
        }
    }
}

void FingerprintTable::insert(Slot slot) noexcept {
    std::size_t at = home(slot.tag);
    while (slots_[at].tag != 0) {
        at = after(at);
    }
    slots_[at] = slot;
}

void FingerprintTable::erase(Slot* slot) noexcept {
    auto hole = static_cast<std::size_t>(slot - slots_.get());
    for (std::size_t at = after(hole); slots_[at].tag != 0; at = after(at)) {
        // A slot may move into the hole if that is not before its home, counted around the end of the table.
        const std::size_t from_home = (at - home(slots_[at].tag)) & (slot_count_ - 1);
        const std::size_t from_hole = (at - hole) & (slot_count_ - 1);
        if (from_home >= from_hole) {
            slots_[hole] = slots_[at];
            hole = at;
        }
    }
    slots_[hole] = {};
}

// --- CompactionWindow

CompactionWindow::CompactionWindow(MemoryBudget& budget, Random& random, std::size_t keys_max)
    : keys_max_(keys_max), charge_(budget) {
    for (std::size_t at = 0; at < secret_.size(); at += sizeof(std::uint64_t)) {
        const std::uint64_t number = random.next();
        std::memcpy(secret_.data() + at, &number, sizeof number);
    }
}

KeyFingerprint CompactionWindow::fingerprint_of(std::string_view key) const noexcept {
    static_assert(sizeof secret_ >= XXH3_SECRET_SIZE_MIN && sizeof secret_ % sizeof(std::uint64_t) == 0);
    const XXH128_hash_t hash = XXH3_128bits_withSecret(key.data(), key.size(), secret_.data(), secret_.size());
    return {hash.low64, hash.high64};
}

/// How many chunks lie before the one with this entry.
std::size_t CompactionWindow::chunks_before(std::uint64_t number) const noexcept {
    return static_cast<std::size_t>(number / chunk_entries - first_ / chunk_entries);
}

CompactionWindow::Entry& CompactionWindow::entry(std::uint64_t number) const noexcept {
    return (*chunks_[chunks_before(number)])[number % chunk_entries];
}

/// The number of a remembered entry from the bits that a slot keeps. There are never 2^32 entries at a time.
std::uint64_t CompactionWindow::whole_number(std::uint32_t low_bits) const noexcept {
    return first_ + (low_bits - static_cast<std::uint32_t>(first_));
}

CompactionWindow::Verdict CompactionWindow::accept(std::string_view key, Timestamp now,
                                                   std::chrono::microseconds length) {
    forget(now, length, forgotten_per_accept);
    move_some();
    const KeyFingerprint fingerprint = fingerprint_of(key);
    const std::uint32_t tag = FingerprintTable::tag_of(fingerprint);
    const auto is_same = [&](std::uint32_t number) { return entry(whole_number(number)).fingerprint == fingerprint; };
    FingerprintTable::Slot* const moved = table_.find(tag, is_same);
    FingerprintTable::Slot* const unmoved = moved == nullptr ? old_.find(tag, is_same) : nullptr;
    if (const FingerprintTable::Slot* slot = moved != nullptr ? moved : unmoved) {
        if (now - entry(whole_number(slot->number)).accepted < length) {
            return Verdict::duplicate;
        }
        // Old, and not forgotten yet: its entry stays in line, and the key's new one takes its place in the table.
        erase_slot(whole_number(slot->number));
    }
    if (keys() >= keys_max_) {
        return Verdict::window_full;
    }
    if (!reserve_entry()) {
        return Verdict::memory_full;
    }
    entry(end_) = {fingerprint, now};
    table_.insert({.number = static_cast<std::uint32_t>(end_), .tag = tag});
    ++end_;
    return Verdict::accepted;
}

void CompactionWindow::withdraw(std::size_t count) noexcept {
    for (; count > 0; --count) {
        erase_slot(--end_);
    }
    fit_memory();
}

void CompactionWindow::forget(Timestamp now, std::chrono::microseconds length, std::size_t entries_max) {
    bool has_forgotten = false;
    for (; entries_max > 0 && first_ != end_ && now - entry(first_).accepted >= length; --entries_max) {
        forget_oldest();
        move_some();
        has_forgotten = true;
    }
    if (has_forgotten) {
        fit_memory();
    }
}

std::optional<Timestamp> CompactionWindow::next_forget(std::chrono::microseconds length) const noexcept {
    if (first_ == end_) {
        return std::nullopt;
    }
    const std::uint64_t chunk_end = (first_ / chunk_entries + 1) * chunk_entries;
    const Timestamp last = entry(std::min(chunk_end, end_) - 1).accepted;
    if (length > Timestamp::max() - last) {
        return std::nullopt;
    }
    return last + length;
}

// --- Memory

bool CompactionWindow::recharge(std::uint64_t more_bytes) noexcept {
    const std::uint64_t bytes = chunks_.size() * sizeof(Chunk) + table_.bytes() + old_.bytes() + more_bytes;
    if (!charge_.resize(bytes)) {
        refused_bytes_ = more_bytes;
        return false;
    }
    return true;
}

/// Makes sure that one more entry has a place, in its chunk and in the table.
bool CompactionWindow::reserve_entry() {
    // At most three slots in four are taken. Moving is over before that is reached again: halving leaves the least
    // room, a twelfth of the slots, and with each entry that takes one of them 32 of twice as many slots have been
    // moved.
    if (4 * (keys() + 1) > 3 * table_.slot_count() && !begin_move(std::max(slots_min, 2 * table_.slot_count()))) {
        return false;
    }
    if (chunks_.empty() || chunks_before(end_) >= chunks_.size()) {
        if (!recharge(sizeof(Chunk))) {
            return false;
        }
        chunks_.push_back(std::make_unique<Chunk>());
    }
    return true;
}

bool CompactionWindow::begin_move(std::size_t slot_count) {
    if (!recharge(slot_count * sizeof(FingerprintTable::Slot))) {
        return false;
    }
    old_ = std::exchange(table_, FingerprintTable(slot_count));
    old_moved_ = 0;
    return true;
}

void CompactionWindow::move_some() noexcept {
    if (old_.slot_count() == 0) {
        return;
    }
    const std::size_t until = std::min(old_moved_ + slots_moved_per_step, old_.slot_count());
    for (; old_moved_ < until; ++old_moved_) {
        if (const FingerprintTable::Slot slot = old_.slot(old_moved_); slot.tag != 0) {
            table_.insert(slot);
        }
    }
    if (old_moved_ == old_.slot_count()) {
        old_ = FingerprintTable();
        (void)recharge(0);
    }
}

/// Removes the entry's slot from both tables, as far as it is there.
void CompactionWindow::erase_slot(std::uint64_t number) noexcept {
    const std::uint32_t tag = FingerprintTable::tag_of(entry(number).fingerprint);
    const auto is_number = [&](std::uint32_t candidate) { return candidate == static_cast<std::uint32_t>(number); };
    if (FingerprintTable::Slot* slot = table_.find(tag, is_number)) {
        table_.erase(slot);
    }
    if (FingerprintTable::Slot* slot = old_.find(tag, is_number)) {
        FingerprintTable::bury(slot);
    }
}

void CompactionWindow::forget_oldest() noexcept {
    erase_slot(first_);
    ++first_;
    if (first_ % chunk_entries == 0) {
        chunks_.pop_front();
    }
}

/// Gives back what the entries that are left do not need.
void CompactionWindow::fit_memory() noexcept {
    if (first_ == end_) {
        chunks_.clear();
        table_ = FingerprintTable();
        old_ = FingerprintTable();
    }
    while (!chunks_.empty() && chunks_before(end_) + 1 < chunks_.size()) {
        chunks_.pop_back();
    }
    (void)recharge(0);
    // Growing leaves three slots in eight taken. A bound as close as a third keeps the bytes per key within what we
    // promise.
    const bool is_sparse = table_.slot_count() > slots_min && 3 * keys() < table_.slot_count();
    if (is_sparse && old_.slot_count() == 0) {
        // Where the budget has no room for the smaller table beside this one, this one stays for now.
        (void)begin_move(table_.slot_count() / 2);
    }
}

}  // namespace leveret
