// What the registry has a data directory for: topics that are there again after a restart.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include <asio/any_io_executor.hpp>
#include <asio/strand.hpp>

#include "environment/environment.hpp"
#include "message_log/log_store.hpp"
#include "message_log/positions_file.hpp"
#include "message_log/topic_catalogue.hpp"
#include "topic_controller/topic_log.hpp"

namespace leveret {

/// Creates, loads, saves and removes stored topics. What is asked for one topic is carried out in order, on the write
/// executor. Thread-safe. Outlives the topics, and what it refers to outlives it.
class TopicStorage {
  public:
    /// The store of a kind, opened when it is asked for the first time; blocks. Errors: not_supported, bad_log, the
    /// system's.
    using FindStore = std::function<Result<LogStore*>(Store)>;
    using Backed = std::function<void(Result<TopicBacking>)>;

    struct Loaded {
        StoredTopic topic;
        Result<TopicBacking> backing;  ///< why its log could not be opened; the topic is there all the same
    };

    /// All topics may have `all_pending` that their logs do not have yet.
    TopicStorage(Files& files, FindStore find_store, LogExecutors executors, CatchUpMemory& catch_up_memory,
                 AwaitedBudget& all_pending);

    /// Every topic of the catalogue, their logs opened by that many threads, in the order of their names. Says in the
    /// server's log what it found. Blocks.
    [[nodiscard]] Result<std::vector<Loaded>> load(unsigned threads, Epoch epoch);
    /// Makes the topic durable, then its log. Where one of them fails nothing of it is left.
    void create(const StoredTopic& topic, Epoch epoch, Backed done);
    /// Takes the topic's new settings.
    void save(const StoredTopic& topic);
    /// The topic's log has been closed.
    void remove(const StoredTopic& topic);
    /// Answers when what has been asked for this topic is done: with the error of the last of it that failed.
    void flush(const TopicId& id, MessageLog::Done done);

    /// For messages: the name of a topic that was loaded or created here, else its id.
    [[nodiscard]] std::string name_of(const TopicId& id);

    [[nodiscard]] CatchUpMemory& catch_up_memory() noexcept { return catch_up_memory_; }

  private:
    using Strand = asio::strand<asio::any_io_executor>;

    [[nodiscard]] Result<TopicBacking> open(const StoredTopic& topic, Epoch epoch, bool is_new);
    [[nodiscard]] Result<TopicBacking> open_parts(const StoredTopic& topic, Epoch epoch, bool is_new);
    [[nodiscard]] Result<OpenedLog> open_log(const StoredTopic& topic, Epoch epoch, bool is_new);
    [[nodiscard]] SavePositions saver(const TopicId& id, PositionsFile file);
    [[nodiscard]] Strand& strand_of(const TopicId& id) noexcept;
    void remember(const TopicId& id, std::error_code error);
    /// All of it, from the disk.
    [[nodiscard]] std::error_code take_away(const StoredTopic& topic);
    void note_name(const StoredTopic& topic);
    void forget_name(const TopicId& id);
    /// It was loaded or created here, and has not gone.
    [[nodiscard]] bool has_name(const TopicId& id);

    Files& files_;
    TopicCatalogue catalogue_;
    const FindStore find_store_;
    CatchUpMemory& catch_up_memory_;
    AwaitedBudget& all_pending_;
    std::vector<Strand> strands_;  // a topic's by its id: several, so that many topics are made at once

    std::mutex mutex_;  // guards what follows; a leaf
    std::map<std::array<std::uint8_t, 16>, std::string> names_;
    std::map<std::array<std::uint8_t, 16>, std::error_code> failures_;
};

}  // namespace leveret
