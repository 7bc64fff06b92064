// What the RocksDB store keeps under which key.
//
//   column family   key                                          value
//   default         topic (16)  partition (4)  offset (8)        the record as it is
//   meta            topic (16)  partition (4)  's'               PartitionState
//   meta            topic (16)  partition (4)  't'               LogTail, written with every append
//   meta            topic (16)  partition (4)  'p'  first (8)    LogPart that gets no further append
//
// Keys are big-endian, values little-endian.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "message_log/log_store.hpp"

namespace leveret {

/// About 64 MiB of records, or what is there so far: what trim() counts as a segment.
struct LogPart {
    Offset first{};
    std::uint64_t bytes = 0;
    Timestamp last{};  ///< of its last record; means nothing while it has none
};

/// Where a partition's records begin and end, and the part that is being written.
struct LogTail {
    Offset first{};  ///< may lie within the oldest part, or be the end
    Offset end{};
    LogPart part{};
    std::optional<Timestamp> last_timestamp{};
};

struct PartitionState {
    std::array<std::uint8_t, 16> boot_id{};
    bool closed_cleanly = false;
    std::vector<EpochStart> epochs;  ///< ascending, at least one
};

[[nodiscard]] std::string encode(const LogTail& tail);
[[nodiscard]] std::string encode(const LogPart& part);
[[nodiscard]] std::string encode(const PartitionState& state);
// Nothing where the bytes are none of these.
[[nodiscard]] std::optional<LogTail> decode_tail(std::string_view value);
[[nodiscard]] std::optional<LogPart> decode_part(std::string_view value);
[[nodiscard]] std::optional<PartitionState> decode_state(std::string_view value);

/// The keys of one partition.
class PartitionKeys {
  public:
    static constexpr std::size_t prefix_bytes = 20;
    using RecordKey = std::array<char, prefix_bytes + sizeof(std::uint64_t)>;

    PartitionKeys(const TopicId& topic, PartitionId partition) noexcept;

    [[nodiscard]] RecordKey record(Offset offset) const noexcept;
    [[nodiscard]] std::string state() const { return meta('s'); }
    [[nodiscard]] std::string tail() const { return meta('t'); }
    [[nodiscard]] std::string part(Offset first) const;
    /// Keys of parts are in [first, second).
    [[nodiscard]] std::pair<std::string, std::string> parts() const { return {meta('p'), meta('p' + 1)}; }

    /// Of a record's key.
    [[nodiscard]] static Offset offset(std::string_view key) noexcept;
    /// All keys of a topic, in both column families, are in [first, second).
    [[nodiscard]] static std::pair<std::string, std::string> of_topic(const TopicId& topic);

  private:
    [[nodiscard]] std::string meta(char kind) const;

    std::array<char, prefix_bytes> prefix_{};
};

}  // namespace leveret
