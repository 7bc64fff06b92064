// The native dialect: length-prefixed frames with a fixed 16-byte header, little-endian. docs/protocol.md specifies it
// byte by byte; its hex examples are read by a test.
//
// A connection opens with the 4 magic bytes EC 4C 56 54, then frames both ways; the client's first is Hello.
//
//   at  size  field
//    0   4    length: bytes of the whole frame, this header included
//    4   1    type
//    5   1    flags
//    6   2    zero
//    8   4    correlation: chosen by the client for a request, repeated in its answer; 0 in frames that answer nothing
//   12   4    handle: of a topic in CreateTopic's kin where said below, of a subscription in its frames; else 0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.hpp"
#include "protocol/identity.hpp"
#include "protocol/record.hpp"
#include "protocol/topic_settings.hpp"
#include "protocol/wire.hpp"

namespace leveret::native {

inline constexpr std::array<std::uint8_t, 4> magic{0xEC, 0x4C, 0x56, 0x54};
inline constexpr std::uint16_t version = 1;
inline constexpr std::size_t header_bytes = 16;
/// No frame needs more than this besides its records: a record of up to frame_bytes_max less this fits into every frame
/// that carries one (Fetched needs the most, 68).
inline constexpr std::size_t overhead_bytes_max = 128;

enum class FrameType : std::uint8_t {
    // requests
    hello = 0x01,
    create_topic = 0x02,
    alter_topic = 0x03,
    open_topic = 0x04,
    publish = 0x05,
    subscribe = 0x06,
    unsubscribe = 0x07,
    grant = 0x08,
    commit = 0x09,
    seek = 0x0A,
    fetch = 0x0B,
    trim_topic = 0x0C,
    list_topics = 0x0D,
    describe_topic = 0x0E,
    delete_topic = 0x0F,
    describe_server = 0x10,
    ping = 0x11,
    close = 0x12,
    // answers, and what the server sends by itself
    ok = 0x80,
    welcome = 0x81,
    topic_opened = 0x82,
    published = 0x83,
    subscribed = 0x84,
    deliver = 0x85,
    lagged = 0x86,
    fetched = 0x87,
    topic_list = 0x88,
    topic_description = 0x89,
    server_description = 0x8A,
    pong = 0x8B,
    error = 0x8F,
};

/// "publish", "topic_opened", …; "unknown" for a number that is no type.
[[nodiscard]] std::string_view frame_type_name(FrameType type) noexcept;

namespace flags {
inline constexpr std::uint8_t one_way = 1U << 0;    ///< Publish, Grant, Commit: answered only by an Error
inline constexpr std::uint8_t no_create = 1U << 1;  ///< OpenTopic: an unknown topic is an error
}  // namespace flags

struct FrameHeader {
    std::uint32_t length = 0;
    FrameType type{};
    std::uint8_t flags = 0;
    Correlation correlation{};
    std::uint32_t handle = 0;
};

/// A header and the frame's body, both where they were read.
struct Frame {
    FrameHeader header;
    Bytes body;
};

/// The header at the front of `bytes`; nothing while it is not whole yet. An unknown type is not an error here.
/// Errors: bad_frame (length below 16, the zero field is not zero), frame_too_large (as soon as the length is there).
[[nodiscard]] Result<std::optional<FrameHeader>> decode_header(Bytes bytes, std::size_t frame_bytes_max) noexcept;

/// The frame at the front of `bytes`; nothing while it is not whole yet. Errors: decode_header()'s, without waiting for
/// the rest of the frame.
[[nodiscard]] Result<std::optional<Frame>> decode(Bytes bytes, std::size_t frame_bytes_max) noexcept;

/// Writes the 16 bytes of `header` to `out`.
void write_header(std::byte* out, const FrameHeader& header) noexcept;

// --- Bodies ----------------------------------------------------------------------------------------------------------
// Each has `static Result<T> decode(Bytes body)` and `void encode(WireWriter&)`. Views point into `body`. Error:
// bad_frame, also for bytes left over, for a value or bit that has no meaning and for a spare field that is not zero;
// so whatever decodes encodes to the same bytes. Fields stand on the wire in the order of their declaration. A text is
// a u16 length and its bytes. Lists are a u32 count and the items; a count is never trusted for an allocation.

/// Which topic and epoch a client believes it is talking to; zeros are not compared. A mismatch is topic_changed.
struct Expected {
    TopicId id{};
    Epoch epoch{};
};

/// Where reading begins.
struct Start {
    enum class Kind : std::uint8_t { latest = 0, earliest = 1, offset = 2, timestamp = 3, position = 4 };
    Kind kind = Kind::latest;
    Kind fallback = Kind::earliest;  ///< for a position that nobody has committed yet: latest or earliest
    std::uint64_t value = 0;    ///< an offset, or microseconds since the Unix epoch (first record stamped at or after)
    std::string_view position;  ///< a position's name; 0 bytes for the other kinds
};

// Requests

struct Hello {
    std::uint16_t version_min = version;
    std::uint16_t version_max = version;
    std::string_view client_name;  ///< for the server's logs
    std::string_view mechanism;    ///< of authentication: reserved, empty
    Bytes credentials{};           ///< u32 length and bytes: reserved, empty

    static Result<Hello> decode(Bytes body) noexcept;
    void encode(WireWriter& out) const;
};

struct CreateTopic {
    std::string_view name;
    TopicSettings settings;  ///< u64 ×4, u32 partitions, u8 store, u8 durability, u16 durability_interval_ms

    static Result<CreateTopic> decode(Bytes body) noexcept;
    void encode(WireWriter& out) const;
};

struct AlterTopic {
    enum Field : std::uint32_t { retention_ttl = 1, compaction_window = 2, retention_bytes = 4, retention_records = 8 };
    std::string_view name;
    std::uint32_t fields = 0;  ///< which of `settings` to take
    TopicSettings settings;

    static Result<AlterTopic> decode(Bytes body) noexcept;
    void encode(WireWriter& out) const;
};

/// OpenTopic, DescribeTopic and DeleteTopic: a name and nothing else. An empty name is decoded; the broker refuses it.
struct TopicName {
    std::string_view name;

    static Result<TopicName> decode(Bytes body) noexcept;
    void encode(WireWriter& out) const;
};

/// Header: handle = topic. The records lie back to back, to the end of the frame.
struct Publish {
    static constexpr std::size_t prefix_bytes = 32;
    PartitionId partition{};
    std::uint32_t record_count = 0;
    std::uint64_t producer_id = 0;     ///< 0: none
    std::uint32_t first_sequence = 0;  ///< of the first record, 0: none
    std::uint16_t producer_epoch = 0;
    Durability durability = Durability::server_default;
    // u8 zero, u64 zero
    Bytes records{};

    static Result<Publish> decode(Bytes body) noexcept;
    /// Writes the prefix_bytes before the records.
    void write_prefix(std::byte* out) const noexcept;
};

/// Header: handle = topic. Answered by Subscribed, whose header's handle names the subscription from then on.
struct Subscribe {
    enum Flag : std::uint8_t { commit_gives_credit = 1 };
    /// What the dialect itself allows; the server's own limit is lower.
    static constexpr std::size_t filter_keys_max = 1024;
    PartitionId partition{};
    Expected expected{};
    Start start{};
    std::uint64_t credit_records = 0;  ///< 0: unlimited
    std::uint64_t credit_bytes = 0;    ///< 0: unlimited
    std::uint8_t flags = 0;
    std::vector<std::string_view>
        filter_keys{};  ///< empty: everything; else only records with exactly one of these keys

    /// Errors: bad_frame, too_many_filter_keys.
    static Result<Subscribe> decode(Bytes body);
    void encode(WireWriter& out) const;
};

/// Header: handle = subscription. Adds to the credit that is left.
struct Grant {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;

    static Result<Grant> decode(Bytes body) noexcept;
    void encode(WireWriter& out) const;
};

/// Header: handle = topic. Everything below `offset` is done, says this name.
struct Commit {
    PartitionId partition{};
    Expected expected{};
    Offset offset{};
    std::string_view position;

    static Result<Commit> decode(Bytes body) noexcept;
    void encode(WireWriter& out) const;
};

/// Header: handle = subscription. Answered by Subscribed.
struct Seek {
    Expected expected{};
    Start start{};

    static Result<Seek> decode(Bytes body) noexcept;
    void encode(WireWriter& out) const;
};

/// Header: handle = topic. Answered by Fetched as soon as there is a record, and after `max_wait_ms` without one.
struct Fetch {
    PartitionId partition{};
    Expected expected{};
    Start start{};
    std::uint32_t max_bytes = 0;  ///< 0: the server's choice; at least one record comes in any case
    std::uint32_t max_wait_ms = 0;

    static Result<Fetch> decode(Bytes body) noexcept;
    void encode(WireWriter& out) const;
};

struct TrimTopic {
    std::string_view name;
    PartitionId partition{};
    Offset before{};  ///< records below this go

    static Result<TrimTopic> decode(Bytes body) noexcept;
    void encode(WireWriter& out) const;
};

/// Names in ascending order of their bytes, those above `after` only.
struct ListTopics {
    std::string_view after;
    std::uint32_t limit = 0;  ///< 0: the server's choice

    static Result<ListTopics> decode(Bytes body) noexcept;
    void encode(WireWriter& out) const;
};

// Unsubscribe (header: handle = subscription), DescribeServer, Close: no body. Ping: up to 64 bytes that Pong repeats.

// Answers

struct Welcome {
    std::uint16_t version = native::version;
    std::uint32_t frame_bytes_max = 0;
    std::uint64_t connection_id = 0;
    std::string_view server_version;

    static Result<Welcome> decode(Bytes body) noexcept;
    void encode(WireWriter& out) const;
};

/// Header: handle = the topic's, from now on.
struct TopicOpened {
    TopicId id{};
    Epoch epoch{};
    Offset first{};  ///< of the oldest record that is kept
    Offset next{};   ///< that the next record gets
    TopicSettings settings;

    static Result<TopicOpened> decode(Bytes body) noexcept;
    void encode(WireWriter& out) const;
};

struct Published {
    Offset first{};  ///< of the first accepted record; the next offset where none was
    std::uint32_t accepted = 0;
    std::vector<std::uint32_t> duplicates{};  ///< indexes in the batch of those the compaction window dropped

    static Result<Published> decode(Bytes body);
    void encode(WireWriter& out) const;
};

/// Header: handle = the subscription's.
struct Subscribed {
    TopicId id{};
    Epoch epoch{};
    Offset next{};  ///< deliveries begin at this offset or above

    static Result<Subscribed> decode(Bytes body) noexcept;
    void encode(WireWriter& out) const;
};

/// Header: handle = subscription. Records to the end of the frame.
struct Deliver {
    static constexpr std::size_t prefix_bytes = 8;
    PartitionId partition{};
    Epoch epoch{};
    Bytes records{};

    static Result<Deliver> decode(Bytes body) noexcept;
    void write_prefix(std::byte* out) const noexcept;
};

/// Header: handle = subscription. The records with offsets in [from, to) were gone before they could be delivered.
struct Lagged {
    PartitionId partition{};
    Epoch epoch{};
    Offset from{};
    Offset to{};

    static Result<Lagged> decode(Bytes body) noexcept;
    void encode(WireWriter& out) const;
};

struct Fetched {
    PartitionId partition{};
    Epoch epoch{};
    Offset missed_from{};  ///< [missed_from, missed_to) were asked for and are gone; both the same: nothing was missed
    Offset missed_to{};
    Offset first{};  ///< of the oldest record that is kept
    Offset next{};   ///< where to fetch from the next time
    Offset end{};    ///< the high watermark: the offset after the last visible record
    Bytes records{};

    static Result<Fetched> decode(Bytes body) noexcept;
    void encode(WireWriter& out) const;
};

struct TopicListEntry {
    std::string_view name;
    TopicId id{};
    Epoch epoch{};
    Offset first{};
    Offset next{};
    std::uint64_t bytes = 0;
};

struct TopicList {
    std::uint8_t more = 0;  ///< 1: ask again with after = the last name
    std::vector<TopicListEntry> topics{};

    static Result<TopicList> decode(Bytes body);
    void encode(WireWriter& out) const;
};

struct Position {
    std::string_view name;
    Offset offset{};
};

/// A counter by name: names are stable, new ones may come.
struct Figure {
    std::string_view name;
    std::uint64_t value = 0;
};

struct TopicDescription {
    std::string_view name;
    TopicId id{};
    Epoch epoch{};
    Offset first{};
    Offset next{};
    TopicSettings settings;
    std::vector<Figure> figures{};  ///< bytes, records, blocks, window_keys, window_bytes, …
    std::vector<Position> positions{};

    static Result<TopicDescription> decode(Bytes body);
    void encode(WireWriter& out) const;
};

/// CPU time (cpu_user_us, cpu_system_us), memory (rss_bytes, rss_peak_bytes, memory_used_bytes),
/// connections, topics and every counter of the server.
struct ServerDescription {
    std::string_view server_version;
    std::vector<Figure> figures{};

    static Result<ServerDescription> decode(Bytes body);
    void encode(WireWriter& out) const;
};

struct ErrorAnswer {
    Error code{};
    std::uint64_t detail = 0;  ///< bad_record: the record's index; topic_changed: the last offset known to be shared
    std::string_view text;     ///< one sentence for people

    static Result<ErrorAnswer> decode(Bytes body) noexcept;
    void encode(WireWriter& out) const;
};

/// Appends a whole frame to `out`: header, then the body that `body.encode` writes. `flags`, `correlation`, `handle` as
/// given.
template <class Body>
void append_frame(std::vector<std::byte>& out, FrameType type, const Body& body, Correlation correlation,
                  std::uint32_t handle = 0, std::uint8_t frame_flags = 0) {
    const std::size_t start = out.size();
    out.resize(start + header_bytes);
    WireWriter writer(out);
    body.encode(writer);
    write_header(out.data() + start, {.length = static_cast<std::uint32_t>(out.size() - start),
                                      .type = type,
                                      .flags = frame_flags,
                                      .correlation = correlation,
                                      .handle = handle});
}

/// A body of raw bytes: Ping and Pong; empty for Ok, Unsubscribe, DescribeServer and Close.
struct RawBody {
    Bytes bytes{};
    void encode(WireWriter& out) const { out.bytes(bytes); }
};

}  // namespace leveret::native
