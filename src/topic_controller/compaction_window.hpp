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
#include <span>
#include <string_view>

#include "environment/clock.hpp"
#include "environment/memory_budget.hpp"
#include "environment/random.hpp"
#include "protocol/identity.hpp"

namespace leveret {

/// What a window counts in: the steady clock's time, which nobody sets. Whole microseconds, so that every length that a
/// topic's settings can ask for is a duration of it.
using WindowTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::microseconds>;

/// 128 bits of a key's hash. The hash has a secret of its own in every window, so nobody can make keys that collide; by
/// chance two of 10^9 keys do so with a probability below 10^-20.
struct KeyFingerprint {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    friend bool operator==(const KeyFingerprint&, const KeyFingerprint&) = default;
};

/// The numbers that mean something at the moment, by their low 32 bits: `count` of them from `first` on. `given`
/// numbers from there on have been given out: more than that where the last ones were taken back.
struct LiveNumbers {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    std::uint32_t given = 0;
    [[nodiscard]] bool contains(std::uint32_t number) const noexcept { return number - first < count; }
    [[nodiscard]] bool has_given(std::uint32_t number) const noexcept { return number - first < given; }
};

/// Fingerprints to numbers that are given out one after the other and become dead in the same order. Nothing is ever
/// erased: a slot whose number is dead is free. So forgetting costs nothing here, and a key nearly always one access to
/// one line of the cache.
///
/// A key belongs to one line of seven slots. Where all of them are live, it goes to the next line, and the one that was
/// full notes its number: whoever searches goes on from there for as long as that number lives. Not thread-safe.
class FingerprintTable {
  public:
    /// Has no lines: nothing is found in it, and nothing may be inserted.
    FingerprintTable() = default;
    /// `line_count`: a power of two. Large ones come zeroed and untouched from the system: no time is spent on them
    /// here. Where the system has no memory it has no lines.
    explicit FingerprintTable(std::size_t line_count) noexcept;

    static constexpr std::size_t line_bytes = 64;
    [[nodiscard]] std::size_t line_count() const noexcept { return line_count_; }
    [[nodiscard]] std::size_t bytes() const noexcept { return line_count_ * line_bytes; }

    /// What a slot keeps of a fingerprint; never 0.
    [[nodiscard]] static std::uint32_t tag_of(const KeyFingerprint& fingerprint) noexcept;
    /// Asks the processor for the line where this tag's search begins, without waiting for it.
    void prefetch(std::uint32_t tag) const noexcept;
    /// The live number with this tag for which `matches(number)` holds; null where there is none.
    template <class Matches>
    [[nodiscard]] const std::uint32_t* find(std::uint32_t tag, const LiveNumbers& live, Matches matches) const noexcept;
    /// There must be a free slot.
    void insert(std::uint32_t tag, std::uint32_t number, const LiveNumbers& live) noexcept;
    /// Frees the slot of a live number, where it has one.
    void remove(std::uint32_t tag, std::uint32_t number, const LiveNumbers& live) noexcept;
    /// Empties what is dead in line `index`. Every line has to be visited before 2^31 further numbers are given out, or
    /// a number of old would look like one of them.
    void sweep(std::size_t index, const LiveNumbers& live) noexcept;
    /// Inserts what is live in line `index` of `from`.
    void insert_line(const FingerprintTable& from, std::size_t index, const LiveNumbers& live) noexcept;

  private:
    static constexpr std::size_t line_slots = 7;
    /// Eight tags and eight numbers, so that four at a time can be compared; the eighth are no slot.
    struct alignas(line_bytes) Line {
        std::array<std::uint32_t, line_slots + 1> tags;  ///< 0: the slot holds nothing
        std::array<std::uint32_t, line_slots + 1> numbers;
        /// The last number that found no room here, if has_passed_on() is not 0.
        [[nodiscard]] std::uint32_t& passed_on() noexcept { return tags[line_slots]; }
        [[nodiscard]] std::uint32_t passed_on() const noexcept { return tags[line_slots]; }
        [[nodiscard]] std::uint32_t& has_passed_on() noexcept { return numbers[line_slots]; }
        [[nodiscard]] std::uint32_t has_passed_on() const noexcept { return numbers[line_slots]; }
    };
    static_assert(sizeof(Line) == line_bytes);
    struct Free {
        std::size_t bytes;
        void operator()(Line* lines) const noexcept;
    };

    [[nodiscard]] static inline std::uint32_t slots_with(const Line& line, std::uint32_t tag) noexcept;
    [[nodiscard]] static bool goes_on(const Line& line, const LiveNumbers& live) noexcept {
        return line.has_passed_on() != 0 && live.has_given(line.passed_on());
    }
    [[nodiscard]] static inline std::uint32_t free_slots(const Line& line, const LiveNumbers& live) noexcept;
    [[nodiscard]] std::size_t home(std::uint32_t tag) const noexcept { return tag & (line_count_ - 1); }
    [[nodiscard]] std::size_t after(std::size_t index) const noexcept { return (index + 1) & (line_count_ - 1); }

    std::unique_ptr<Line[], Free> lines_;
    std::size_t line_count_ = 0;
};

/// Remembers keys with the time of their acceptance, in the order of acceptance, at up to 64 bytes each (74 while their
/// table grows, 93 while it shrinks; and 16 KiB). Every operation is O(1) amortised, and none stops for long: when the
/// table has to grow or shrink, each of the following operations moves a few lines, and both tables are looked at until
/// all have moved. So memory that thousands of keys need no more at once is given back with the operations that follow.
/// A table that has grown keeps its size for two lengths of the window, as long as keys come, however few.
/// What the kernel takes to clear the pages of a new table comes on top: a moment for 256 MiB (8 million keys), or
/// seconds on a virtual machine whose host has to find that memory (docs/performance.md).
///
/// Entries are taken back with withdraw(), newest first, when what they stand for fails. Keys are accepted in the order
/// of their times; what is forgotten meanwhile may be asked for at later ones. Not thread-safe: used under the topic's
/// mutex.
class CompactionWindow {
  public:
    enum class Verdict { accepted, duplicate, window_full, memory_full };

    /// At most 2^30 keys, whatever `keys_max` is. `first_number` is for tests: see below where numbers wrap.
    CompactionWindow(MemoryBudget& budget, Random& random, std::size_t keys_max, std::uint64_t first_number = 0);

    /// For each key in turn: a duplicate where it was accepted less than `length` before `now`; that changes nothing.
    /// Otherwise it is remembered as accepted `now`, unless keys_max others are or the budget refuses: then the keys
    /// after it are not looked at. Returns how many of `verdicts` it gave; there is one for each key.
    ///
    /// Several keys together cost much less than one by one: their slots arrive from memory while others have their
    /// turn.
    std::size_t accept(std::span<const std::string_view> keys, WindowTime now, std::chrono::microseconds length,
                       std::span<Verdict> verdicts);
    [[nodiscard]] Verdict accept(std::string_view key, WindowTime now, std::chrono::microseconds length) {
        Verdict verdict{};
        accept({&key, 1}, now, length, {&verdict, 1});
        return verdict;
    }
    /// Takes back the entries of the last `count` keys that were accepted.
    void withdraw(std::size_t count) noexcept;

    /// Forgets up to `entries_max` keys that were accepted `length` or longer before `now`, and gives back memory.
    void forget(WindowTime now, std::chrono::microseconds length, std::size_t entries_max);
    /// When enough will have become old for forget() to be worth a call: an eighth of the keys, and a chunk of entries.
    /// While keys come accept() forgets by itself, so a busy window needs no timer that fires all the time; one that is
    /// idle keeps up to an eighth of its keys for up to one more length. Nothing where there is nothing to forget, or
    /// never will be.
    [[nodiscard]] std::optional<WindowTime> next_forget(std::chrono::microseconds length) const noexcept;

    /// Keys remembered; some of them may be old already.
    [[nodiscard]] std::size_t keys() const noexcept { return static_cast<std::size_t>(end_ - first_); }
    [[nodiscard]] std::uint64_t charged_bytes() const noexcept { return charge_.bytes(); }
    /// The allocation that accept() did not get when it last answered memory_full. Bytes.
    [[nodiscard]] std::uint64_t refused_bytes() const noexcept { return refused_bytes_; }

  private:
    struct Entry {
        KeyFingerprint fingerprint;
        WindowTime accepted{};
    };
    static constexpr std::size_t chunk_entries = 128;
    using Chunk = std::array<Entry, chunk_entries>;
    static constexpr std::size_t lines_min = 8;
    static constexpr std::size_t lines_moved_per_step = 8;
    static constexpr std::size_t forgotten_per_accept = 2;
    /// Accepted together; more would push each other's slots out of the nearest cache.
    static constexpr std::size_t group_keys = 32;

    [[nodiscard]] KeyFingerprint fingerprint_of(std::string_view key) const noexcept;
    [[nodiscard]] Verdict accept_one(const KeyFingerprint& fingerprint, WindowTime now,
                                     std::chrono::microseconds length);
    bool forget_some(WindowTime now, std::chrono::microseconds length, std::size_t entries_max) noexcept;
    [[nodiscard]] LiveNumbers live() const noexcept;
    [[nodiscard]] Entry& entry(std::uint64_t number) const noexcept;
    [[nodiscard]] std::uint64_t whole_number(std::uint32_t low_bits) const noexcept;
    /// How many chunks lie before the one with this entry.
    [[nodiscard]] std::size_t chunks_before(std::uint64_t number) const noexcept {
        return static_cast<std::size_t>(number / chunk_entries - first_ / chunk_entries);
    }

    /// At most four slots in seven are taken. Some lines are full long before all are, and the keys that go on to the
    /// next line are slow: with four in a line on average a key costs 35 ns (bench/micro accept_new_keys/130000), with
    /// five, which was the bound, 45 to 60.
    [[nodiscard]] static std::size_t entries_max(const FingerprintTable& table) noexcept {
        return 4 * table.line_count();
    }
    [[nodiscard]] bool table_has_room() const noexcept { return keys() < entries_max(table_); }
    [[nodiscard]] bool chunk_has_room() const noexcept { return chunks_before(end_) < chunks_.size(); }
    [[nodiscard]] Verdict make_room(WindowTime now);
    void note_room() noexcept;
    [[nodiscard]] bool reserve_entry(WindowTime now);
    [[nodiscard]] bool begin_move(std::size_t line_count) noexcept;
    void sweep_some() noexcept;
    void move_some() noexcept;
    void remove_from_tables(std::uint64_t number, std::uint32_t tag) noexcept;
    [[nodiscard]] bool may_halve(WindowTime now, std::chrono::microseconds length) const noexcept;
    void fit_memory(bool halve_if_sparse) noexcept;
    [[nodiscard]] bool recharge(std::uint64_t more_bytes) noexcept;

    std::array<std::byte, 192> secret_;
    const std::size_t keys_max_;
    MemoryCharge charge_;
    std::uint64_t refused_bytes_ = 0;

    // Entries have consecutive numbers, those in [first_, end_) are remembered. Tables keep the low 32 bits, which
    // wrap.
    std::uint64_t first_;
    std::uint64_t end_ = first_;
    std::uint64_t given_end_ = first_;           // where end_ was at most
    std::deque<std::unique_ptr<Chunk>> chunks_;  // the first one has the entry first_

    // What keys_max_, the table and the chunk of end_ have room for at least, so that one comparison tells it for a key
    // (7 % less time, bench/micro accept_new_keys).
    std::uint64_t room_end_ = first_;
    Entry* next_entry_ = nullptr;  // where the entry end_ goes; means nothing where that is room_end_

    FingerprintTable table_;
    FingerprintTable old_;             // what is moved to table_, line by line; has no lines when nothing is
    std::size_t swept_ = 0;            // the line of table_ to sweep next
    std::optional<WindowTime> grown_;  // when table_ became the larger one
    std::size_t old_moved_ = 0;  // lines of it that have been moved; they stay in place, so that searching still works
};

}  // namespace leveret
