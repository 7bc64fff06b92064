// What a broker does with its data directory in an hour, in some fifty steps: the same ones each time.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "history.hpp"
#include "message_log/positions_file.hpp"
#include "stored_logs.hpp"

namespace leveret::test {

/// "<directory>/positions" of a topic's partition 0.
[[nodiscard]] std::string positions_path(const TopicId& id);

/// The log as a start of the server gets it: opened, or created where the creation had not come that far.
[[nodiscard]] Result<OpenedLog> open_or_create(LogStore& store, const TopicId& id, bool shows_unsynced);

/// Goes on after errors, as a broker does: with the other topics, and on this one with what is still allowed. Writes
/// what it asks for, and what is answered, into the history.
class Workload {
  public:
    Workload(StoredLogs& logs, History& history) : logs_(logs), history_(history) {}

    /// All of it, up to a clean end.
    void run();

    struct Failure {
        std::string topic;
        std::string step;
        std::error_code error;
    };
    [[nodiscard]] const std::vector<Failure>& failures() const noexcept { return failures_; }
    /// What a log must not do, in words.
    [[nodiscard]] const std::vector<std::string>& wrongs() const noexcept { return wrongs_; }

    [[nodiscard]] bool is_open(const std::string& name) const { return open_.contains(name); }

    // The steps, for other scripts. Each of them is nothing where the topic has no open log.
    void create(const std::string& name, bool shows_unsynced);
    void open(const std::string& name);
    /// In a new server, with the history of another.
    void open_again(const std::string& name) { use(name, false); }
    void save_settings(const std::string& name, std::uint64_t retention_bytes);
    void append(const std::string& name, const std::vector<std::size_t>& payload_bytes, MessageLog::Sync sync);
    /// Several appends at once, the last of them with Sync::yes.
    void append_together(const std::string& name, const std::vector<std::vector<std::size_t>>& batches);
    void sync(const std::string& name);
    void trim(const std::string& name, Offset before);
    void commit(const std::string& name, Offset position, bool sync);
    void close(const std::string& name);
    void remove(const std::string& name);

  private:
    struct OpenTopic {
        std::unique_ptr<MessageLog> log{};
        std::unique_ptr<PositionsFile> positions{};
        bool has_failed = false;
    };

    [[nodiscard]] Moment now() const { return logs_.files.operations().size(); }
    OpenTopic* find(const std::string& name);
    void use(const std::string& name, bool is_new);
    void appended(const std::string& name, const MessageLog::Appended& answer, std::uint64_t first, std::uint64_t end,
                  MessageLog::Sync sync);
    bool note(const std::string& name, const std::string& step, std::error_code error);

    StoredLogs& logs_;
    History& history_;
    std::map<std::string, OpenTopic> open_{};
    std::set<std::string> stopped_{};  ///< closed after a failure: what they have is looked at after a restart
    std::vector<Failure> failures_{};
    std::vector<std::string> wrongs_{};
};

}  // namespace leveret::test
