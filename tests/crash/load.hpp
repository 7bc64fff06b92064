// What the publishers of a crash run send, and when the server is killed: all of it follows from a seed.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/topic_settings.hpp"
#include "support/native_frames.hpp"

namespace leveret::test {

inline constexpr std::size_t crash_publishers = 4;
inline constexpr std::size_t crash_segment_bytes = 64U << 10U;
inline constexpr std::uint64_t bounded_topic_bytes = 1U << 20U;

/// A topic of each kind whose recovery is different.
struct CrashTopic {
    std::string_view name;
    TopicSettings settings;
    [[nodiscard]] bool is_keyed() const noexcept { return settings.compaction_window_ms != 0; }
    [[nodiscard]] bool is_bounded() const noexcept { return settings.retention_bytes != 0; }
};
inline constexpr std::array<CrashTopic, 3> crash_topics{{
    {"plain", {}},
    {"keyed", {.compaction_window_ms = 3000}},
    {"bounded", {.retention_bytes = bounded_topic_bytes}},
}};
inline constexpr std::size_t plain_topic = 0;
inline constexpr std::size_t keyed_topic = 1;
inline constexpr std::size_t bounded_topic = 2;

/// The same numbers on every machine, which the standard's distributions do not promise.
class SeededNumbers {
  public:
    SeededNumbers(std::initializer_list<std::uint64_t> seeds) noexcept;
    [[nodiscard]] std::uint64_t next() noexcept;
    /// In [0, end); `end` is not 0.
    [[nodiscard]] std::uint64_t below(std::uint64_t end) noexcept { return next() % end; }
    /// In [1, 2^doublings): each power of two as likely as the next.
    [[nodiscard]] std::uint64_t of_any_size(unsigned doublings) noexcept;

  private:
    std::uint64_t state_ = 0;
};

/// The `number`-th batch of a publisher to a topic, counted from 0 over all rounds.
struct BatchName {
    std::size_t topic = 0;
    std::uint32_t publisher = 0;
    std::uint64_t number = 0;
    friend bool operator==(const BatchName&, const BatchName&) = default;
};
[[nodiscard]] std::string to_string(const BatchName& name);

struct MadeRecord {
    std::string payload;
    std::optional<std::string> key;
};
struct MadeBatch {
    std::vector<MadeRecord> records;
    bool is_spoiled = false;  ///< its checksum is made wrong: the server has to refuse it
};

/// A function of the seed and the name alone, so what is found in a log can be compared with what was sent. At least
/// one record of each batch has no key and cannot be dropped as a duplicate.
[[nodiscard]] MadeBatch make_batch(std::uint64_t seed, const BatchName& name);
[[nodiscard]] ByteVector publish_frame(const MadeBatch& batch, std::uint32_t handle, std::uint32_t correlation);

/// Which record of which batch this is; nothing where no publisher of ours can have written it.
struct RecordName {
    BatchName batch;
    std::uint32_t index = 0;
};
[[nodiscard]] std::optional<RecordName> name_of(std::size_t topic, RecordView record);

/// One round: the server is killed perhaps while it starts, then started for good, loaded, and killed again.
struct RoundPlan {
    enum class Moment : std::uint8_t {
        acknowledgements,  ///< when that many publishes have been answered
        microseconds,      ///< so long after the load began
        stop,              ///< some time after it was asked to stop, which it is under load
    };
    std::vector<std::chrono::microseconds> kills_while_starting;  ///< after the start of the process
    Moment moment = Moment::acknowledgements;
    std::uint64_t acknowledgements = 0;   ///< of Moment::acknowledgements and Moment::stop
    std::chrono::microseconds after{};    ///< of Moment::microseconds and Moment::stop
    std::uint32_t batches_in_flight = 1;  ///< of each publisher
};
[[nodiscard]] RoundPlan plan_round(std::uint64_t seed, std::uint64_t round);

}  // namespace leveret::test
