// Strong types for the numbers and names that must not be mixed up.
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace leveret {

/// Position of a record in its partition. Offsets increase; our own topics number consecutively from 0.
struct Offset {
    std::uint64_t value = 0;
    friend constexpr auto operator<=>(Offset, Offset) = default;
};

/// Raised whenever a partition may hand out offsets again that it had handed out before. 0 means "not said".
struct Epoch {
    std::uint32_t value = 0;
    friend constexpr auto operator<=>(Epoch, Epoch) = default;
};

struct PartitionId {
    std::uint32_t value = 0;
    friend constexpr auto operator<=>(PartitionId, PartitionId) = default;
};

/// Names a subscription within its connection.
struct SubscriptionId {
    std::uint32_t value = 0;
    friend constexpr auto operator<=>(SubscriptionId, SubscriptionId) = default;
};

/// Names an opened topic within its connection.
struct TopicHandle {
    std::uint32_t value = 0;
    friend constexpr auto operator<=>(TopicHandle, TopicHandle) = default;
};

/// Ties an answer to its request; chosen by the client. 0 in frames that answer nothing.
struct Correlation {
    std::uint32_t value = 0;
    friend constexpr auto operator<=>(Correlation, Correlation) = default;
};

/// A topic's random identity: another one after deleting and creating it again. All zero means "not said".
struct TopicId {
    std::array<std::uint8_t, 16> bytes{};
    friend constexpr bool operator==(const TopicId&, const TopicId&) = default;
    [[nodiscard]] constexpr bool is_set() const noexcept { return *this != TopicId{}; }
    /// 32 lower-case hexadecimal digits.
    [[nodiscard]] std::string to_string() const;
};

/// Wall clock time, microseconds since the Unix epoch: what a record is stamped with.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

inline constexpr std::size_t name_bytes_max = 249;

/// A topic's or position's name: 1 to 249 bytes of UTF-8 without control characters (below U+0020, U+007F to U+009F).
[[nodiscard]] bool is_valid_name(std::string_view name) noexcept;

/// Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

}  // namespace leveret
