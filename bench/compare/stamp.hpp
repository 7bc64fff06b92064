// What every publisher writes at the front of a payload, whatever the broker, and how a subscriber checks it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <vector>

#include "bench/histogram.hpp"
#include "protocol/crc32c.hpp"
#include "protocol/record.hpp"

namespace leveret::compare {

using SteadyClock = std::chrono::steady_clock;

/// 16 bytes, so that the smallest payload of the comparison is nothing else.
struct Stamp {
    std::uint32_t sequence = 0;   ///< of this topic, from 0; wraps
    std::uint32_t checksum = 0;   ///< CRC-32C of the payload with this field zero, where is_sample(sequence)
    std::uint32_t topic = 0;      ///< its number in this run
    std::uint32_t scheduled = 0;  ///< when it was due, see Ticks; 0: not timed
};
static_assert(sizeof(Stamp) == 16);

[[nodiscard]] constexpr bool is_sample(std::uint32_t sequence) noexcept {
    return sequence % 64 == 0;
}

/// Time in a Stamp: units of 100 ns that wrap after seven minutes, so only differences mean something.
class Ticks {
  public:
    /// Never 0.
    [[nodiscard]] static std::uint32_t at(SteadyClock::time_point time) noexcept {
        return static_cast<std::uint32_t>(time.time_since_epoch().count() / unit_ns) | 1U;
    }
    [[nodiscard]] static std::chrono::nanoseconds since(std::uint32_t then, SteadyClock::time_point now) noexcept {
        return std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<std::int32_t>(at(now) - then)) * unit_ns);
    }

  private:
    static constexpr std::int64_t unit_ns = 100;
};

/// Writes `stamp` to the front of `payload`, with the checksum where it is due.
inline void write_stamp(std::byte* payload, std::size_t payload_bytes, Stamp stamp) noexcept {
    std::memcpy(payload, &stamp, sizeof stamp);
    if (is_sample(stamp.sequence)) {
        stamp.checksum = crc32c({payload, payload_bytes});
        std::memcpy(payload, &stamp, sizeof stamp);
    }
}

/// Where one subscriber hands every message that it gets. One thread.
class Sink {
  public:
    /// `delivered` is read by other processes. Sequences start again after `sequence_period`, where it is not 0:
    /// prebuilt messages are sent again and again. What comes after `limit` messages is none of its business.
    Sink(std::size_t topics, std::uint32_t sequence_period, std::atomic<std::uint64_t>& delivered,
         std::uint64_t limit = ~std::uint64_t{0})
        : next_(topics), sequence_period_(sequence_period), delivered_(&delivered), limit_(limit) {}

    void take(Bytes payload) noexcept {
        if (is_full()) {
            return;
        }
        Stamp stamp;
        if (payload.size() < sizeof stamp) {
            ++corrupt_;
            return;
        }
        std::memcpy(&stamp, payload.data(), sizeof stamp);
        if (stamp.topic >= next_.size() || (is_sample(stamp.sequence) && !is_intact(payload, stamp))) {
            ++corrupt_;
            return;
        }
        std::uint32_t& next = next_[stamp.topic];
        out_of_order_ += stamp.sequence == next ? 0 : 1;
        next = stamp.sequence + 1 == sequence_period_ ? 0 : stamp.sequence + 1;
        if (stamp.scheduled != 0) {
            latencies_.add(Ticks::since(stamp.scheduled, SteadyClock::now()));
        }
        delivered_->store(delivered_->load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }

    [[nodiscard]] bool is_full() const noexcept { return delivered() >= limit_; }
    [[nodiscard]] std::uint64_t delivered() const noexcept { return delivered_->load(std::memory_order_relaxed); }
    /// Not delivered in the order in which they were published, or not once.
    [[nodiscard]] std::uint64_t out_of_order() const noexcept { return out_of_order_; }
    [[nodiscard]] std::uint64_t corrupt() const noexcept { return corrupt_; }
    [[nodiscard]] const cli::Histogram& latencies() const noexcept { return latencies_; }

  private:
    static bool is_intact(Bytes payload, Stamp stamp) noexcept {
        const std::uint32_t checksum = stamp.checksum;
        stamp.checksum = 0;
        const std::uint32_t front = crc32c(std::as_bytes(std::span(&stamp, 1)));
        return crc32c(payload.subspan(sizeof stamp), front) == checksum;
    }

    std::vector<std::uint32_t> next_;  // by topic
    std::uint32_t sequence_period_;
    std::atomic<std::uint64_t>* delivered_;
    std::uint64_t limit_;
    std::uint64_t out_of_order_ = 0;
    std::uint64_t corrupt_ = 0;
    cli::Histogram latencies_;
};

}  // namespace leveret::compare
