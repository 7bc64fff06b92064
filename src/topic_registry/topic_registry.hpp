// Name → TopicController: creates topics, finds them, deletes them, and drives what happens to them by time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "environment/environment.hpp"
#include "protocol/error.hpp"
#include "protocol/topic_settings.hpp"
#include "topic_controller/topic_controller.hpp"
#include "topic_registry/expiry_schedule.hpp"

namespace leveret {

using TopicPtr = std::shared_ptr<TopicController>;

/// Thread-safe. Lock order: the reclaim mutex, then the registry's, then a topic's; the schedule's after any of them.
/// At most one topic's at a time.
///
/// Outlives its topics' appends: those who hold a TopicPtr may publish only as long as the registry lives.
class TopicRegistry {
  public:
    /// `executor` runs the expiry timer; it must outlive the registry.
    TopicRegistry(const Environment& environment, asio::any_io_executor executor);
    ~TopicRegistry();

    [[nodiscard]] TopicPtr find(std::string_view name) const;
    /// Finds it, or creates it with default settings, unconfigured.
    /// Errors: bad_topic_name, too_many_topics, memory_full.
    [[nodiscard]] Result<TopicPtr> find_or_create(std::string_view name);
    /// An existing topic with the same settings is success, with others topic_exists; one that nobody has configured
    /// yet takes these. Two callers at the same moment get one topic. Errors: bad_topic_name, bad_settings (a number
    /// that names no store or durability), topic_exists, too_many_topics, memory_full, not_supported (a store other
    /// than memory, more partitions than one).
    [[nodiscard]] Result<TopicPtr> create(std::string_view name, const TopicSettings& settings);
    /// The zaichik way: an existing topic stays as it is, whatever its settings.
    [[nodiscard]] Result<TopicPtr> create_or_keep(std::string_view name, const TopicSettings& settings);
    /// Errors: unknown_topic, bad_settings, not_supported.
    [[nodiscard]] std::error_code alter(std::string_view name, const std::function<void(TopicSettings&)>& change);
    /// Whether that is allowed is the caller's to know. Errors: unknown_topic.
    [[nodiscard]] std::error_code remove(std::string_view name);
    /// Up to `limit` topics with names above `after`, in ascending order.
    [[nodiscard]] std::vector<TopicPtr> list(std::string_view after, std::size_t limit) const;
    [[nodiscard]] std::size_t size() const;
    /// Makes room in the memory budget: evicts the oldest blocks of the topics with the most bytes. True: some was
    /// freed, try again. Called without any topic's lock; also by connections that need a read buffer.
    [[nodiscard]] bool reclaim(std::uint64_t bytes);

  private:
    enum class IfExists { keep, compare };

    /// Seeded, so that nobody can choose names that all fall into one bucket.
    struct NameHash {
        using is_transparent = void;  // NOLINT(readability-identifier-naming): the library's name
        std::uint64_t seed = 0;
        [[nodiscard]] std::size_t operator()(std::string_view name) const noexcept;
    };
    struct Entry {
        TopicPtr topic;
        MemoryCharge charge;  // for what a topic takes apart from blocks, window and positions
    };
    using Topics = std::unordered_map<std::string, Entry, NameHash, std::equal_to<>>;

    [[nodiscard]] Result<TopicPtr> create_configured(std::string_view name, const TopicSettings& settings,
                                                     IfExists if_exists);
    [[nodiscard]] Result<TopicPtr> find_or_add(std::string_view name, const TopicSettings& settings, bool configured);
    [[nodiscard]] Result<TopicPtr> add(std::string_view name, const TopicSettings& settings, bool configured);
    [[nodiscard]] TopicPtr find_locked(std::string_view name) const;
    [[nodiscard]] std::vector<TopicPtr> largest_topics() const;

    const Environment environment_;
    ExpirySchedule schedule_;

    std::mutex reclaim_mutex_;  // one thread at a time reclaims; the others find what it has freed

    mutable std::shared_mutex mutex_;  // guards what follows
    Topics topics_;
    Epoch last_epoch_{};
};

}  // namespace leveret
