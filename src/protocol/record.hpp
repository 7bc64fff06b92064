// One layout for a record: on the wire, in memory and on disk. docs/protocol.md has it as a table with a worked
// example.
//
//   at  size  field                    at  size  field
//    0   4    size (u32)               24   1    attributes
//    4   4    checksum (u32)           25   1    layout = 1
//    8   8    offset (u64)             26   2    key_size (u16)
//   16   8    timestamp (i64, us)      28   4    headers_size (u32)
//   32   …    [32-byte extension] key, headers, payload
//
// Little-endian, unaligned. The publisher's library writes the record with the checksum of bytes 24…size; the broker
// stamps offset and timestamp in place and extends the checksum over bytes 0…4 and 8…24.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/error.hpp"
#include "protocol/identity.hpp"

namespace leveret {

using Bytes = std::span<const std::byte>;

[[nodiscard]] inline Bytes as_bytes(std::string_view text) noexcept {
    return std::as_bytes(std::span(text));
}
[[nodiscard]] inline std::string_view as_text(Bytes bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

namespace record_layout {
inline constexpr std::size_t header_bytes = 32;
inline constexpr std::size_t extension_bytes = 32;
inline constexpr std::size_t size_at = 0;
inline constexpr std::size_t checksum_at = 4;
inline constexpr std::size_t offset_at = 8;
inline constexpr std::size_t timestamp_at = 16;
inline constexpr std::size_t attributes_at = 24;
inline constexpr std::size_t layout_at = 25;
inline constexpr std::size_t key_size_at = 26;
inline constexpr std::size_t headers_size_at = 28;
inline constexpr std::uint8_t layout = 1;
inline constexpr std::uint32_t null_header_value = 0xFFFF'FFFF;

inline constexpr std::uint8_t has_key = 1U << 0;
inline constexpr std::uint8_t null_payload = 1U << 1;
inline constexpr std::uint8_t more_in_batch = 1U << 2;
inline constexpr std::uint8_t control = 1U << 3;
inline constexpr std::uint8_t codec_mask = 3U << 4;
inline constexpr std::uint8_t has_extension = 1U << 6;
inline constexpr std::uint8_t reserved = 1U << 7;
}  // namespace record_layout

/// A record's header: name and value; no value is not the same as an empty one.
struct Header {
    std::string_view name;
    std::optional<Bytes> value;
};

/// Reads the fields of one well-formed record where it lies. Does not own the bytes: they must outlive it.
/// Precondition of every accessor: check_record() accepted these bytes (or write_record() wrote them).
class RecordView {
  public:
    /// `bytes` starts at a record's first byte and may go on after its end.
    explicit RecordView(const std::byte* bytes) noexcept : bytes_(bytes) {}

    [[nodiscard]] std::uint32_t size() const noexcept { return read<std::uint32_t>(record_layout::size_at); }
    [[nodiscard]] std::uint32_t checksum() const noexcept { return read<std::uint32_t>(record_layout::checksum_at); }
    [[nodiscard]] Offset offset() const noexcept { return {read<std::uint64_t>(record_layout::offset_at)}; }
    [[nodiscard]] Timestamp timestamp() const noexcept {
        return Timestamp(std::chrono::microseconds(read<std::int64_t>(record_layout::timestamp_at)));
    }
    [[nodiscard]] std::uint8_t attributes() const noexcept { return read<std::uint8_t>(record_layout::attributes_at); }
    [[nodiscard]] bool has(std::uint8_t attribute) const noexcept { return (attributes() & attribute) != 0; }

    /// No key is not the same as an empty key.
    [[nodiscard]] std::optional<std::string_view> key() const noexcept {
        if (!has(record_layout::has_key)) {
            return std::nullopt;
        }
        return as_text({bytes_ + key_at(), read<std::uint16_t>(record_layout::key_size_at)});
    }
    /// Copies the views of the headers out, in their order.
    [[nodiscard]] std::vector<Header> headers() const;
    /// Empty also for a tombstone: ask is_tombstone().
    [[nodiscard]] Bytes payload() const noexcept;
    [[nodiscard]] std::string_view payload_text() const noexcept { return as_text(payload()); }
    [[nodiscard]] bool is_tombstone() const noexcept { return has(record_layout::null_payload); }
    /// Whole record, header included.
    [[nodiscard]] Bytes bytes() const noexcept { return {bytes_, size()}; }

  private:
    template <class T>
    [[nodiscard]] T read(std::size_t at) const noexcept {
        T value;
        std::memcpy(&value, bytes_ + at, sizeof value);
        return value;
    }
    [[nodiscard]] std::size_t key_at() const noexcept {
        return record_layout::header_bytes + (has(record_layout::has_extension) ? record_layout::extension_bytes : 0);
    }

    const std::byte* bytes_;
};

/// What a publisher says of a record before it has been laid out. Views: the caller keeps the bytes alive.
struct RecordDraft {
    Bytes payload{};
    std::optional<std::string_view> key{};
    std::span<const Header> headers{};
    bool tombstone = false;  ///< a null payload; `payload` must be empty
};

/// Bytes that write_record() needs for this draft.
[[nodiscard]] std::size_t record_bytes(const RecordDraft& draft) noexcept;

/// Why a draft cannot become a record, if it cannot: key over 65,535 bytes, header name over 65,535 bytes or no UTF-8,
/// whole record over `record_bytes_max`, more than 65,535 headers, a tombstone with a payload. Error: bad_record.
[[nodiscard]] std::error_code check_draft(const RecordDraft& draft, std::size_t record_bytes_max) noexcept;

/// Lays `draft` out at `out` (record_bytes(draft) bytes; check_draft() has accepted it), offset and timestamp zero,
/// with the checksum of bytes 24…size. `more_in_batch` is set on all but the last record of a Publish frame.
void write_record(std::byte* out, const RecordDraft& draft, bool more_in_batch) noexcept;

/// Sets or clears more_in_batch in a record written by write_record and not yet stamped, and recomputes its checksum.
void set_more_in_batch(std::byte* record, bool more) noexcept;

/// Structure of the first record in `bytes`: it is complete, its sizes add up, layout is 1, the reserved bit and the
/// codec (none has a number yet) are clear, the extension's spare fields are zero, header names are UTF-8 (keys and
/// values are any bytes), headers_size is 0 or filled exactly by one header or more. No checksum is computed. Error:
/// bad_record.
[[nodiscard]] Result<RecordView> check_record(Bytes bytes) noexcept;

/// The checksum of bytes 24…size alone: what the publisher sends.
[[nodiscard]] std::uint32_t content_checksum(RecordView record) noexcept;
/// A publisher's record whose checksum field matches its bytes 24…size.
[[nodiscard]] bool has_valid_content_checksum(RecordView record) noexcept;
/// A stamped record whose checksum field matches all its bytes.
[[nodiscard]] bool has_valid_checksum(RecordView record) noexcept;

/// Writes offset and timestamp into the record at `record` and extends its checksum over bytes 0…4 and 8…24.
/// Once per record: stamping twice spoils the checksum. A few nanoseconds.
void stamp_record(std::byte* record, Offset offset, Timestamp timestamp) noexcept;

/// Iterates over well-formed records that lie back to back: for (RecordView record : Records(bytes)).
class Records {
  public:
    class Iterator {
      public:
        explicit Iterator(const std::byte* at) noexcept : at_(at) {}
        RecordView operator*() const noexcept { return RecordView(at_); }
        Iterator& operator++() noexcept {
            at_ += RecordView(at_).size();
            return *this;
        }
        friend bool operator==(Iterator, Iterator) = default;

      private:
        const std::byte* at_;
    };

    explicit Records(Bytes bytes) noexcept : bytes_(bytes) {}
    [[nodiscard]] Iterator begin() const noexcept { return Iterator(bytes_.data()); }
    [[nodiscard]] Iterator end() const noexcept { return Iterator(bytes_.data() + bytes_.size()); }
    [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
    [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }

  private:
    Bytes bytes_;
};

/// check_record over a whole batch of exactly `count` records: each well-formed, no control record, more_in_batch set
/// on all but the last, none over `record_bytes_max`, nothing left over. On error `*bad_index` is the record that is
/// wrong (`count` where bytes are left over). Errors: bad_record.
[[nodiscard]] std::error_code check_batch(Bytes records, std::uint32_t count, std::size_t record_bytes_max,
                                          std::uint32_t* bad_index) noexcept;

}  // namespace leveret
