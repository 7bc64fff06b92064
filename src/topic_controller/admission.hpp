// What of a batch is to be appended, after the compaction window has had its say.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <system_error>
#include <vector>

#include "protocol/identity.hpp"
#include "protocol/record.hpp"
#include "topic_controller/compaction_window.hpp"

namespace leveret {

/// Reused from batch to batch, so that it does not allocate. Not thread-safe.
class Admission {
  public:
    /// Everything. `records` must outlive the use of runs().
    void admit_all(Bytes records, std::uint32_t record_count);

    /// Drops the records whose key `window` has seen less than `length` ago, and appends their indexes to `duplicates`.
    /// The keys of the others are now in the window: withdraw() takes them out again.
    /// Errors: memory_full, window_full; bad_record where the batch would now end with a record that says another one
    /// follows, and that cannot be mended because its checksum is wrong. On error the window is as before.
    [[nodiscard]] std::error_code admit(Bytes records, CompactionWindow& window, WindowTime now,
                                        std::chrono::microseconds length, std::vector<std::uint32_t>& duplicates);
    /// Takes the keys of the last admit() out of the window, because its records were not appended after all.
    void withdraw(CompactionWindow& window) const noexcept { window.withdraw(keys_); }

    /// What is left, in order: whole records, the last of them with more_in_batch clear.
    [[nodiscard]] std::span<const Bytes> runs() const noexcept { return runs_; }
    [[nodiscard]] std::uint32_t record_count() const noexcept { return record_count_; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

  private:
    /// Records whose keys go through the window together, which is much faster than one by one.
    static constexpr std::uint32_t group_records = 64;
    struct Group {
        std::array<const std::byte*, group_records> records;
        std::array<std::string_view, group_records> keys;
        std::array<std::uint32_t, group_records> record_of_key;
        std::uint32_t count = 0;
        std::uint32_t key_count = 0;
        void add(RecordView record) noexcept;
    };

    void clear() noexcept;
    [[nodiscard]] std::error_code admit_group(const Group& group, std::uint32_t first_index, CompactionWindow& window,
                                              WindowTime now, std::chrono::microseconds length,
                                              std::vector<std::uint32_t>& duplicates);
    void keep(RecordView first, RecordView last, std::uint32_t count);
    [[nodiscard]] std::error_code end_batch();

    std::vector<Bytes> runs_;
    std::vector<std::byte> mended_;  // the last record, where it had to be changed
    std::uint64_t bytes_ = 0;
    std::uint32_t record_count_ = 0;
    std::uint32_t keys_ = 0;
    Bytes last_{};
};

}  // namespace leveret
