#include "topic_registry/topic_storage.hpp"

#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include <asio/post.hpp>
#include <spdlog/spdlog.h>

namespace leveret {
namespace {

constexpr std::size_t strand_count = 16;

std::string partition_directory(const TopicId& id) {
    return TopicCatalogue::directory_of(id) + "/0";
}

}  // namespace

TopicStorage::TopicStorage(Files& files, FindStore find_store, LogExecutors executors, CatchUpMemory& catch_up_memory,
                           AwaitedBudget& all_pending)
    : files_(files),
      catalogue_(files),
      find_store_(std::move(find_store)),
      catch_up_memory_(catch_up_memory),
      all_pending_(all_pending) {
    for (std::size_t i = 0; i < strand_count; ++i) {
        strands_.emplace_back(executors.write);
    }
}

Result<std::vector<TopicStorage::Loaded>> TopicStorage::load(unsigned threads, Epoch epoch) {
    if (const std::error_code error = catalogue_.prepare()) {
        return tl::unexpected(error);
    }
    auto catalogue = catalogue_.load();
    if (!catalogue) {
        return tl::unexpected(catalogue.error());
    }
    for (const std::string& finding : catalogue->findings) {
        spdlog::error("{}", finding);
    }
    std::vector<Loaded> loaded;
    for (StoredTopic& topic : catalogue->topics) {
        note_name(topic);
        loaded.push_back({std::move(topic), fail(Error::bad_log)});
    }
    std::atomic<std::size_t> next{0};
    const auto open_some = [&] {
        for (std::size_t i = next.fetch_add(1); i < loaded.size(); i = next.fetch_add(1)) {
            loaded[i].backing = open(loaded[i].topic, epoch, false);
        }
    };
    std::vector<std::jthread> helpers;
    for (unsigned i = 1; i < threads && i < loaded.size(); ++i) {
        helpers.emplace_back(open_some);
    }
    open_some();
    helpers.clear();
    return loaded;
}

void TopicStorage::create(const StoredTopic& topic, Epoch epoch, Backed done) {
    note_name(topic);
    asio::post(strand_of(topic.id), [this, topic, epoch, done = std::move(done)] {
        auto backing = open(topic, epoch, true);
        if (!backing) {
            forget_name(topic.id);
        }
        done(std::move(backing));
    });
}

Result<OpenedLog> TopicStorage::open_log(const StoredTopic& topic, Epoch epoch, bool is_new) {
    const auto store = find_store_(topic.settings.store);
    if (!store) {
        return tl::unexpected(store.error());
    }
    const LogSettings settings{.shows_unsynced = topic.settings.durability != Durability::sync, .epoch = epoch};
    if (!is_new) {
        auto opened = (*store)->open(topic.id, PartitionId{0}, settings);
        if (opened || opened.error() != std::errc::no_such_file_or_directory) {
            return opened;
        }
        // Its creation was cut short by a crash, so nothing has been acknowledged in it.
        spdlog::warn("topic '{}' has no log: it is made now, empty", topic.name);
    }
    return (*store)->create(topic.id, PartitionId{0}, settings);
}

Result<TopicBacking> TopicStorage::open(const StoredTopic& topic, Epoch epoch, bool is_new) {
    auto backing = open_parts(topic, epoch, is_new);
    if (!backing && is_new) {
        // Or it would come back, empty, under a name that another may have by then.
        const std::error_code error = take_away(topic);
        if (error && error != std::errc::no_such_file_or_directory) {
            spdlog::error("topic '{}' could not be made, and what there is of it could not be removed: {}", topic.name,
                          error.message());
        }
    }
    return backing;
}

Result<TopicBacking> TopicStorage::open_parts(const StoredTopic& topic, Epoch epoch, bool is_new) {
    if (is_new) {
        if (const std::error_code error = catalogue_.save(topic)) {
            return tl::unexpected(error);
        }
    }
    auto log = open_log(topic, epoch, is_new);
    if (!log) {
        return tl::unexpected(log.error());
    }
    for (const std::string& finding : log->recovery.findings) {
        spdlog::warn("topic '{}': {}", topic.name, finding);
    }
    if (const std::error_code error = files_.make_directory(partition_directory(topic.id))) {
        return tl::unexpected(error);
    }
    if (is_new) {
        if (const std::error_code error = files_.sync_directory(TopicCatalogue::directory_of(topic.id))) {
            return tl::unexpected(error);
        }
    }
    const std::string positions_path = partition_directory(topic.id) + "/positions";
    auto positions = PositionsFile::open(files_, positions_path);
    if (!positions) {
        if (positions.error() == Error::bad_log) {
            spdlog::error(
                "topic '{}': {} in the data directory is damaged at its front, or of another version. To set it aside: "
                "leveret log repair --topic {} --data-dir …, while no server runs",
                topic.name, positions_path, topic.name);
        }
        return tl::unexpected(positions.error());
    }
    if (positions->damaged_entries() != 0) {
        spdlog::error("topic '{}': {} entries of its committed positions are damaged and were left out", topic.name,
                      positions->damaged_entries());
    }
    TopicBacking backing{.log = std::move(log->log),
                         .epochs = std::move(log->epochs),
                         .positions = {positions->positions().begin(), positions->positions().end()},
                         .save_positions = {},
                         .all_pending = &all_pending_};
    backing.save_positions = saver(topic.id, std::move(*positions));
    return backing;
}

SavePositions TopicStorage::saver(const TopicId& id, PositionsFile file) {
    const auto shared = std::make_shared<PositionsFile>(std::move(file));
    return [shared, strand = strand_of(id)](std::vector<std::pair<std::string, Offset>> positions, bool sync,
                                            MessageLog::Done done) {
        asio::post(strand, [shared, positions = std::move(positions), sync, done = std::move(done)] {
            done(shared->save(positions, sync));
        });
    };
}

void TopicStorage::save(const StoredTopic& topic) {
    asio::post(strand_of(topic.id), [this, topic] {
        if (has_name(topic.id)) {  // else it could not be made: written now, it would be there after a restart
            remember(topic.id, catalogue_.save(topic));
        }
    });
}

void TopicStorage::remove(const StoredTopic& topic) {
    asio::post(strand_of(topic.id), [this, topic] {
        if (!has_name(topic.id)) {
            return;  // it could not be made, and has been taken away already
        }
        const std::error_code error = take_away(topic);
        if (error) {
            spdlog::error("topic '{}' could not be removed from the disk: {}", topic.name, error.message());
        }
        remember(topic.id, error);
        forget_name(topic.id);
    });
}

/// The catalogue first: a crash in between leaves a log that nobody knows, not a topic without one.
std::error_code TopicStorage::take_away(const StoredTopic& topic) {
    if (const std::error_code error = catalogue_.remove(topic.id); error || topic.settings.store == Store::file) {
        return error;  // a log of files goes with its topic's directory
    }
    const auto store = find_store_(topic.settings.store);
    return store ? (*store)->remove(topic.id) : store.error();
}

void TopicStorage::flush(const TopicId& id, MessageLog::Done done) {
    asio::post(strand_of(id), [this, id, done = std::move(done)] {
        std::error_code error;
        {
            const std::lock_guard lock(mutex_);
            if (const auto found = failures_.find(id.bytes); found != failures_.end()) {
                error = found->second;
            }
        }
        done(error);
    });
}

void TopicStorage::note_name(const StoredTopic& topic) {
    const std::lock_guard lock(mutex_);
    names_[topic.id.bytes] = topic.name;
}

void TopicStorage::forget_name(const TopicId& id) {
    const std::lock_guard lock(mutex_);
    names_.erase(id.bytes);
}

bool TopicStorage::has_name(const TopicId& id) {
    const std::lock_guard lock(mutex_);
    return names_.contains(id.bytes);
}

std::string TopicStorage::name_of(const TopicId& id) {
    const std::lock_guard lock(mutex_);
    const auto found = names_.find(id.bytes);
    return found == names_.end() ? id.to_string() : found->second;
}

TopicStorage::Strand& TopicStorage::strand_of(const TopicId& id) noexcept {
    return strands_[id.bytes[0] % strand_count];
}

/// Only failures are kept, so this stays small.
void TopicStorage::remember(const TopicId& id, std::error_code error) {
    const std::lock_guard lock(mutex_);
    if (error) {
        failures_[id.bytes] = error;
    } else {
        failures_.erase(id.bytes);
    }
}

}  // namespace leveret
