// Everything that can go wrong between a client and the broker, as values.
//
// The numbers travel in the native dialect's Error frame and stand in docs/errors.md: a number is never reused.
#pragma once

#include <cstdint>
#include <string_view>
#include <system_error>

#include <tl/expected.hpp>

namespace leveret {

enum class Error : std::uint16_t {
    // 1-19: what arrived is not a valid frame, or not valid here
    bad_frame = 1,
    unsupported_version = 2,
    unknown_frame_type = 3,
    frame_too_large = 4,
    bad_record = 5,
    checksum_mismatch = 6,
    bad_topic_name = 7,
    bad_settings = 8,
    bad_position_name = 9,
    hello_expected = 10,
    unknown_dialect = 11,
    not_supported = 12,
    // 20-39: what was named does not exist, exists already, or is not what it was
    unknown_topic = 20,
    topic_exists = 21,
    topic_changed = 22,
    topic_deleted = 23,
    unknown_handle = 24,
    unknown_subscription = 25,
    unknown_partition = 26,
    unknown_position = 27,
    offset_out_of_range = 28,
    not_allowed = 29,
    // 40-59: a bound was reached
    topic_busy = 40,
    memory_full = 41,
    window_full = 42,
    too_many_topics = 43,
    too_many_connections = 44,
    too_many_subscriptions = 45,
    too_many_open_topics = 46,
    too_many_positions = 47,
    too_many_fetches = 48,
    too_many_filter_keys = 49,
    reply_queue_full = 50,
    handshake_timeout = 51,
    disk_full = 52,
    frame_timeout = 53,
    // 60-79: the server's or the connection's own state
    shutting_down = 60,
    connection_lost = 61,
    closed = 62,
    timed_out = 63,
    publish_queue_full = 64,
    log_failed = 65,
    bad_log = 66,
};

/// The one category that all codes belong to; its name is "leveret".
/// Thread-safe; lives as long as the program.
[[nodiscard]] const std::error_category& error_category() noexcept;

[[nodiscard]] inline std::error_code make_error_code(Error error) noexcept {
    return {static_cast<int>(error), error_category()};
}

/// What a client is answered with for it: one of ours as it is; of the system's, want of room is disk_full, want of
/// files topic_busy, and everything else log_failed.
[[nodiscard]] Error error_to_answer(const std::error_code& error) noexcept;

/// The code's name as in the enum and in docs/errors.md ("topic_exists"); "unknown_error" for a number that is none.
[[nodiscard]] std::string_view error_name(Error error) noexcept;

/// One sentence for people: what is wrong and, where it fits, what would be right.
[[nodiscard]] std::string_view error_sentence(Error error) noexcept;

/// A value, or the reason why there is none.
template <class T>
using Result = tl::expected<T, std::error_code>;

[[nodiscard]] inline tl::unexpected<std::error_code> fail(Error error) noexcept {
    return tl::unexpected<std::error_code>(make_error_code(error));
}

}  // namespace leveret

template <>
struct std::is_error_code_enum<leveret::Error> : std::true_type {};
