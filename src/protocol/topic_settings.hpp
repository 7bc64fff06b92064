// What a topic is created with.
#pragma once

#include <chrono>
#include <cstdint>

namespace leveret {

enum class Store : std::uint8_t { server_default = 0, memory = 1, file = 2, rocksdb = 3 };
enum class Durability : std::uint8_t { server_default = 0, os = 1, interval = 2, sync = 3 };

/// A zero always means "no limit" for the two durations and "the server's default" for the rest.
struct TopicSettings {
    std::uint64_t retention_ttl_ms = 0;      ///< records expire this long after they were accepted
    std::uint64_t compaction_window_ms = 0;  ///< a key seen less than this ago is a duplicate
    std::uint64_t retention_bytes = 0;       ///< the oldest records go beyond this
    std::uint64_t retention_records = 0;     ///< and beyond this
    std::uint32_t partitions = 1;
    Store store = Store::server_default;
    Durability durability = Durability::server_default;

    friend bool operator==(const TopicSettings&, const TopicSettings&) = default;
};

/// `ms` as a duration; values that do not fit saturate instead of overflowing.
[[nodiscard]] constexpr std::chrono::microseconds saturated_ms(std::uint64_t ms) noexcept {
    constexpr auto most = static_cast<std::uint64_t>(std::chrono::microseconds::max().count() / 1000);
    return std::chrono::milliseconds(static_cast<std::int64_t>(ms < most ? ms : most));
}

}  // namespace leveret
