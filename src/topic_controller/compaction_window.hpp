// Which keys were accepted less than a while ago: what drops duplicates.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>

#include "environment/memory_budget.hpp"
#include "environment/random.hpp"
#include "protocol/identity.hpp"

namespace leveret {

/// 128 bits of a key's hash. The hash has a secret of its own in every window, so nobody can make keys that collide; by
/// chance two of 10^9 keys do so with a probability below 10^-20.
struct KeyFingerprint {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    friend bool operator==(const KeyFingerprint&, const KeyFingerprint&) = default;
};

/// Fingerprints to numbers, by open addressing with linear probing. A slot keeps 32 bits of the fingerprint beside the
/// number, so moving it elsewhere needs no look at anything else. Eight bytes a slot. Not thread-safe.
class FingerprintTable {
  public:
    struct Slot {
        std::uint32_t number = 0;
        std::uint32_t tag = 0;  ///< bits of the fingerprint, never 0; 0 marks a slot that holds nothing
    };

    FingerprintTable() = default;
    /// `slot_count`: a power of two. Its memory comes zeroed and untouched from the system: no time is spent on it
    /// here.
    explicit FingerprintTable(std::size_t slot_count);

    [[nodiscard]] std::size_t slot_count() const noexcept { return slot_count_; }
    [[nodiscard]] std::size_t bytes() const noexcept { return slot_count_ * sizeof(Slot); }
    [[nodiscard]] Slot slot(std::size_t index) const noexcept { return slots_[index]; }

    [[nodiscard]] static std::uint32_t tag_of(const KeyFingerprint& fingerprint) noexcept;
    /// The slot with this tag for whose number `matches(number)` holds; null where there is none.
    template <class Matches>
    [[nodiscard]] Slot* find(std::uint32_t tag, Matches matches) const noexcept;
    /// There must be an empty slot.
    void insert(Slot slot) noexcept;
    /// Empties `slot` and moves those behind it so that all are still found.
    void erase(Slot* slot) noexcept;
    /// Empties `slot` and moves nothing: for a table from which slots are read in their order. It takes no more
    /// inserts.
    static void bury(Slot* slot) noexcept { *slot = {.number = buried, .tag = 0}; }

  private:
    static constexpr std::uint32_t buried = 1;
    struct Free {
        void operator()(Slot* slots) const noexcept { std::free(slots); }
    };

    [[nodiscard]] std::size_t home(std::uint32_t tag) const noexcept { return tag & (slot_count_ - 1); }
    [[nodiscard]] std::size_t after(std::size_t index) const noexcept { return (index + 1) & (slot_count_ - 1); }

    std::unique_ptr<Slot[], Free> slots_;
    std::size_t slot_count_ = 0;
};

/// Remembers keys with the time of their acceptance, in the order of acceptance, at up to 64 bytes each (and 8 KiB).
/// Every operation is O(1) amortised, and none stops for long: when the table of keys has to grow or shrink, each of
/// the following operations moves a few slots, and both tables are looked at until all have moved.
///
/// Entries are taken back with withdraw(), newest first, when what they stand for fails. Times that are passed in must
/// not go backwards. Not thread-safe: used under the topic's mutex.
class CompactionWindow {
  public:
    enum class Verdict { accepted, duplicate, window_full, memory_full };

    CompactionWindow(MemoryBudget& budget, Random& random, std::size_t keys_max);

    /// A duplicate where the key was accepted less than `length` before `now`; it changes nothing. Otherwise the key is
    /// remembered as accepted `now`, unless keys_max others are or the budget refuses.
    [[nodiscard]] Verdict accept(std::string_view key, Timestamp now, std::chrono::microseconds length);
    /// Takes back the entries of the last `count` keys that were accepted.
    void withdraw(std::size_t count) noexcept;

    /// Forgets up to `entries_max` keys that were accepted `length` or longer before `now`, and gives back memory.
    void forget(Timestamp now, std::chrono::microseconds length, std::size_t entries_max);
    /// When enough will have become old for forget() to be worth a call: once per chunk of entries. Nothing where there
    /// is nothing to forget, or never will be.
    [[nodiscard]] std::optional<Timestamp> next_forget(std::chrono::microseconds length) const noexcept;

    /// Keys remembered; some of them may be old already.
    [[nodiscard]] std::size_t keys() const noexcept { return static_cast<std::size_t>(end_ - first_); }
    [[nodiscard]] std::uint64_t charged_bytes() const noexcept { return charge_.bytes(); }
    /// The allocation that accept() did not get when it last answered memory_full. Bytes.
    [[nodiscard]] std::uint64_t refused_bytes() const noexcept { return refused_bytes_; }

  private:
    struct Entry {
        KeyFingerprint fingerprint;
        Timestamp accepted{};
    };
    static constexpr std::size_t chunk_entries = 128;
    using Chunk = std::array<Entry, chunk_entries>;
    static constexpr std::size_t slots_min = 64;
    static constexpr std::size_t slots_moved_per_step = 32;
    static constexpr std::size_t forgotten_per_accept = 2;

    [[nodiscard]] KeyFingerprint fingerprint_of(std::string_view key) const noexcept;
    [[nodiscard]] Entry& entry(std::uint64_t number) const noexcept;
    [[nodiscard]] std::uint64_t whole_number(std::uint32_t low_bits) const noexcept;
    [[nodiscard]] std::size_t chunks_before(std::uint64_t number) const noexcept;

    [[nodiscard]] bool reserve_entry();
    [[nodiscard]] bool begin_move(std::size_t slot_count);
    void move_some() noexcept;
    void forget_oldest() noexcept;
    void erase_slot(std::uint64_t number) noexcept;
    void fit_memory() noexcept;
    [[nodiscard]] bool recharge(std::uint64_t more_bytes) noexcept;

    std::array<std::byte, 192> secret_;
    const std::size_t keys_max_;
    MemoryCharge charge_;
    std::uint64_t refused_bytes_ = 0;

    // Entries have consecutive numbers, those in [first_, end_) are remembered. Tables keep the low 32 bits.
    std::uint64_t first_ = 0;
    std::uint64_t end_ = 0;
    std::deque<std::unique_ptr<Chunk>> chunks_;  // the first one has the entry first_

    FingerprintTable table_;
    FingerprintTable old_;       // what is moved to table_, slot by slot; has no slots when nothing is
    std::size_t old_moved_ = 0;  // slots of it that have been moved; they stay in place, so that probing still works
};

}  // namespace leveret
