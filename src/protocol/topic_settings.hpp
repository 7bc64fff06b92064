// What a topic is created with.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace leveret {

enum class Store : std::uint8_t { server_default = 0, memory = 1, file = 2, rocksdb = 3 };
/// When a publish is acknowledged and its records become visible; the higher, the safer.
enum class Durability : std::uint8_t {
    server_default = 0,
    os = 1,        ///< the operating system has them: they survive the end of this process
    interval = 2,  ///< the same, and every so often all of it is synced: a power cut takes the last interval at most
    sync = 3,      ///< synced: they survive a power cut
};

// In the order of the enumerators. Frozen: a data directory's topic.json has them.
inline constexpr std::array<std::string_view, 4> store_names{"server_default", "memory", "file", "rocksdb"};
inline constexpr std::array<std::string_view, 4> durability_names{"server_default", "os", "interval", "sync"};

[[nodiscard]] constexpr std::string_view name_of(Store store) noexcept {
    return store_names[static_cast<std::size_t>(store) % store_names.size()];
}
[[nodiscard]] constexpr std::string_view name_of(Durability durability) noexcept {
    return durability_names[static_cast<std::size_t>(durability) % durability_names.size()];
}

/// What has this name among `names`; nothing where none has.
template <class Enum>
[[nodiscard]] constexpr std::optional<Enum> named(std::string_view name,
                                                  const std::array<std::string_view, 4>& names) noexcept {
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (names[i] == name) {
            return static_cast<Enum>(i);
        }
    }
    return std::nullopt;
}

/// A zero always means "no limit" for the two durations and "the server's default" for the rest.
struct TopicSettings {
    std::uint64_t retention_ttl_ms = 0;      ///< records expire this long after they were accepted
    std::uint64_t compaction_window_ms = 0;  ///< a key seen less than this ago is a duplicate
    std::uint64_t retention_bytes = 0;       ///< the oldest records go beyond this; of a stored topic whole segments
    std::uint64_t retention_records = 0;     ///< and beyond this
    std::uint32_t partitions = 1;
    Store store = Store::server_default;
    Durability durability = Durability::server_default;
    std::uint16_t durability_interval_ms = 0;  ///< between two syncs; other than 0 for Durability::interval alone

    friend bool operator==(const TopicSettings&, const TopicSettings&) = default;
};

/// `ms` as a duration; values that do not fit saturate instead of overflowing.
[[nodiscard]] constexpr std::chrono::microseconds saturated_ms(std::uint64_t ms) noexcept {
    constexpr auto most = static_cast<std::uint64_t>(std::chrono::microseconds::max().count() / 1000);
    return std::chrono::milliseconds(static_cast<std::int64_t>(ms < most ? ms : most));
}

}  // namespace leveret
