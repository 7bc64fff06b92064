// Name → TopicController: creates topics, finds them, deletes them, and drives what happens to them by time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
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
#include "topic_registry/topic_storage.hpp"

namespace leveret {

using TopicPtr = std::shared_ptr<TopicController>;

/// What topics get whose settings do not say.
struct TopicDefaults {
    Store store = Store::memory;
    Durability durability = Durability::sync;  ///< of stored topics; of those in memory it is `os`, always
};

/// Thread-safe. Lock order: the reclaim mutex, then the registry's, then a topic's; the schedule's after any of them.
/// At most one topic's at a time.
///
/// Outlives its topics' appends: those who hold a TopicPtr may publish only as long as the registry lives.
class TopicRegistry {
  public:
    /// `executor` runs the expiry timer; it must outlive the registry, and so must `storage`. Without one there are
    /// topics in memory only.
    TopicRegistry(const Environment& environment, asio::any_io_executor executor, TopicStorage* storage = nullptr,
                  TopicDefaults defaults = {});
    /// With stored topics: after close().
    ~TopicRegistry();

    /// Brings back the topics of the data directory. Once, before anybody uses the registry. Blocks. Errors: those of
    /// TopicStorage::load().
    [[nodiscard]] std::error_code load(unsigned threads);
    /// Deletes nothing: takes no more publishes, closes all logs, then answers, on a log's thread or at once.
    void close(std::function<void()> done);

    [[nodiscard]] TopicPtr find(std::string_view name) const;
    /// Finds it, or creates it with default settings, unconfigured.
    /// Errors: bad_topic_name, too_many_topics, memory_full, topic_busy (one of this name is being removed from the
    /// disk).
    [[nodiscard]] Result<TopicPtr> find_or_create(std::string_view name);
    /// An existing topic with the same settings is success, with others topic_exists; one that nobody has configured
    /// yet takes these. Two callers at the same moment get one topic. Errors: bad_topic_name, bad_settings (a number
    /// that names no store or durability, an interval without the durability for it), topic_exists, too_many_topics,
    /// memory_full, not_supported (a store without a data directory, durability in memory, more partitions than one).
    /// A stored topic is there at once; when_kept() says when it will be after a crash.
    [[nodiscard]] Result<TopicPtr> create(std::string_view name, const TopicSettings& settings);
    /// One sentence for people: what of these settings create() answered not_supported for.
    [[nodiscard]] std::string_view why_not_supported(const TopicSettings& settings) const noexcept;
    /// The zaichik way: an existing topic stays as it is, whatever its settings.
    [[nodiscard]] Result<TopicPtr> create_or_keep(std::string_view name, const TopicSettings& settings);
    /// Errors: unknown_topic, bad_settings, not_supported.
    [[nodiscard]] Result<TopicPtr> alter(std::string_view name, const std::function<void(TopicSettings&)>& change);
    /// Whether that is allowed is the caller's to know. Errors: unknown_topic.
    /// Of a stored topic, `done` is told when it is gone from the disk too, on a log's thread.
    [[nodiscard]] std::error_code remove(std::string_view name, MessageLog::Done done = {});
    /// Answers when what has been asked for so far about a stored topic, its creation or its settings, would survive a
    /// crash. On a log's thread.
    void when_kept(const TopicPtr& topic, MessageLog::Done done);
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
    /// What topics_ has, by name: the keys are views of its keys, which stay where they are while they are in it.
    using TopicsInOrder = std::map<std::string_view, const TopicPtr*>;

    [[nodiscard]] Result<TopicPtr> create_configured(std::string_view name, const TopicSettings& settings,
                                                     IfExists if_exists);
    [[nodiscard]] Result<TopicPtr> find_or_add(std::string_view name, const TopicSettings& settings, bool configured);
    [[nodiscard]] Result<TopicPtr> add(std::string_view name, const TopicSettings& settings, bool configured);
    [[nodiscard]] TopicPtr make_topic(const StoredTopic& topic, Epoch epoch);
    [[nodiscard]] TopicSettings with_defaults(TopicSettings settings) const noexcept;
    [[nodiscard]] std::error_code check_settings(const TopicSettings& settings) const noexcept;
    void save(const TopicController& topic);
    void removed(const std::string& name, std::error_code error, const MessageLog::Done& done);
    void backed(const TopicPtr& topic, Result<TopicBacking> backing);
    [[nodiscard]] TopicPtr find_locked(std::string_view name) const;
    void insert_locked(const TopicPtr& topic, MemoryCharge charge);
    void erase_locked(Topics::iterator topic);
    struct SizedTopic {
        std::uint64_t bytes = 0;
        TopicPtr topic;
    };
    [[nodiscard]] static bool is_smaller(const SizedTopic& left, const SizedTopic& right) noexcept;
    [[nodiscard]] std::vector<SizedTopic> largest_topics(std::size_t most) const;

    const Environment environment_;
    TopicStorage* const storage_;  // null: topics in memory only
    const TopicDefaults defaults_;
    ExpirySchedule schedule_;

    std::mutex reclaim_mutex_;  // one thread at a time reclaims; the others find what it has freed

    mutable std::shared_mutex mutex_;  // guards what follows
    Topics topics_;
    TopicsInOrder in_order_;                       // for pages of names; everything else looks a name up in topics_
    std::set<std::string, std::less<>> removing_;  // names of stored topics that are not gone from the disk yet
    std::shared_ptr<void> close_waits_;            // for removing_ to be empty; close() answers when it goes
    Epoch last_epoch_{};
};

}  // namespace leveret
