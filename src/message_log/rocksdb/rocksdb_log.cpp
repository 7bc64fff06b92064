#include "message_log/rocksdb/rocksdb_log.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include <asio/post.hpp>

#include "message_log/rocksdb/rocksdb_cursor.hpp"

namespace leveret {
namespace {

constexpr std::size_t told_damages_max = 1024;

rocksdb::Slice slice_of(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
rocksdb::Slice slice_of(const PartitionKeys::RecordKey& key) {
    return {key.data(), key.size()};
}

std::uint64_t bytes_of(std::span<const Bytes> runs) {
    std::uint64_t bytes = 0;
    for (const Bytes run : runs) {
        bytes += run.size();
    }
    return bytes;
}

Offset end_of_first_part(const RocksDbContents& contents) {
    if (contents.full_parts.empty()) {
        return contents.tail.end;
    }
    return contents.full_parts.size() > 1 ? contents.full_parts[1].first : contents.tail.part.first;
}

}  // namespace

LogExtent RocksDbContents::extent() const {
    const LogPart& first_part = full_parts.empty() ? tail.part : full_parts.front();
    LogExtent extent{.first = tail.first,
                     .end = tail.end,
                     .bytes = bytes,
                     .segments = full_parts.size() + 1,
                     .first_segment_end = end_of_first_part(*this),
                     .first_segment_bytes = first_part.bytes,
                     .first_segment_last = {},
                     .last_timestamp = tail.last_timestamp};
    if (first_part.bytes > 0) {
        extent.first_segment_last = first_part.last;
    }
    return extent;
}

RocksDbLog::RocksDbLog(std::shared_ptr<RocksDbDatabase> database, const TopicId& topic, PartitionId partition,
                       RocksDbContents contents, PartitionState state)
    : database_(std::move(database)),
      topic_(topic),
      partition_(partition),
      keys_(topic, partition),
      writing_(std::move(contents)),
      state_(std::move(state)),
      extent_(writing_.extent()) {
    // What a start finds has been flushed to tables by it, or was synced when the log was closed.
    extent_.synced = extent_.end;
}

LogExtent RocksDbLog::extent() const {
    const std::scoped_lock lock(mutex_);
    return extent_;
}

// Writing.

bool RocksDbLog::reserve(std::uint64_t bytes, Done done) {
    // No begin_call(): its end could call back for a close, here, and the caller may hold a lock.
    std::unique_lock lock(mutex_);
    const bool has_stopped = is_closing_ || has_failed_;
    if (!has_stopped && database_->room().try_take(bytes)) {
        return true;
    }
    calls_under_way_ += has_stopped ? 0 : 1;
    lock.unlock();
    if (has_stopped) {
        refuse(std::move(done));
        return false;
    }
    asio::post(database_->executors().write, [this, bytes, done = std::move(done)] {
        done(database_->room().take(bytes));
        end_call();
    });
    return false;
}

void RocksDbLog::unreserve(std::uint64_t bytes) {
    database_->room().give_back(bytes);
}

void RocksDbLog::append(std::span<const Bytes> runs, Sync sync, AppendDone done) {
    const std::uint64_t bytes = bytes_of(runs);
    const Offset first = RecordView(runs.front().data()).offset();
    auto fill = [this, sync, kept = std::vector<Bytes>(runs.begin(), runs.end())](rocksdb::WriteBatch& batch) {
        return fill_append(batch, kept, sync);
    };
    submit(std::move(fill), bytes, [this, bytes, first, done = std::move(done)](std::error_code error) {
        database_->room().note_written(bytes);
        database_->counters().log_bytes_written.add(error ? 0 : bytes);
        done({error, first});
    });
}

bool RocksDbLog::fill_append(rocksdb::WriteBatch& batch, const std::vector<Bytes>& runs, Sync sync) {
    LogTail& tail = writing_.tail;
    if (tail.part.bytes >= database_->settings().part_bytes) {
        (void)batch.Put(database_->meta(), keys_.part(tail.part.first), encode(tail.part));
        writing_.full_parts.push_back(std::exchange(tail.part, LogPart{.first = tail.end}));
    }
    for (const Bytes run : runs) {
        for (const RecordView record : Records(run)) {
            assert(record.offset() == tail.end);
            const auto key = keys_.record(record.offset());
            (void)batch.Put(database_->records(), slice_of(key), slice_of(record.bytes()));
            tail.end = {record.offset().value + 1};
            tail.part.last = record.timestamp();
        }
        tail.part.bytes += run.size();
        writing_.bytes += run.size();
    }
    tail.last_timestamp = tail.part.last;
    (void)batch.Put(database_->meta(), keys_.tail(), encode(tail));
    // The mark of the last clean stop must not come back once readers have seen records that followed it.
    const bool was_state_synced = std::exchange(state_is_synced_, true);
    return sync == Sync::yes || !was_state_synced;
}

void RocksDbLog::sync(Done done) {
    submit([](rocksdb::WriteBatch&) { return true; }, 0, std::move(done));
}

void RocksDbLog::trim(Offset before, Done done) {
    auto fill = [this, before](rocksdb::WriteBatch& batch) { return fill_trim(batch, before); };
    submit(std::move(fill), 0, [this, done = std::move(done)](std::error_code error) {
        if (!error) {
            // The deletion alone would free room only with later compactions, which a full disk may never see.
            const auto first_key = keys_.record({});
            const auto end_key = keys_.record(extent().first);
            database_->drop_files(slice_of(first_key), slice_of(end_key));
        }
        done(error);
    });
}

/// What it removes is synced: the files that trim() drops then do not come back, and neither must the old beginning.
bool RocksDbLog::fill_trim(rocksdb::WriteBatch& batch, Offset before) {
    LogTail& tail = writing_.tail;
    const Offset old_first = tail.first;
    auto& parts = writing_.full_parts;
    if (before >= tail.end && tail.part.bytes != 0) {
        parts.push_back(std::exchange(tail.part, LogPart{.first = tail.end}));
    }
    tail.first = std::max(tail.first, std::min(before, tail.end));
    while (!parts.empty() && end_of_first_part(writing_) <= tail.first) {
        writing_.bytes -= parts.front().bytes;
        (void)batch.Delete(database_->meta(), keys_.part(parts.front().first));
        parts.pop_front();
    }
    if (tail.first == old_first) {
        return false;
    }
    const auto first_key = keys_.record(old_first);
    const auto end_key = keys_.record(tail.first);
    (void)batch.DeleteRange(database_->records(), slice_of(first_key), slice_of(end_key));
    (void)batch.Put(database_->meta(), keys_.tail(), encode(tail));
    // Shown before it is done: a reader that misses these records knows why.
    const std::scoped_lock lock(mutex_);
    extent_.first = tail.first;
    return true;
}

void RocksDbLog::close(Done done) {
    auto fill = [this](rocksdb::WriteBatch& batch) {
        state_.closed_cleanly = true;
        (void)batch.Put(database_->meta(), keys_.state(), encode(state_));
        return true;
    };
    {
        std::unique_lock lock(mutex_);
        if (std::exchange(is_closing_, true)) {
            lock.unlock();
            return refuse(std::move(done));
        }
        ++calls_under_way_;
    }
    auto written = [this, done = std::move(done)](std::error_code error, bool was_synced) {
        publish(error, was_synced);
        {
            const std::scoped_lock lock(mutex_);
            closed_ = [done, error] { done(error); };
        }
        end_call();
    };
    database_->submit({std::move(fill), std::move(written), 0});
}

void RocksDbLog::submit(std::function<bool(rocksdb::WriteBatch&)> fill, std::uint64_t bytes, Done done) {
    if (!begin_call(Call::write)) {
        return refuse(std::move(done));
    }
    auto written = [this, done = std::move(done)](std::error_code error, bool was_synced) {
        publish(error, was_synced);
        done(error);
        end_call();
    };
    database_->submit({std::move(fill), std::move(written), bytes});
}

void RocksDbLog::publish(std::error_code error, bool was_synced) {
    const std::scoped_lock lock(mutex_);
    if (error) {
        database_->counters().logs_failed.add(std::exchange(has_failed_, true) ? 0 : 1);
        return;
    }
    const Offset synced = was_synced ? writing_.tail.end : extent_.synced;
    extent_ = writing_.extent();
    extent_.synced = synced;
}

// Reading.

void RocksDbLog::read(Offset from, std::span<std::byte> into, ReadDone done) {
    if (!begin_call(Call::read)) {
        return refuse([done = std::move(done)](std::error_code error) { done(tl::unexpected(error)); });
    }
    asio::post(database_->executors().read, [this, from, into, done = std::move(done)] {
        done(read_now(from, into));
        end_call();
    });
}

Result<LogRead> RocksDbLog::read_now(Offset from, std::span<std::byte> into) {
    Result<LogRead> read = fail(Error::log_failed);
    const rocksdb::Status status = guarded([&] {
        // The end before the cursor is made, the first after it: between the two, nothing is missing from what it sees.
        const Offset end = extent().end;
        RocksDbCursor cursor(*database_, keys_, end);
        const Offset begin = std::min(std::max(from, extent().first), end);
        read = read_records(cursor, begin, end, into);
        return rocksdb::Status::OK();
    });
    if (!status.ok()) {
        return tl::unexpected(error_of(status));
    }
    if (read && read->damaged) {
        note_damage(*read->damaged);
    }
    database_->counters().log_bytes_read.add(read ? read->bytes : 0);
    return read;
}

void RocksDbLog::find_time(Timestamp time, FindDone done) {
    if (!begin_call(Call::read)) {
        return refuse([done = std::move(done)](std::error_code error) { done(tl::unexpected(error)); });
    }
    asio::post(database_->executors().read, [this, time, done = std::move(done)] {
        done(find_now(time));
        end_call();
    });
}

Result<Offset> RocksDbLog::find_now(Timestamp time) {
    Result<Offset> found = fail(Error::log_failed);
    const rocksdb::Status status = guarded([&] {
        const Offset end = extent().end;
        RocksDbCursor cursor(*database_, keys_, end);
        found = leveret::find_time(cursor, time, std::min(extent().first, end), end);
        return rocksdb::Status::OK();
    });
    return status.ok() ? found : tl::unexpected(error_of(status));
}

void RocksDbLog::note_damage(std::pair<Offset, Offset> damaged) {
    {
        const std::scoped_lock lock(mutex_);
        if (told_damages_.size() >= told_damages_max || !told_damages_.insert(damaged.first).second) {
            return;
        }
    }
    database_->counters().log_damages.add();
    database_->tell(database_->name_of(topic_, partition_) + ": the records with the offsets from " +
                    std::to_string(damaged.first.value) + " up to " + std::to_string(damaged.second.value) +
                    ", the last one excluded, cannot be read; readers skip them.");
}

// Calls and their end.

bool RocksDbLog::begin_call(Call call) {
    const std::scoped_lock lock(mutex_);
    if (is_closing_ || (has_failed_ && call == Call::write)) {
        return false;
    }
    ++calls_under_way_;
    return true;
}

void RocksDbLog::end_call() {
    std::unique_lock lock(mutex_);
    --calls_under_way_;
    if (calls_under_way_ > 0 || !closed_) {
        return;
    }
    const auto closed = std::move(closed_);
    lock.unlock();
    closed();  // and this object may be gone
}

void RocksDbLog::refuse(Done done) const {
    asio::post(database_->executors().write, [done = std::move(done)] { done(Error::log_failed); });
}

}  // namespace leveret
