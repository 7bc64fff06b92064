// Every bound of the broker, in one table: what it bounds, its default, what happens at it. docs/operations.md shows
// the same table to people; `leveret-server --help` lists the flags.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace leveret {

struct Limits {
    // What a limit does when it is reached stands behind it: → the error a client sees, and (the counter).

    /// Blocks, windows, connection buffers, all together. 0: 1 GiB, or a quarter of the machine if that is less.
    /// → the topic furthest over its fair share loses its oldest block, then memory_full (memory_full)
    std::uint64_t memory_bytes_max = 0;
    /// One frame of either dialect; a record may be 128 bytes less. → frame_too_large, the connection is closed
    /// (bad_frames)
    std::size_t frame_bytes_max = 8U << 20U;
    /// → too_many_topics (topics_refused)
    std::size_t topics_max = 100'000;
    /// 0: derived from RLIMIT_NOFILE, less what logs may open. → closed at once (connections_refused)
    std::size_t connections_max = 0;
    /// → too_many_subscriptions (subscriptions_refused)
    std::size_t subscriptions_per_connection_max = 16'384;
    /// Topics a native connection may have opened. → too_many_open_topics (opens_refused)
    std::size_t open_topics_per_connection_max = 16'384;
    /// Fetches of one connection that wait. → too_many_fetches (fetches_refused)
    std::size_t waiting_fetches_per_connection_max = 64;
    /// Named positions of one topic. → too_many_positions (positions_refused)
    std::size_t positions_per_topic_max = 10'000;
    /// Exact keys in one subscription's filter. → too_many_filter_keys (subscriptions_refused)
    std::size_t filter_keys_max = 64;
    /// A topic's buffer, for topics that do not say. → the oldest block goes (records_evicted); a reader behind is told
    /// (records_missed)
    std::uint64_t topic_bytes_max = 64U << 20U;
    /// → the same
    std::uint64_t topic_records_max = 4U << 20U;
    /// Records of a stored topic that its log does not have yet. A single larger batch is still taken. → publishes
    /// wait, for at most write_timeout, then topic_busy (topic_busy)
    std::uint64_t topic_pending_bytes_max = 8U << 20U;
    /// The same of all stored topics together. 0: a quarter of memory_bytes_max. A single larger batch is still taken,
    /// when nothing else is pending. → publishes wait, for at most write_timeout, then topic_busy (pending_waits)
    std::uint64_t pending_bytes_max = 0;
    /// Set aside of the server's memory, where there is a data directory, for those who read logs. 0: an eighth of
    /// memory_bytes_max, at most 64 MiB. A record that does not fit cannot be read from a log. → readers wait for each
    /// other (catch_up_waits)
    std::uint64_t catch_up_bytes_max = 0;
    /// While somebody publishes, those who read logs get 64 KiB in so long, all together, unless that is less than
    /// twice what their topic grows. 0: no pauses. (catch_up_pauses)
    std::chrono::microseconds catch_up_pause{1'000};
    /// Of a topic with interval durability that does not say: how long records may wait for their sync.
    std::chrono::milliseconds sync_interval{1'000};
    /// Keys remembered by one topic's compaction window. → window_full (window_full)
    std::size_t window_keys_max = 4U << 20U;
    /// Answers of one connection that wait to be written. → reading stops until they are; after write_timeout closed
    /// (reply_queue_full)
    std::size_t reply_bytes_max = 1U << 20U;
    /// Answers of one connection that wait for logs. → reading stops until some have come (answer_waits)
    std::size_t awaited_answers_per_connection_max = 16'384;
    /// One Deliver frame, and the bytes one write has in flight. A single larger record is still delivered.
    std::size_t deliver_bytes_max = 256U << 10U;
    /// A connection that has sent 1 to 3 bytes, or no Hello after the magic. → closed (handshake_timeouts)
    std::chrono::milliseconds handshake_timeout{10'000};
    /// For how long nothing may come of a frame that has begun; what came of it occupies memory. → closed
    /// (frame_timeouts)
    std::chrono::milliseconds frame_timeout{30'000};
    /// How long a full reply queue or a busy topic may stop reading. → closed (write_timeouts)
    std::chrono::milliseconds write_timeout{30'000};
    /// How long a stop waits for what is due. → the rest is dropped with the connection (drains_cut)
    std::chrono::milliseconds drain_timeout{5'000};
};

/// The same with a value for those that are 0 because they follow from memory_bytes_max.
[[nodiscard]] Limits with_shares_of_memory(Limits limits) noexcept;

/// 1 GiB, or a quarter of the machine's memory if that is less. Bytes.
[[nodiscard]] std::uint64_t default_memory_bytes_max() noexcept;

}  // namespace leveret
