// Going through a segment record by record, verifying each, and finding the way again behind damage. Used by recovery,
// by reads that hit damage, and by the tools for people.
#pragma once

#include <memory>
#include <optional>

#include "message_log/files.hpp"
#include "message_log/segment/segment_index.hpp"

namespace leveret {

enum class StoredCheck {
    valid,
    incomplete,  ///< well-formed as far as there are bytes; there may be more in the file
    damaged,
};

/// The record at the front of `bytes`: whole, well-formed, with this offset and a matching checksum.
[[nodiscard]] StoredCheck check_stored_record(Bytes bytes, Offset expected) noexcept;

/// Bytes [position, position_end) of a segment that hold the records [first, end), and cannot be read.
struct DamagedRange {
    Offset first{};
    Offset end{};  ///< equal to `first` where no record follows, so that nobody knows
    std::uint64_t position = 0;
    std::uint64_t position_end = 0;
    friend bool operator==(const DamagedRange&, const DamagedRange&) = default;
};

/// Reads with a memory of its own, of a fixed size whatever sizes the file claims.
class SegmentScanner {
  public:
    enum class Found { record, damage, end };
    struct Record {
        IndexEntry place;
        std::uint32_t bytes = 0;
        bool ends_batch = true;
        [[nodiscard]] std::uint64_t end_position() const noexcept { return place.position + bytes; }
    };
    static constexpr std::size_t window_bytes_default = 1U << 20U;

    /// Starts at the record `from`, whose timestamp is the least that is accepted; takes the file to have `size` bytes.
    /// `file` outlives this.
    SegmentScanner(File& file, const IndexEntry& from, std::uint64_t size,
                   std::size_t window_bytes = window_bytes_default);

    /// Errors: the system's.
    [[nodiscard]] Result<Found> next();
    /// After Found::record.
    [[nodiscard]] const Record& record() const noexcept { return record_; }
    /// After Found::damage; the next record, if there is one, begins at its position_end.
    [[nodiscard]] const DamagedRange& damage() const noexcept { return damage_; }
    [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
    [[nodiscard]] Offset offset() const noexcept { return offset_; }

  private:
    /// Offsets that a record may have; both included.
    struct Expected {
        Offset least{};
        Offset most{};
    };
    [[nodiscard]] Result<Bytes> window_at(std::uint64_t position, std::size_t least);
    [[nodiscard]] Result<std::optional<Record>> check_at(std::uint64_t position, Expected expected);
    [[nodiscard]] Result<bool> has_valid_content(std::uint64_t position, Bytes head);
    [[nodiscard]] Result<std::optional<Record>> search_behind_damage();
    [[nodiscard]] Expected expected_at(std::uint64_t position) const noexcept;
    void accept(const Record& record) noexcept;

    File& file_;
    const std::uint64_t size_;
    const std::size_t window_bytes_;
    std::unique_ptr<std::byte[]> window_;
    std::uint64_t window_begin_ = 0;
    std::size_t window_used_ = 0;
    std::uint64_t position_;
    Offset offset_;
    Timestamp timestamp_;
    Record record_{};
    DamagedRange damage_{};
};

}  // namespace leveret
