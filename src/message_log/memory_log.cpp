#include "message_log/memory_log.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#include <asio/post.hpp>

namespace leveret {
namespace {

using Stored = MemoryLogContent::Stored;

/// The first record at or after `offset`.
auto find_record(const std::deque<Stored>& records, Offset offset) {
    return std::lower_bound(records.begin(), records.end(), offset,
                            [](const Stored& stored, Offset wanted) { return stored.record().offset() < wanted; });
}

}  // namespace

std::shared_ptr<MemoryLogContent> MemoryLog::make_content() {
    auto content = std::make_shared<MemoryLogContent>();
    content->segments.emplace_back();
    return content;
}

MemoryLog::MemoryLog(Options options, std::shared_ptr<MemoryLogContent> content)
    : options_(std::move(options)), content_(std::move(content)), room_bytes_(options_.room_bytes) {
    content_->is_open = true;
    content_->was_closed = false;
}

MemoryLog::~MemoryLog() {
    content_->is_open = false;
}

bool MemoryLog::reserve(std::uint64_t bytes, Done done) {
    std::unique_lock lock(mutex_);
    std::error_code error = state();
    if (!error && bytes > room_bytes_) {
        error = Error::disk_full;
    }
    if (!error && room_bytes_ != room_unlimited) {
        room_bytes_ -= bytes;
    }
    if (!error && !reserve_asks_) {
        return true;
    }
    lock.unlock();
    answer([done = std::move(done), error] { done(error); });
    return false;
}

void MemoryLog::unreserve(std::uint64_t bytes) {
    const std::scoped_lock lock(mutex_);
    room_bytes_ += room_bytes_ != room_unlimited ? bytes : 0;
}

void MemoryLog::append(std::span<const Bytes> runs, Sync sync, AppendDone done) {
    std::unique_lock lock(mutex_);
    has_failed_ = has_failed_ || std::exchange(fails_next_append_, false);
    const Appended appended{state(), RecordView(runs.front().data()).offset()};
    for (const Bytes run : appended.error ? std::span<const Bytes>{} : runs) {
        for (const RecordView record : Records(run)) {
            keep(record);
        }
    }
    if (!appended.error && sync == Sync::yes) {
        content_->synced = content_->end;
    }
    lock.unlock();
    answer([done = std::move(done), appended] { done(appended); });
}

/// Precondition: mutex_ is held.
void MemoryLog::keep(RecordView record) {
    assert(record.offset() >= content_->end);
    if (content_->segments.back().bytes >= options_.segment_bytes) {
        content_->segments.push_back({.first = record.offset()});
    }
    MemoryLogContent::Segment& segment = content_->segments.back();
    if (segment.bytes == 0) {
        segment.first = record.offset();
    }
    segment.bytes += record.size();
    segment.last = content_->last_timestamp = record.timestamp();
    content_->records.push_back({.bytes = {record.bytes().begin(), record.bytes().end()}});
    content_->end = {record.offset().value + 1};
}

void MemoryLog::sync(Done done) {
    std::unique_lock lock(mutex_);
    const std::error_code error = state();
    content_->synced = error ? content_->synced : content_->end;
    lock.unlock();
    answer([done = std::move(done), error] { done(error); });
}

void MemoryLog::read(Offset from, std::span<std::byte> into, ReadDone done) {
    std::unique_lock lock(mutex_);
    const Result<LogRead> read = content_->is_open ? Result<LogRead>(copy(from, into)) : fail(Error::log_failed);
    lock.unlock();
    answer([done = std::move(done), read] { done(read); });
}

/// Precondition: mutex_ is held.
LogRead MemoryLog::copy(Offset from, std::span<std::byte> into) const {
    const Offset begin = std::max(from, first());
    LogRead read{.first = begin, .next = begin};
    auto at = find_record(content_->records, begin);
    for (; at != content_->records.end() && at->is_damaged; ++at) {
        read.next = {at->record().offset().value + 1};
        read.damaged = {begin, read.next};
    }
    read.first = at != content_->records.end() ? at->record().offset() : read.next;
    for (; at != content_->records.end() && !at->is_damaged && at->bytes.size() <= into.size() - read.bytes; ++at) {
        std::memcpy(into.data() + read.bytes, at->bytes.data(), at->bytes.size());
        read.bytes += at->bytes.size();
        read.records += 1;
        read.next = {at->record().offset().value + 1};
    }
    return read;
}

void MemoryLog::find_time(Timestamp time, FindDone done) {
    std::unique_lock lock(mutex_);
    const auto& records = content_->records;
    const auto found =
        std::lower_bound(records.begin(), records.end(), time,
                         [](const Stored& stored, Timestamp wanted) { return stored.record().timestamp() < wanted; });
    Result<Offset> offset = found == records.end() ? content_->end : found->record().offset();
    if (!content_->is_open) {
        offset = fail(Error::log_failed);
    }
    lock.unlock();
    answer([done = std::move(done), offset] { done(offset); });
}

void MemoryLog::trim(Offset before, Done done) {
    std::unique_lock lock(mutex_);
    const std::error_code error = state();
    auto& segments = content_->segments;
    while (!error && segments.size() > 1 && segments[1].first <= before) {
        room_bytes_ += room_bytes_ != room_unlimited ? segments.front().bytes : 0;
        segments.pop_front();
    }
    if (!error && before >= content_->end) {
        room_bytes_ += room_bytes_ != room_unlimited ? segments.front().bytes : 0;
        segments = {{.first = content_->end}};
    }
    if (!error) {
        content_->trimmed = std::max(content_->trimmed, std::min(before, content_->end));
        auto& records = content_->records;
        records.erase(records.begin(), find_record(records, first()));
    }
    lock.unlock();
    answer([done = std::move(done), error] { done(error); });
}

void MemoryLog::close(Done done) {
    std::unique_lock lock(mutex_);
    const std::error_code error = state();
    if (!error) {
        content_->synced = content_->end;
        content_->was_closed = true;
    }
    content_->is_open = false;
    lock.unlock();
    answer([done = std::move(done), error] { done(error); });
}

LogExtent MemoryLog::extent() const {
    const std::scoped_lock lock(mutex_);
    const auto& segments = content_->segments;
    LogExtent extent{.first = first(),
                     .end = content_->end,
                     .synced = content_->synced,
                     .segments = segments.size(),
                     .first_segment_end = segments.size() > 1 ? segments[1].first : content_->end,
                     .first_segment_bytes = segments.front().bytes,
                     .first_segment_last = segments.front().last,
                     .last_timestamp = content_->last_timestamp};
    for (const MemoryLogContent::Segment& segment : segments) {
        extent.bytes += segment.bytes;
    }
    return extent;
}

/// Precondition: mutex_ is held.
Offset MemoryLog::first() const noexcept {
    return std::max(content_->trimmed, content_->segments.front().first);
}

/// Precondition: mutex_ is held.
std::error_code MemoryLog::state() const noexcept {
    return has_stopped() ? make_error_code(Error::log_failed) : std::error_code{};
}

void MemoryLog::answer(Callback callback) {
    {
        const std::scoped_lock lock(mutex_);
        if (holds_) {
            held_.push_back(std::move(callback));
            return;
        }
    }
    if (options_.executor) {
        asio::post(options_.executor, std::move(callback));
    } else {
        callback();
    }
}

void MemoryLog::hold() {
    const std::scoped_lock lock(mutex_);
    holds_ = true;
}

void MemoryLog::release(std::size_t count) {
    for (; count > 0; --count) {
        std::unique_lock lock(mutex_);
        assert(!held_.empty());
        const Callback callback = std::move(held_.front());
        held_.pop_front();
        lock.unlock();
        callback();
    }
}

void MemoryLog::release_all() {
    while (held() > 0) {
        release();
    }
    const std::scoped_lock lock(mutex_);
    holds_ = false;
}

std::size_t MemoryLog::held() const {
    const std::scoped_lock lock(mutex_);
    return held_.size();
}

void MemoryLog::fail_next_append() {
    const std::scoped_lock lock(mutex_);
    fails_next_append_ = true;
}

void MemoryLog::set_room(std::uint64_t bytes) {
    const std::scoped_lock lock(mutex_);
    room_bytes_ = bytes;
}

void MemoryLog::set_reserve_asks(bool asks) {
    const std::scoped_lock lock(mutex_);
    reserve_asks_ = asks;
}

void MemoryLog::damage(Offset offset) {
    const std::scoped_lock lock(mutex_);
    const auto found = find_record(content_->records, offset);
    assert(found != content_->records.end());
    content_->records[static_cast<std::size_t>(found - content_->records.begin())].is_damaged = true;
}

OpenedLog MemoryLogStore::open_content(const std::shared_ptr<MemoryLogContent>& content, const LogRecovery& recovery) {
    content->synced = content->end;
    return {std::make_unique<MemoryLog>(options_, content), content->epochs, recovery};
}

Result<OpenedLog> MemoryLogStore::create(const TopicId& topic, PartitionId partition, const LogSettings& settings) {
    const std::scoped_lock lock(mutex_);
    const auto [found, is_new] = contents_.try_emplace(Key{topic.bytes, partition}, MemoryLog::make_content());
    if (!is_new) {
        return tl::unexpected(make_error_code(std::errc::file_exists));
    }
    found->second->epochs.push_back({settings.epoch, Offset{}});
    return open_content(found->second, {});
}

Result<OpenedLog> MemoryLogStore::open(const TopicId& topic, PartitionId partition, const LogSettings& settings) {
    const std::scoped_lock lock(mutex_);
    const auto found = contents_.find(Key{topic.bytes, partition});
    if (found == contents_.end()) {
        return tl::unexpected(make_error_code(std::errc::no_such_file_or_directory));
    }
    MemoryLogContent& content = *found->second;
    assert(!content.is_open);
    LogRecovery recovery;
    recovery.was_closed_cleanly = content.was_closed;
    // Every unclean stop counts as a power cut that spared the records.
    if (!recovery.was_closed_cleanly && settings.shows_unsynced) {
        const Epoch raised{content.epochs.back().epoch.value + 1};
        content.epochs.push_back({std::max(raised, settings.epoch), content.end});
    }
    return open_content(found->second, recovery);
}

std::error_code MemoryLogStore::remove(const TopicId& topic) {
    const std::scoped_lock lock(mutex_);
    std::erase_if(contents_, [&](const auto& content) { return content.first.first == topic.bytes; });
    return {};
}

}  // namespace leveret
