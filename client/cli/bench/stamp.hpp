// What a benchmark writes into its payloads, and how a subscriber checks it.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "protocol/crc32c.hpp"
#include "protocol/record.hpp"

namespace leveret::cli {

/// Stands at the front of every payload; zeros follow.
struct Stamp {
    std::uint64_t sequence = 0;     ///< of this publisher's records in this topic, from 0
    std::int64_t scheduled_ns = 0;  ///< steady clock, when it was due to be sent; 0: not timed
    std::uint32_t publisher = 0;
    std::uint32_t checksum = 0;  ///< CRC-32C of the payload with this field zero, where is_sample(sequence)
};
static_assert(sizeof(Stamp) == 24);

inline constexpr std::size_t payload_bytes_min = sizeof(Stamp);

/// One record in 64 carries a checksum of its own and, in throughput runs, a time.
[[nodiscard]] constexpr bool is_sample(std::uint64_t sequence) noexcept {
    return sequence % 64 == 0;
}

/// Writes `stamp` to the front of `payload`, with the checksum where it is due.
inline void write_stamp(std::span<std::byte> payload, Stamp stamp) noexcept {
    stamp.checksum = 0;
    std::memcpy(payload.data(), &stamp, sizeof stamp);
    if (is_sample(stamp.sequence)) {
        stamp.checksum = crc32c(payload);
        std::memcpy(payload.data(), &stamp, sizeof stamp);
    }
}

/// Nothing where the payload is too short or its checksum is wrong.
[[nodiscard]] inline std::optional<Stamp> read_stamp(Bytes payload) noexcept {
    if (payload.size() < sizeof(Stamp)) {
        return std::nullopt;
    }
    Stamp stamp;
    std::memcpy(&stamp, payload.data(), sizeof stamp);
    if (is_sample(stamp.sequence)) {
        Stamp unsealed = stamp;
        unsealed.checksum = 0;
        const std::uint32_t front = crc32c(std::as_bytes(std::span(&unsealed, 1)));
        if (crc32c(payload.subspan(sizeof(Stamp)), front) != stamp.checksum) {
            return std::nullopt;
        }
    }
    return stamp;
}

/// Counts what one subscriber sees of one topic.
class SequenceCheck {
  public:
    explicit SequenceCheck(std::size_t publishers) : next_(publishers) {}

    /// `stamp` is what read_stamp() said of the payload.
    void see(const std::optional<Stamp>& stamp) noexcept {
        if (!stamp || stamp->publisher >= next_.size()) {
            ++corrupt_;
            return;
        }
        std::uint64_t& next = next_[stamp->publisher];
        out_of_order_ += stamp->sequence == next ? 0 : 1;
        next = stamp->sequence + 1;
    }
    [[nodiscard]] std::uint64_t corrupt() const noexcept { return corrupt_; }
    [[nodiscard]] std::uint64_t out_of_order() const noexcept { return out_of_order_; }

  private:
    std::vector<std::uint64_t> next_;  // by publisher
    std::uint64_t corrupt_ = 0;
    std::uint64_t out_of_order_ = 0;
};

}  // namespace leveret::cli
