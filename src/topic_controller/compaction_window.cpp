#include "topic_controller/compaction_window.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <utility>

#include <sys/mman.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace leveret {

namespace {

/// From here on a table is mapped, and as large pages: a key's line is anywhere in it, and each small page of it would
/// cost a walk through the page tables (bench/micro accept_new_keys).
constexpr std::size_t mapped_bytes_min = 2U << 20U;

/// Zeroed; null where there is no memory.
void* allocate_table(std::size_t bytes) noexcept {
    if (bytes >= mapped_bytes_min) {
        void* const mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped == MAP_FAILED) {
            return nullptr;
        }
        (void)::madvise(mapped, bytes, MADV_HUGEPAGE);  // where the system has none, it stays as it is
        return mapped;
    }
    void* const memory = ::operator new (bytes, std::align_val_t{FingerprintTable::line_bytes}, std::nothrow);
    return memory != nullptr ? std::memset(memory, 0, bytes) : nullptr;
}

}  // namespace

// --- FingerprintTable

void FingerprintTable::Free::operator()(Line* lines) const noexcept {
    if (bytes >= mapped_bytes_min) {
        ::munmap(lines, bytes);
    } else {
        ::operator delete (lines, std::align_val_t{line_bytes});
    }
}

FingerprintTable::FingerprintTable(std::size_t line_count) noexcept
    : lines_(static_cast<Line*>(allocate_table(line_count * line_bytes)), Free{line_count * line_bytes}),
      line_count_(lines_ ? line_count : 0) {}

std::uint32_t FingerprintTable::tag_of(const KeyFingerprint& fingerprint) noexcept {
    return std::max<std::uint32_t>(static_cast<std::uint32_t>(fingerprint.low), 1);
}

void FingerprintTable::prefetch(std::uint32_t tag) const noexcept {
    if (line_count_ != 0) {
        __builtin_prefetch(&lines_[home(tag)], 0);
    }
}

namespace {

constexpr std::uint32_t all_slots = 0x7f;

/// Four numbers that are compared at once, as every x86-64 can.
using Four = std::uint32_t __attribute__((vector_size(16)));

Four load_four(const std::uint32_t* from) noexcept {
    Four four;
    std::memcpy(&four, from, sizeof four);
    return four;
}

/// A bit for each of the four that are all ones and not 0.
std::uint32_t bits_of(Four mask) noexcept {
#if defined(__SSE2__)
    return static_cast<std::uint32_t>(_mm_movemask_ps(reinterpret_cast<__m128>(mask)));
#else
    return (mask[0] & 1U) | (mask[1] & 2U) | (mask[2] & 4U) | (mask[3] & 8U);
#endif
}

}  // namespace

/// A bit for each slot. Without a branch: which slot it is could not be predicted.
std::uint32_t FingerprintTable::slots_with(const Line& line, std::uint32_t tag) noexcept {
    const auto with_tag = [&](std::size_t at) {
        return bits_of(reinterpret_cast<Four>(load_four(&line.tags[at]) == Four{} + tag));
    };
    return (with_tag(0) | with_tag(4) << 4U) & all_slots;
}

std::uint32_t FingerprintTable::free_slots(const Line& line, const LiveNumbers& live) noexcept {
    const auto taken = [&](std::size_t at) {
        const auto holds_something = load_four(&line.tags[at]) != Four{};
        const auto is_live = load_four(&line.numbers[at]) - live.first < Four{} + live.count;
        return bits_of(reinterpret_cast<Four>(holds_something & is_live));
    };
    return ~(taken(0) | taken(4) << 4U) & all_slots;
}

// What every key goes through is put into one loop: find(), insert() and accept_one(). At -O2 the compiler would call
// each of them, for a tenth more time (bench/micro accept_new_keys).

template <class Matches>
[[gnu::always_inline]] inline const std::uint32_t* FingerprintTable::find(std::uint32_t tag, const LiveNumbers& live,
                                                                          Matches matches) const noexcept {
    std::size_t at = home(tag);
    for (std::size_t searched = 0; searched < line_count_; ++searched, at = after(at)) {
        const Line& line = lines_[at];
        for (std::uint32_t slots = slots_with(line, tag); slots != 0; slots &= slots - 1) {
            const std::uint32_t& number = line.numbers[static_cast<std::size_t>(std::countr_zero(slots))];
            if (live.contains(number) && matches(number)) {
                return &number;
            }
        }
        if (!goes_on(line, live)) {
            break;
        }
    }
    return nullptr;
}

[[gnu::always_inline]] inline void FingerprintTable::insert(std::uint32_t tag, std::uint32_t number,
                                                            const LiveNumbers& live) noexcept {
    for (std::size_t at = home(tag);; at = after(at)) {
        Line& line = lines_[at];
        if (const std::uint32_t slots = free_slots(line, live); slots != 0) {
            const auto slot = static_cast<std::size_t>(std::countr_zero(slots));
            line.tags[slot] = tag;
            line.numbers[slot] = number;
            return;
        }
        // The one that lives longest: numbers that move from another table come later and are older.
        if (!goes_on(line, live) || number - live.first > line.passed_on() - live.first) {
            line.passed_on() = number;
            line.has_passed_on() = 1;
        }
    }
}

void FingerprintTable::remove(std::uint32_t tag, std::uint32_t number, const LiveNumbers& live) noexcept {
    std::size_t at = home(tag);
    for (std::size_t searched = 0; searched < line_count_; ++searched, at = after(at)) {
        Line& line = lines_[at];
        for (std::uint32_t slots = slots_with(line, tag); slots != 0; slots &= slots - 1) {
            const auto slot = static_cast<std::size_t>(std::countr_zero(slots));
            if (line.numbers[slot] == number) {
                line.tags[slot] = 0;
                return;
            }
        }
        if (!goes_on(line, live)) {
            return;
        }
    }
}

void FingerprintTable::sweep(std::size_t index, const LiveNumbers& live) noexcept {
    Line& line = lines_[index];
    for (std::size_t i = 0; i < line_slots; ++i) {
        line.tags[i] = live.contains(line.numbers[i]) ? line.tags[i] : 0;
    }
    line.has_passed_on() = goes_on(line, live) ? 1 : 0;
}

void FingerprintTable::insert_line(const FingerprintTable& from, std::size_t index, const LiveNumbers& live) noexcept {
    const Line& line = from.lines_[index];
    for (std::size_t i = 0; i < line_slots; ++i) {
        if (line.tags[i] != 0 && live.contains(line.numbers[i])) {
            insert(line.tags[i], line.numbers[i], live);
        }
    }
}

// --- CompactionWindow

namespace {
/// Numbers are told apart by 32 bits.
constexpr std::size_t keys_most = 1U << 30U;
}  // namespace

CompactionWindow::CompactionWindow(MemoryBudget& budget, Random& random, std::size_t keys_max,
                                   std::uint64_t first_number)
    : keys_max_(std::min<std::size_t>(keys_max, keys_most)), charge_(budget), first_(first_number) {
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

LiveNumbers CompactionWindow::live() const noexcept {
    return {static_cast<std::uint32_t>(first_), static_cast<std::uint32_t>(end_ - first_),
            static_cast<std::uint32_t>(given_end_ - first_)};
}

CompactionWindow::Entry& CompactionWindow::entry(std::uint64_t number) const noexcept {
    return (*chunks_[chunks_before(number)])[number % chunk_entries];
}

/// The number of a remembered entry from the bits that a slot keeps. There are never 2^32 entries at a time.
std::uint64_t CompactionWindow::whole_number(std::uint32_t low_bits) const noexcept {
    return first_ + (low_bits - static_cast<std::uint32_t>(first_));
}

std::size_t CompactionWindow::accept(std::span<const std::string_view> keys, WindowTime now,
                                     std::chrono::microseconds length, std::span<Verdict> verdicts) {
    std::array<KeyFingerprint, group_keys> fingerprints;
    std::size_t given = 0;
    bool has_forgotten = false;
    bool goes_on = true;
    while (given < keys.size() && goes_on) {
        sweep_some();
        const auto group = keys.subspan(given, std::min(group_keys, keys.size() - given));
        for (std::size_t i = 0; i < group.size(); ++i) {
            fingerprints[i] = fingerprint_of(group[i]);
            table_.prefetch(FingerprintTable::tag_of(fingerprints[i]));
        }
        has_forgotten |= forget_some(now, length, forgotten_per_accept * group.size());
        for (std::size_t i = 0; i < group.size() && goes_on; ++i) {
            const Verdict verdict = accept_one(fingerprints[i], now, length);
            verdicts[given++] = verdict;
            goes_on = verdict == Verdict::accepted || verdict == Verdict::duplicate;
        }
    }
    if (has_forgotten) {
        fit_memory(may_halve(now, length));
    }
    return given;
}

[[gnu::always_inline]] inline CompactionWindow::Verdict CompactionWindow::accept_one(const KeyFingerprint& fingerprint,
                                                                                     WindowTime now,
                                                                                     std::chrono::microseconds length) {
    if (old_.line_count() != 0) {
        move_some();
    }
    const std::uint32_t tag = FingerprintTable::tag_of(fingerprint);
    const auto is_same = [&](std::uint32_t number) { return entry(whole_number(number)).fingerprint == fingerprint; };
    const LiveNumbers live_numbers = live();
    const std::uint32_t* found = table_.find(tag, live_numbers, is_same);
    if (found == nullptr && old_.line_count() != 0) {
        found = old_.find(tag, live_numbers, is_same);
    }
    if (found != nullptr) {
        const std::uint64_t number = whole_number(*found);
        if (now - entry(number).accepted < length) {
            return Verdict::duplicate;
        }
        // Old, and not forgotten yet: its entry stays in line, and the key's new one takes its place in the table.
        remove_from_tables(number, tag);
    }
    if (end_ == room_end_) {
        if (const Verdict verdict = make_room(now); verdict != Verdict::accepted) {
            return verdict;
        }
    }
    *next_entry_++ = {fingerprint, now};
    table_.insert(tag, static_cast<std::uint32_t>(end_), live_numbers);
    ++end_;
    given_end_ = std::max(given_end_, end_);
    return Verdict::accepted;
}

void CompactionWindow::withdraw(std::size_t count) noexcept {
    for (; count > 0; --count) {
        const std::uint64_t newest = end_ - 1;
        remove_from_tables(newest, FingerprintTable::tag_of(entry(newest).fingerprint));
        end_ = newest;
    }
    fit_memory(false);
}

void CompactionWindow::forget(WindowTime now, std::chrono::microseconds length, std::size_t entries_max) {
    if (forget_some(now, length, entries_max)) {
        fit_memory(may_halve(now, length));
    }
}

/// Says whether it did forget any: then the memory has to be fitted. The entries' times ascend, so one look at the last
/// of many nearly always tells of all of them.
bool CompactionWindow::forget_some(WindowTime now, std::chrono::microseconds length, std::size_t entries_max) noexcept {
    const auto is_old = [&](const Entry& entry) { return now - entry.accepted >= length; };
    std::size_t forgotten = 0;
    for (bool goes_on = true; goes_on && first_ != end_ && forgotten < entries_max;) {
        const std::size_t at = first_ % chunk_entries;
        const std::size_t count = std::min({entries_max - forgotten, chunk_entries - at, keys()});
        const Entry* const oldest = &(*chunks_.front())[at];
        const auto old = is_old(oldest[count - 1])
                             ? count
                             : static_cast<std::size_t>(std::partition_point(oldest, oldest + count, is_old) - oldest);
        first_ += old;  // whose slots are free by that
        if (old != 0 && first_ % chunk_entries == 0) {
            chunks_.pop_front();
        }
        for (std::size_t i = 0; i < old && old_.line_count() != 0; ++i) {
            move_some();
        }
        forgotten += old;
        goes_on = old == count;
    }
    return forgotten != 0;
}

std::optional<WindowTime> CompactionWindow::next_forget(std::chrono::microseconds length) const noexcept {
    if (first_ == end_) {
        return std::nullopt;
    }
    const std::uint64_t chunk_end = ((first_ + keys() / 8) / chunk_entries + 1) * chunk_entries;
    const WindowTime last = entry(std::min(chunk_end, end_) - 1).accepted;
    if (last > WindowTime::max() - length) {
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

/// For one more entry.
CompactionWindow::Verdict CompactionWindow::make_room(WindowTime now) {
    if (keys() >= keys_max_) {
        return Verdict::window_full;
    }
    if (!(table_has_room() && chunk_has_room()) && !reserve_entry(now)) {
        return Verdict::memory_full;
    }
    note_room();
    return Verdict::accepted;
}

void CompactionWindow::note_room() noexcept {
    // Not beyond its chunk: entries lie side by side only in there.
    const std::uint64_t chunk_end = chunk_has_room() ? (end_ / chunk_entries + 1) * chunk_entries : end_;
    room_end_ = std::max(end_, std::min({first_ + keys_max_, first_ + entries_max(table_), chunk_end}));
    next_entry_ = room_end_ > end_ ? &entry(end_) : nullptr;
}

/// Makes sure that one more entry has a place, in its chunk and in the table.
bool CompactionWindow::reserve_entry(WindowTime now) {
    // Moving is over before that is reached again: with each entry that is added eight lines are moved, and the fewest
    // that can be added until then are two for five lines (after halving).
    if (!table_has_room()) {
        if (!begin_move(std::max(lines_min, 2 * table_.line_count()))) {
            return false;
        }
        grown_ = now;
    }
    if (!chunk_has_room()) {
        if (!recharge(sizeof(Chunk))) {
            return false;
        }
        std::unique_ptr<Chunk> chunk(new (std::nothrow) Chunk);
        if (!chunk) {
            refused_bytes_ = sizeof(Chunk);
            (void)recharge(0);
            return false;
        }
        chunks_.push_back(std::move(chunk));
    }
    return true;
}

bool CompactionWindow::begin_move(std::size_t line_count) noexcept {
    const std::size_t bytes = line_count * FingerprintTable::line_bytes;
    if (!recharge(bytes)) {
        return false;
    }
    FingerprintTable next(line_count);
    if (next.line_count() == 0) {
        refused_bytes_ = bytes;
        (void)recharge(0);
        return false;
    }
    old_ = std::exchange(table_, std::move(next));
    old_moved_ = 0;
    swept_ = 0;
    return true;
}

/// A line per group of keys, which costs next to nothing, or so many that each comes by before 2^31 further numbers.
void CompactionWindow::sweep_some() noexcept {
    constexpr std::size_t lines_per_step = (1ULL << 31U) / group_keys;
    for (std::size_t lines = (table_.line_count() + lines_per_step - 1) / lines_per_step; lines > 0; --lines) {
        table_.sweep(swept_, live());
        swept_ = swept_ + 1 < table_.line_count() ? swept_ + 1 : 0;
    }
}

/// There are some.
void CompactionWindow::move_some() noexcept {
    const std::size_t until = std::min(old_moved_ + lines_moved_per_step, old_.line_count());
    for (; old_moved_ < until; ++old_moved_) {
        table_.insert_line(old_, old_moved_, live());
    }
    if (old_moved_ == old_.line_count()) {
        old_ = FingerprintTable();
        (void)recharge(0);
    }
}

/// Of a live entry: from wherever it is, while lines move perhaps from both.
void CompactionWindow::remove_from_tables(std::uint64_t number, std::uint32_t tag) noexcept {
    table_.remove(tag, static_cast<std::uint32_t>(number), live());
    old_.remove(tag, static_cast<std::uint32_t>(number), live());
}

/// Growing may take so long that keys become old meanwhile (the kernel clears the pages of the new table). If it were
/// halved for that, it would have to grow again as soon as keys come as before.
bool CompactionWindow::may_halve(WindowTime now, std::chrono::microseconds length) const noexcept {
    const bool has_just_grown = grown_ && (now - *grown_) / 2 < length;
    const bool do_keys_come = first_ != end_ && now - entry(end_ - 1).accepted < length / 2;
    return !(has_just_grown && do_keys_come);
}

/// Gives back what the entries that are left do not need.
void CompactionWindow::fit_memory(bool halve_if_sparse) noexcept {
    if (first_ == end_) {
        chunks_.clear();
        table_ = FingerprintTable();
        old_ = FingerprintTable();
    }
    while (!chunks_.empty() && chunks_before(end_) + 1 < chunks_.size()) {
        chunks_.pop_back();
    }
    (void)recharge(0);
    // Growing leaves two keys in a line. A bound that is not far below, 1.6, keeps the bytes per key within what we
    // promise.
    const bool is_sparse = table_.line_count() > lines_min && 5 * keys() < 8 * table_.line_count();
    if (halve_if_sparse && is_sparse && old_.line_count() == 0) {
        // Where the budget has no room for the smaller table beside this one, this one stays for now.
        (void)begin_move(table_.line_count() / 2);
    }
    note_room();
}

}  // namespace leveret
