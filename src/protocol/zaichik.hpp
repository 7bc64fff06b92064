// The zaichik dialect: bincode 1.3, little-endian, no outer length. docs/protocol.md has every frame in hex.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/error.hpp"
#include "protocol/record.hpp"

namespace leveret::zaichik {

// Frames are views into the bytes they were decoded from.
struct CreateTopic {
    std::string_view topic;
    std::uint64_t retention_ttl_ms = 0;
    std::uint64_t compaction_window_ms = 0;
};
struct Publish {
    std::string_view topic;
    std::optional<std::string_view> key;
    Bytes payload;
};
struct Subscribe {
    std::string_view topic;
};
struct Unsubscribe {
    std::string_view topic;
};
struct CloseConnection {};
struct Commit {};

/// In the order of the variants' numbers on the wire, 0 to 5.
using Frame = std::variant<CreateTopic, Publish, Subscribe, Unsubscribe, CloseConnection, Commit>;

struct Decoded {
    Frame frame;
    std::size_t bytes = 0;  ///< how many the frame took
};

/// The frame at the front of `bytes`; nothing while it is not whole yet.
/// `frame_bytes_max` bounds the whole frame: a declared length that breaks it is an error at once, without waiting for
/// the bytes. Keys are UTF-8 of at most 65,535 bytes. Allocates nothing.
/// Errors: bad_frame, frame_too_large, bad_topic_name, bad_record (key too long).
[[nodiscard]] Result<std::optional<Decoded>> decode(Bytes bytes, std::size_t frame_bytes_max) noexcept;

/// Appends the frame's bytes to `out`.
void encode(const Frame& frame, std::vector<std::byte>& out);

/// Whether the first 4 bytes of a connection open this dialect.
[[nodiscard]] constexpr bool opens_with(std::uint32_t first_word) noexcept {
    return first_word <= 5;
}

}  // namespace leveret::zaichik
