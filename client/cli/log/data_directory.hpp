// A server's data directory, opened by the tools that work without the server.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "command.hpp"
#include "message_log/segment/segment_inspection.hpp"
#include "message_log/topic_catalogue.hpp"
#include "units.hpp"

namespace leveret::cli {

/// Which data directory, and which of its topics. Without a name and an id: all of them.
struct LogOptions {
    std::string data_dir;
    std::string topic;
    std::string id;
    bool running = false;  ///< a server may be using it
};

/// A topic that there are files of; without a name where its topic.json cannot be read.
struct TopicOnDisk {
    TopicId id{};
    std::optional<StoredTopic> stored;
    std::vector<PartitionId> partitions;  ///< that have a directory

    [[nodiscard]] bool is_rocksdb() const { return stored && stored->settings.store == Store::rocksdb; }
    /// For people: its name, else its id.
    [[nodiscard]] std::string label() const { return stored ? stored->name : id.to_string(); }
    [[nodiscard]] std::string partition_directory(PartitionId partition) const;
};

/// Holds the lock that servers take, unless one may be running.
class DataDirectory {
  public:
    /// Error: a sentence.
    [[nodiscard]] static Parsed<DataDirectory> open(const LogOptions& options);

    /// Of these options' topics, in the order of their names; those without one come last.
    [[nodiscard]] const std::vector<TopicOnDisk>& topics() const noexcept { return topics_; }
    /// What is wrong with the catalogue itself.
    [[nodiscard]] const std::vector<LogFinding>& findings() const noexcept { return findings_; }
    [[nodiscard]] Files& files() const noexcept { return *files_; }
    [[nodiscard]] std::string rocksdb_path() const { return path_ + "/rocksdb"; }

  private:
    DataDirectory(std::string path, std::unique_ptr<Files> files) : path_(std::move(path)), files_(std::move(files)) {}
    [[nodiscard]] std::optional<std::string> load(const LogOptions& options);
    void note_topics(std::vector<StoredTopic> stored, const std::vector<Files::Entry>& directories);
    [[nodiscard]] std::optional<std::string> select(const LogOptions& options);

    std::string path_;
    std::unique_ptr<Files> files_;
    std::unique_ptr<Files::Lock> lock_;
    std::vector<TopicOnDisk> topics_;
    std::vector<LogFinding> findings_;
};

/// 32 hexadecimal digits; nothing for anything else.
[[nodiscard]] std::optional<TopicId> parse_topic_id(std::string_view text);

}  // namespace leveret::cli
