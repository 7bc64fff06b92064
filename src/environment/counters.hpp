// What the broker counts. Names are stable: DescribeServer sends them and docs/operations.md explains them.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace leveret {

/// A number that many threads add to; nothing is ordered by it.
class Counter {
  public:
    void add(std::uint64_t by = 1) noexcept { value_.fetch_add(by, std::memory_order_relaxed); }
    void subtract(std::uint64_t by = 1) noexcept { value_.fetch_sub(by, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

/// Added to per batch or per write, never per record. Thread-safe.
struct Counters {
    // gauges
    Counter connections, topics, subscriptions;
    // traffic
    Counter connections_accepted, frames_received, bytes_received, bytes_sent;
    Counter records_published, records_delivered, records_duplicate;
    // what was lost or let go, and why
    Counter records_missed, records_evicted, records_expired;
    Counter deliveries_recoded;  ///< keys that are no UTF-8, left out for a zaichik subscriber
    // limits that were reached
    Counter memory_full, topics_refused, connections_refused, subscriptions_refused, opens_refused, fetches_refused;
    Counter positions_refused, window_full, reply_queue_full, handshake_timeouts, frame_timeouts, write_timeouts;
    Counter drains_cut;
    Counter disk_full, topic_busy;
    Counter pending_waits, catch_up_waits, answer_waits;  ///< of publishes, of readers of logs, of connections
    Counter catch_up_pauses;
    // logs on disk
    Counter log_bytes_written, log_bytes_read, log_syncs;
    Counter logs_failed;    ///< stopped after a failed write or sync
    Counter log_damages;    ///< ranges of records that were acknowledged and cannot be read
    Counter log_tails_cut;  ///< torn ends, written and never acknowledged, that a start has cut
    // what was wrong
    Counter bad_frames, unknown_dialects, request_errors, accept_errors;

    /// Every counter with its name, in the order above.
    [[nodiscard]] std::vector<std::pair<std::string_view, std::uint64_t>> all() const;
};

}  // namespace leveret
