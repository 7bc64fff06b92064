// What the parts of the segment store share.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "message_log/segment/file_cache.hpp"
#include "message_log/segment/segment_index.hpp"
#include "message_log/segment/segment_store.hpp"

namespace leveret {

/// The indexes of sealed segments that were looked at last, for all logs of a store. Thread-safe.
class IndexCache {
  public:
    static constexpr std::size_t indexes_max = 8;

    [[nodiscard]] std::shared_ptr<const SegmentIndex> find(const std::string& path);
    void put(const std::string& path, std::shared_ptr<const SegmentIndex> index);

  private:
    using Entry = std::pair<std::string, std::shared_ptr<const SegmentIndex>>;
    std::mutex mutex_;
    std::vector<Entry> entries_;  ///< the one used last in front
};

/// One for each store; its logs keep it.
struct SegmentContext {
    SegmentContext(Files& its_files, LogExecutors its_executors, Counters& its_counters, SegmentStoreSettings its)
        : files(its_files),
          executors(std::move(its_executors)),
          counters(its_counters),
          settings(std::move(its)),
          open_files(its_files, settings.open_files_max) {}

    Files& files;
    const LogExecutors executors;
    Counters& counters;
    const SegmentStoreSettings settings;
    FileCache open_files;
    IndexCache indexes;
};

/// Which partition a log belongs to, and what people are told about it. Thread-safe.
class PartitionPlace {
  public:
    PartitionPlace(std::shared_ptr<SegmentContext> context, const TopicId& topic, PartitionId partition);

    [[nodiscard]] SegmentContext& context() const noexcept { return *context_; }
    [[nodiscard]] PartitionId partition() const noexcept { return partition_; }
    /// "topics/<id>/<partition>".
    [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
    [[nodiscard]] std::string path(std::string_view name) const { return directory_ + '/' + std::string(name); }

    /// Counts records [first, end) as lost, once for each place: a sentence for people, empty where that was known.
    /// `position` is where the damage begins in the segment `base`; `missing` where all of a segment before it is gone.
    [[nodiscard]] std::string note_damage(Offset base, std::uint64_t position, Offset first, Offset end);
    /// That what is lost before `end` is known to people: it is neither counted nor told.
    void know_damage(Offset end);
    static constexpr std::uint64_t missing = ~std::uint64_t{0};
    void report(const std::string& finding) const;
    [[nodiscard]] std::string topic_name() const;

  private:
    const std::shared_ptr<SegmentContext> context_;
    const TopicId topic_;
    const PartitionId partition_;
    const std::string directory_;
    std::mutex mutex_;
    /// Of the damage that is known: reads meet it at different offsets, and all get past it at the same.
    std::vector<Offset> damage_ends_;
};

[[nodiscard]] std::string partition_directory(const TopicId& topic, PartitionId partition);

}  // namespace leveret
