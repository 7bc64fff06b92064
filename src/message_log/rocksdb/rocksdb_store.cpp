#include "message_log/rocksdb/rocksdb_store.hpp"

#include <algorithm>
#include <utility>

#include "message_log/rocksdb/rocksdb_database.hpp"
#include "message_log/rocksdb/rocksdb_format.hpp"
#include "message_log/rocksdb/rocksdb_log.hpp"

namespace leveret {
namespace {

constexpr std::size_t epochs_max = 180;

rocksdb::Slice slice_of(const PartitionKeys::RecordKey& key) {
    return {key.data(), key.size()};
}

/// Finds out what the database has of one partition.
class Recovery {
  public:
    Recovery(const RocksDbDatabase& database, const TopicId& topic, PartitionId partition)
        : database_(database), keys_(topic, partition), name_(database.name_of(topic, partition)) {}

    PartitionState state;
    RocksDbContents contents;
    LogRecovery report;

    /// Errors: no_such_file_or_directory where there is no such log; bad_log; the system's.
    std::error_code load() {
        std::string value;
        if (const std::error_code error = error_of(database_.get(keys_.state(), value))) {
            return error;
        }
        auto found_state = decode_state(value);
        if (!found_state || !database_.get(keys_.tail(), value).ok()) {
            return Error::bad_log;
        }
        const auto found_tail = decode_tail(value);
        if (!found_tail) {
            return Error::bad_log;
        }
        state = *std::move(found_state);
        contents.tail = *found_tail;
        report.was_closed_cleanly = state.closed_cleanly;
        const std::error_code error = load_parts();
        return error ? error : compare_end();
    }

  private:
    std::error_code load_parts() {
        const auto [first, end] = keys_.parts();
        const rocksdb::Slice first_slice(first);
        const rocksdb::Slice end_slice(end);
        const auto iterator = database_.iterate(database_.meta(), &first_slice, &end_slice);
        contents.bytes = contents.tail.part.bytes;
        for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
            const auto part = decode_part(iterator->value().ToStringView());
            if (!part) {
                return Error::bad_log;
            }
            contents.full_parts.push_back(*part);
            contents.bytes += part->bytes;
        }
        return error_of(iterator->status());
    }

    /// The last record there is, against what the last append has noted.
    std::error_code compare_end() {
        const LogTail& tail = contents.tail;
        const auto first_key = keys_.record(tail.first);
        const auto end_key = keys_.record({~std::uint64_t{0}});
        const rocksdb::Slice first_slice = slice_of(first_key);
        const rocksdb::Slice end_slice = slice_of(end_key);
        const auto iterator = database_.iterate(database_.records(), &first_slice, &end_slice);
        iterator->SeekToLast();
        if (!iterator->Valid() && !iterator->status().ok() && !iterator->status().IsCorruption()) {
            return error_of(iterator->status());
        }
        const Offset found_end =
            iterator->Valid() ? Offset{PartitionKeys::offset(iterator->key().ToStringView()).value + 1} : tail.first;
        if (found_end > tail.end) {
            return Error::bad_log;
        }
        if (found_end < tail.end) {
            report.damages = 1;
            report.findings.push_back(name_ + ": the records with the offsets from " + std::to_string(found_end.value) +
                                      " up to " + std::to_string(tail.end.value) +
                                      ", the last one excluded, cannot be read; readers skip them.");
        }
        return {};
    }

    const RocksDbDatabase& database_;
    const PartitionKeys keys_;
    const std::string name_;
};

class RocksDbStore final : public LogStore {
  public:
    explicit RocksDbStore(std::shared_ptr<RocksDbDatabase> database) : database_(std::move(database)) {}

    Result<OpenedLog> create(const TopicId& topic, PartitionId partition, const LogSettings& settings) override {
        const PartitionKeys keys(topic, partition);
        const std::scoped_lock lock(creating_);
        std::string value;
        const rocksdb::Status found = database_->get(keys.state(), value);
        if (!found.IsNotFound()) {
            return tl::unexpected(found.ok() ? make_error_code(std::errc::file_exists) : error_of(found));
        }
        PartitionState state{.boot_id = database_->settings().boot_id, .epochs = {{settings.epoch, Offset{}}}};
        rocksdb::WriteBatch batch;
        (void)batch.Put(database_->meta(), keys.state(), encode(state));
        (void)batch.Put(database_->meta(), keys.tail(), encode(LogTail{}));
        if (const std::error_code error = database_->write(batch, true)) {
            return tl::unexpected(error);
        }
        return opened(topic, partition, {}, std::move(state), {});
    }

    Result<OpenedLog> open(const TopicId& topic, PartitionId partition, const LogSettings& settings) override {
        Recovery found(*database_, topic, partition);
        std::error_code error;
        const rocksdb::Status status = guarded([&] {
            error = found.load();
            return rocksdb::Status::OK();
        });
        if (error || !status.ok()) {
            return tl::unexpected(error ? error : error_of(status));
        }
        database_->counters().log_damages.add(found.report.damages);
        PartitionState& state = found.state;
        const std::array<std::uint8_t, 16>& boot_id = database_->settings().boot_id;
        if (!state.closed_cleanly && settings.shows_unsynced && state.boot_id != boot_id) {
            raise_epoch(state.epochs, settings.epoch, found.contents.tail.end);
        }
        state.closed_cleanly = false;
        state.boot_id = boot_id;
        // Not synced: the first append does that, and until then a crash finds what this start has found.
        rocksdb::WriteBatch batch;
        (void)batch.Put(database_->meta(), PartitionKeys(topic, partition).state(), encode(state));
        error = database_->write(batch, false);
        if (error) {
            return tl::unexpected(error);
        }
        return opened(topic, partition, std::move(found.contents), std::move(state), std::move(found.report));
    }

    std::error_code remove(const TopicId& topic) override {
        const auto [first, end] = PartitionKeys::of_topic(topic);
        rocksdb::WriteBatch batch;
        (void)batch.DeleteRange(database_->records(), first, end);
        (void)batch.DeleteRange(database_->meta(), first, end);
        const std::error_code error = database_->write(batch, true);
        if (!error) {
            database_->drop_files(first, end);
        }
        return error;
    }

  private:
    OpenedLog opened(const TopicId& topic, PartitionId partition, RocksDbContents contents, PartitionState state,
                     LogRecovery report) const {
        std::vector<EpochStart> epochs = state.epochs;
        auto log = std::make_unique<RocksDbLog>(database_, topic, partition, std::move(contents), std::move(state));
        return {std::move(log), std::move(epochs), std::move(report)};
    }

    /// Epochs that have no record give way; the oldest ones become one when there are too many.
    static void raise_epoch(std::vector<EpochStart>& epochs, Epoch least, Offset end) {
        const Epoch raised = std::max(Epoch{epochs.back().epoch.value + 1}, least);
        while (!epochs.empty() && epochs.back().first >= end) {
            epochs.pop_back();
        }
        epochs.push_back({raised, end});
        if (epochs.size() > epochs_max) {
            epochs[1].first = epochs[0].first;
            epochs.erase(epochs.begin());
        }
    }

    const std::shared_ptr<RocksDbDatabase> database_;
    std::mutex creating_;  // what is looked up is what is written next
};

}  // namespace

Result<std::unique_ptr<LogStore>> open_rocksdb_store(const std::string& directory, LogExecutors executors,
                                                     Counters& counters, RocksDbStoreSettings settings) {
    auto database = RocksDbDatabase::open(directory, std::move(executors), counters, std::move(settings));
    if (!database) {
        return tl::unexpected(database.error());
    }
    return std::make_unique<RocksDbStore>(*std::move(database));
}

}  // namespace leveret
