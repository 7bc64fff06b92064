#include "environment/counters.hpp"

namespace leveret {

std::vector<std::pair<std::string_view, std::uint64_t>> Counters::all() const {
    return {
        {"connections", connections.value()},
        {"topics", topics.value()},
        {"subscriptions", subscriptions.value()},
        {"connections_accepted", connections_accepted.value()},
        {"frames_received", frames_received.value()},
        {"bytes_received", bytes_received.value()},
        {"bytes_sent", bytes_sent.value()},
        {"records_published", records_published.value()},
        {"records_delivered", records_delivered.value()},
        {"records_duplicate", records_duplicate.value()},
        {"records_missed", records_missed.value()},
        {"records_evicted", records_evicted.value()},
        {"records_expired", records_expired.value()},
        {"deliveries_recoded", deliveries_recoded.value()},
        {"memory_full", memory_full.value()},
        {"topics_refused", topics_refused.value()},
        {"connections_refused", connections_refused.value()},
        {"subscriptions_refused", subscriptions_refused.value()},
        {"opens_refused", opens_refused.value()},
        {"fetches_refused", fetches_refused.value()},
        {"positions_refused", positions_refused.value()},
        {"window_full", window_full.value()},
        {"reply_queue_full", reply_queue_full.value()},
        {"handshake_timeouts", handshake_timeouts.value()},
        {"frame_timeouts", frame_timeouts.value()},
        {"write_timeouts", write_timeouts.value()},
        {"drains_cut", drains_cut.value()},
        {"disk_full", disk_full.value()},
        {"topic_busy", topic_busy.value()},
        {"pending_waits", pending_waits.value()},
        {"catch_up_waits", catch_up_waits.value()},
        {"answer_waits", answer_waits.value()},
        {"catch_up_pauses", catch_up_pauses.value()},
        {"log_bytes_written", log_bytes_written.value()},
        {"log_bytes_read", log_bytes_read.value()},
        {"log_syncs", log_syncs.value()},
        {"logs_failed", logs_failed.value()},
        {"log_damages", log_damages.value()},
        {"log_tails_cut", log_tails_cut.value()},
        {"bad_frames", bad_frames.value()},
        {"unknown_dialects", unknown_dialects.value()},
        {"request_errors", request_errors.value()},
        {"accept_errors", accept_errors.value()},
    };
}

}  // namespace leveret
