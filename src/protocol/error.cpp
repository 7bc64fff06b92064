#include "protocol/error.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace leveret {
namespace {

struct Description {
    Error error;
    std::string_view name;
    std::string_view sentence;
};

constexpr auto descriptions = std::to_array<Description>({
    {Error::bad_frame, "bad_frame", "The frame is malformed: its fields do not add up or hold a value that is none."},
    {Error::unsupported_version, "unsupported_version", "Client and server have no version of the protocol in common."},
    {Error::unknown_frame_type, "unknown_frame_type", "The frame's type is not one that is understood here."},
    {Error::frame_too_large, "frame_too_large", "The frame is larger than the server accepts."},
    {Error::bad_record, "bad_record", "A record is malformed or too large; nothing of its batch was taken."},
    {Error::checksum_mismatch, "checksum_mismatch", "A record's bytes do not match its checksum."},
    {Error::bad_topic_name, "bad_topic_name",
     "A topic's name must be 1 to 249 bytes of UTF-8 without control characters."},
    {Error::bad_settings, "bad_settings", "The settings of the topic contradict each other or are out of range."},
    {Error::bad_position_name, "bad_position_name",
     "A position's name must be 1 to 249 bytes of UTF-8 without control characters."},
    {Error::hello_expected, "hello_expected", "The first frame of a connection must be Hello, and the only Hello."},
    {Error::unknown_dialect, "unknown_dialect", "The first four bytes open no dialect that is spoken here."},
    {Error::not_supported, "not_supported", "This server does not support what was asked for."},

    {Error::unknown_topic, "unknown_topic", "There is no topic of this name."},
    {Error::topic_exists, "topic_exists", "The topic exists already, with other settings; nothing was changed."},
    {Error::topic_changed, "topic_changed",
     "The topic is not the one the client knew: offsets may mean other records."},
    {Error::topic_deleted, "topic_deleted", "The topic was deleted."},
    {Error::unknown_handle, "unknown_handle", "No topic was opened under this handle on this connection."},
    {Error::unknown_subscription, "unknown_subscription", "This connection has no subscription of this number."},
    {Error::unknown_partition, "unknown_partition", "The topic has no partition of this number."},
    {Error::unknown_position, "unknown_position", "Nobody has committed a position of this name."},
    {Error::offset_out_of_range, "offset_out_of_range", "The offset lies beyond the end of the partition."},
    {Error::not_allowed, "not_allowed", "The server's settings do not allow this."},

    {Error::topic_busy, "topic_busy", "The topic cannot take records fast enough at the moment; try again later."},
    {Error::memory_full, "memory_full", "The server's memory limit is reached; nothing of the batch was taken."},
    {Error::window_full, "window_full", "The topic's compaction window remembers as many keys as it may."},
    {Error::too_many_topics, "too_many_topics", "The server has as many topics as it may."},
    {Error::too_many_connections, "too_many_connections", "The server has as many connections as it may."},
    {Error::too_many_subscriptions, "too_many_subscriptions", "The connection has as many subscriptions as it may."},
    {Error::too_many_open_topics, "too_many_open_topics", "The connection has opened as many topics as it may."},
    {Error::too_many_positions, "too_many_positions", "The topic has as many named positions as it may."},
    {Error::too_many_fetches, "too_many_fetches", "The connection has as many waiting fetches as it may."},
    {Error::too_many_filter_keys, "too_many_filter_keys", "The subscription's filter names more keys than it may."},
    {Error::reply_queue_full, "reply_queue_full", "The client did not read its answers for too long."},
    {Error::handshake_timeout, "handshake_timeout", "The connection did not say which dialect it speaks in time."},
    {Error::disk_full, "disk_full", "The server's disk is full; nothing of the batch was taken."},
    {Error::frame_timeout, "frame_timeout", "The client began a frame and then sent nothing more of it for too long."},

    {Error::shutting_down, "shutting_down", "The server is shutting down."},
    {Error::connection_lost, "connection_lost", "The connection to the server was lost before the answer came."},
    {Error::closed, "closed", "It was closed by this side."},
    {Error::timed_out, "timed_out", "No answer came in time."},
    {Error::publish_queue_full, "publish_queue_full", "The client's queue of records to publish is full."},
    {Error::log_failed, "log_failed",
     "The topic's log has stopped after a failed write; it takes no records any more."},
    {Error::bad_log, "bad_log", "What the data directory has there cannot be understood; it was left as it is."},
});

const Description* find_description(Error error) noexcept {
    const auto* found = std::ranges::find(descriptions, error, &Description::error);
    return found == descriptions.end() ? nullptr : found;
}

class Category final : public std::error_category {
  public:
    [[nodiscard]] const char* name() const noexcept override { return "leveret"; }
    [[nodiscard]] std::string message(int value) const override {
        return std::string(error_sentence(static_cast<Error>(value)));
    }
};

}  // namespace

const std::error_category& error_category() noexcept {
    static const Category category;
    return category;
}

Error error_to_answer(const std::error_code& error) noexcept {
    if (error.category() == error_category()) {
        return static_cast<Error>(error.value());
    }
    if (error == std::errc::no_space_on_device) {
        return Error::disk_full;
    }
    const bool is_want_of_files =
        error == std::errc::too_many_files_open || error == std::errc::too_many_files_open_in_system;
    return is_want_of_files ? Error::topic_busy : Error::log_failed;
}

std::string_view error_name(Error error) noexcept {
    const Description* description = find_description(error);
    return description != nullptr ? description->name : "unknown_error";
}

std::string_view error_sentence(Error error) noexcept {
    const Description* description = find_description(error);
    return description != nullptr ? description->sentence : "Something went wrong that this version has no word for.";
}

}  // namespace leveret
