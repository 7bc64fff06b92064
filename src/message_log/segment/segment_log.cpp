#include "message_log/segment/segment_log.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <utility>

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include "environment/thread_lender.hpp"
#include "message_log/segment/segment_names.hpp"

namespace leveret {
namespace {

/// Appends are joined up to here: beyond, joining saves nothing, and answers wait.
constexpr std::uint64_t joined_bytes_max = 16U << 20U;
/// An append up to here is carried out by the thread that brings it, where that may be had.
constexpr std::uint64_t borrowed_bytes_max = 16U << 10U;
/// An idle log keeps no memory for many requests.
constexpr std::size_t kept_requests = 8;
/// What needs a file that cannot be opened now, because too many are open, is tried again after this.
constexpr std::chrono::milliseconds open_again_after{50};

/// Errors of the writer after which the log goes on.
bool is_refusal(const std::error_code& error) noexcept {
    return error == Error::disk_full || error == Error::topic_busy;
}

template <class T>
void give_back(std::vector<T>& taken, std::vector<T>& queue) {
    taken.clear();
    if (queue.capacity() == 0 && taken.capacity() <= kept_requests) {
        queue.swap(taken);
    }
}

}  // namespace

class SegmentLog::Core : public std::enable_shared_from_this<Core> {
  public:
    Core(std::unique_ptr<PartitionPlace> place, SegmentLogStart start)
        : place_(std::move(place)),
          list_(std::move(start.segments)),
          reader_(*place_, list_),
          writer_(*place_, list_, std::move(start.meta)),
          strand_(asio::make_strand(place_->context().executors.write)) {}

    void open_last_segment() {
        const std::weak_ptr<Core> self = weak_from_this();
        const auto want_back = [self] {
            if (const auto core = self.lock()) {
                core->give_descriptor_back();
            }
        };
        list_.set_file(
            place_->context().open_files.add(place_->path(log_name(list_.last().base)), Files::Open::write, want_back));
    }

    bool reserve(std::uint64_t bytes, Done done);
    void unreserve(std::uint64_t bytes);
    void append(std::span<const Bytes> runs, Sync sync, AppendDone done);
    void trim(Offset before, Done done);
    void close(Done done);
    void read(Offset from, std::span<std::byte> into, ReadDone done);
    void find_time(Timestamp time, FindDone done);
    [[nodiscard]] LogExtent extent() const { return list_.extent(); }

  private:
    struct Append {
        std::size_t runs = 0;  ///< so many of the queue's runs
        std::uint64_t bytes = 0;
        Offset first{};
        Sync sync{};
        AppendDone done;
    };
    struct Room {
        std::uint64_t bytes = 0;
        Done done;
    };
    struct Trim {
        Offset before{};
        Done done;
    };
    /// What waits for the strand.
    struct Queue {
        std::vector<Append> appends;
        std::vector<Bytes> runs;
        std::vector<Room> rooms;
        std::vector<Trim> trims;
        bool wants_more_room = false;
        bool wants_descriptor_back = false;
        [[nodiscard]] bool is_empty() const noexcept {
            return appends.empty() && rooms.empty() && trims.empty() && !wants_more_room && !wants_descriptor_back;
        }
    };

    [[nodiscard]] bool refuses() const noexcept { return has_failed_ || is_closing_; }
    void schedule(std::unique_lock<std::mutex> lock);
    void give_descriptor_back();
    template <class Read>
    void post_read(Read read);

    // One thread at a time: the one for which is_scheduled_ was set.
    void work(std::unique_lock<std::mutex> lock);
    void make_room(const std::vector<Room>& rooms);
    [[nodiscard]] std::error_code grant(const Room& room);
    [[nodiscard]] std::size_t write_appends(std::span<const Append> appends, std::span<const Bytes> runs);
    void put_back(Queue& taken, std::size_t written);
    void work_later(std::unique_lock<std::mutex> lock);
    [[nodiscard]] bool write_group(std::span<const Append> group, std::span<const Bytes> runs, std::uint64_t bytes);
    void answer(std::span<const Append> appends, std::error_code error) const;
    [[nodiscard]] bool roll_if_due();
    [[nodiscard]] std::uint64_t grant_no_more();
    void trim_now(const std::vector<Trim>& trims);
    void close_now(const Done& done);
    void fail(const std::error_code& cause);
    void look_at_room(std::uint64_t used_bytes);
    [[nodiscard]] std::error_code failure() const;

    const std::unique_ptr<PartitionPlace> place_;
    SegmentList list_;
    SegmentReader reader_;
    SegmentWriter writer_;  ///< work()'s
    const asio::strand<asio::any_io_executor> strand_;

    mutable std::mutex mutex_;
    // Guarded by it.
    Queue queue_;
    bool is_scheduled_ = false;
    bool tries_again_ = false;
    bool has_failed_ = false;
    bool is_closing_ = false;
    std::size_t reads_ = 0;
    Done close_done_;
    std::uint64_t room_bytes_ = 0;      ///< taken on the disk and not written
    std::uint64_t promised_bytes_ = 0;  ///< of these
    std::uint64_t chunk_bytes_ = 0;
};

bool SegmentLog::Core::reserve(std::uint64_t bytes, Done done) {
    std::unique_lock lock(mutex_);
    if (refuses()) {
        lock.unlock();
        asio::post(strand_, [self = shared_from_this(), done = std::move(done)] { done(Error::log_failed); });
        return false;
    }
    const bool is_granted = queue_.rooms.empty() && room_bytes_ >= promised_bytes_ + bytes;
    if (is_granted) {
        promised_bytes_ += bytes;
        if (room_bytes_ - promised_bytes_ < chunk_bytes_ / 2 && !queue_.wants_more_room) {
            queue_.wants_more_room = true;
            schedule(std::move(lock));
        }
        return true;
    }
    queue_.rooms.push_back({bytes, std::move(done)});
    schedule(std::move(lock));
    return false;
}

void SegmentLog::Core::unreserve(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    promised_bytes_ -= std::min(promised_bytes_, bytes);
}

void SegmentLog::Core::append(std::span<const Bytes> runs, Sync sync, AppendDone done) {
    std::unique_lock lock(mutex_);
    if (refuses()) {
        lock.unlock();
        done({.error = Error::log_failed});
        return;
    }
    Append append{.sync = sync, .done = std::move(done)};
    for (const Bytes run : runs) {
        if (!run.empty()) {
            append.first = append.bytes == 0 ? RecordView(run.data()).offset() : append.first;
            append.bytes += run.size();
            ++append.runs;
            queue_.runs.push_back(run);
        }
    }
    const bool is_short = append.bytes != 0 && append.bytes <= borrowed_bytes_max;
    queue_.appends.push_back(std::move(append));
    if (is_short && !is_scheduled_) {
        // Nobody else uses the writer now. To begin a new file is to sync the old one.
        const bool waits_for_disk = sync == Sync::yes || writer_.wants_to_roll();
        if (const auto thread =
                ThreadLender::borrow(waits_for_disk ? ThreadLender::Use::wait : ThreadLender::Use::brief)) {
            is_scheduled_ = true;
            work(std::move(lock));
            return;
        }
    }
    schedule(std::move(lock));
}

void SegmentLog::Core::trim(Offset before, Done done) {
    std::unique_lock lock(mutex_);
    if (refuses()) {
        lock.unlock();
        done(Error::log_failed);
        return;
    }
    queue_.trims.push_back({before, std::move(done)});
    schedule(std::move(lock));
}

void SegmentLog::Core::close(Done done) {
    std::unique_lock lock(mutex_);
    if (is_closing_) {
        lock.unlock();
        done(Error::log_failed);
        return;
    }
    is_closing_ = true;
    close_done_ = std::move(done);
    schedule(std::move(lock));
}

/// Any thread: the cache's call, perhaps in the middle of one of ours.
void SegmentLog::Core::give_descriptor_back() {
    std::unique_lock lock(mutex_);
    if (!has_failed_) {
        queue_.wants_descriptor_back = true;
        schedule(std::move(lock));
    }
}

void SegmentLog::Core::schedule(std::unique_lock<std::mutex> lock) {
    if (std::exchange(is_scheduled_, true)) {
        return;
    }
    lock.unlock();
    asio::post(strand_, [self = shared_from_this()] { self->work(std::unique_lock(self->mutex_)); });
}

/// Carries out what is queued now, and leaves what comes meanwhile to the log's threads.
void SegmentLog::Core::work(std::unique_lock<std::mutex> lock) {
    Queue taken;
    std::swap(taken, queue_);
    lock.unlock();
    if (taken.wants_more_room || !taken.rooms.empty()) {
        make_room(taken.rooms);
    }
    const std::size_t written = write_appends(taken.appends, taken.runs);
    bool must_wait = written < taken.appends.size();
    if (taken.wants_descriptor_back && !failure()) {
        const std::error_code error = writer_.sync();
        taken.wants_descriptor_back = error == Error::topic_busy;
        must_wait = must_wait || taken.wants_descriptor_back;
        if (error && !is_refusal(error)) {
            fail(error);
        }
    }
    trim_now(taken.trims);

    lock.lock();
    if (must_wait) {
        put_back(taken, written);
        is_scheduled_ = false;
        work_later(std::move(lock));
        return;
    }
    give_back(taken.appends, queue_.appends);
    give_back(taken.runs, queue_.runs);
    if (queue_.is_empty() && close_done_ && reads_ == 0) {
        // is_scheduled_ stays: nothing else is carried out any more.
        const Done done = std::exchange(close_done_, nullptr);
        lock.unlock();
        close_now(done);
        return;
    }
    is_scheduled_ = false;
    if (!queue_.is_empty()) {
        schedule(std::move(lock));
    }
}

/// Under the lock. What was not done goes before what has come since.
void SegmentLog::Core::put_back(Queue& taken, std::size_t written) {
    std::size_t written_runs = 0;
    for (std::size_t i = 0; i < written; ++i) {
        written_runs += taken.appends[i].runs;
    }
    taken.appends.erase(taken.appends.begin(), taken.appends.begin() + static_cast<std::ptrdiff_t>(written));
    taken.runs.erase(taken.runs.begin(), taken.runs.begin() + static_cast<std::ptrdiff_t>(written_runs));
    std::move(queue_.appends.begin(), queue_.appends.end(), std::back_inserter(taken.appends));
    std::move(queue_.runs.begin(), queue_.runs.end(), std::back_inserter(taken.runs));
    queue_.appends.swap(taken.appends);
    queue_.runs.swap(taken.runs);
    queue_.wants_descriptor_back = queue_.wants_descriptor_back || taken.wants_descriptor_back;
}

/// Whatever is queued meanwhile may come first, and brings another try, but no other timer.
void SegmentLog::Core::work_later(std::unique_lock<std::mutex> lock) {
    if (std::exchange(tries_again_, true)) {
        return;
    }
    lock.unlock();
    const auto timer = std::make_shared<asio::steady_timer>(strand_, open_again_after);
    timer->async_wait([self = shared_from_this(), timer](std::error_code) {
        std::unique_lock again(self->mutex_);
        self->tries_again_ = false;
        if (!self->queue_.is_empty()) {
            self->schedule(std::move(again));
        }
    });
}

void SegmentLog::Core::make_room(const std::vector<Room>& rooms) {
    std::uint64_t wanted = 0;
    {
        const std::lock_guard lock(mutex_);
        wanted = promised_bytes_;
    }
    for (const Room& room : rooms) {
        wanted += room.bytes;
    }
    if (!failure()) {
        const std::error_code error = writer_.make_room(wanted + writer_.room_chunk());
        if (error && !is_refusal(error)) {
            fail(error);
        }
        look_at_room(0);
    }
    for (const Room& room : rooms) {
        room.done(grant(room));
    }
}

/// Where the disk is nearly full there is no room for a chunk, perhaps still for this.
std::error_code SegmentLog::Core::grant(const Room& room) {
    std::uint64_t wanted = room.bytes;
    {
        const std::lock_guard lock(mutex_);
        if (has_failed_) {
            return Error::log_failed;
        }
        promised_bytes_ += room.bytes;
        if (room_bytes_ >= promised_bytes_) {
            return {};
        }
        wanted = promised_bytes_;
    }
    const std::error_code error = writer_.make_room(wanted);
    look_at_room(0);
    if (error) {
        unreserve(room.bytes);
    }
    if (error && !is_refusal(error)) {
        fail(error);
        return Error::log_failed;
    }
    return error;
}

void SegmentLog::Core::look_at_room(std::uint64_t used_bytes) {
    const std::uint64_t room = writer_.room();
    const std::uint64_t chunk = writer_.room_chunk();
    const std::lock_guard lock(mutex_);
    room_bytes_ = room;
    chunk_bytes_ = chunk;
    promised_bytes_ -= std::min(promised_bytes_, used_bytes);
}

/// How many have been carried out. The rest have to wait until the files they need can be opened: nothing of them has
/// been written.
std::size_t SegmentLog::Core::write_appends(std::span<const Append> appends, std::span<const Bytes> runs) {
    const std::size_t all = appends.size();
    while (!appends.empty()) {
        if (!roll_if_due()) {
            break;
        }
        std::size_t count = 0;
        std::size_t group_runs = 0;
        std::uint64_t bytes = 0;
        const std::uint64_t most = std::min(joined_bytes_max, writer_.bytes_to_roll());
        while (count < appends.size() && (count == 0 || bytes < most)) {
            group_runs += appends[count].runs;
            bytes += appends[count].bytes;
            ++count;
        }
        if (!write_group(appends.first(count), runs.first(group_runs), bytes)) {
            break;
        }
        appends = appends.subspan(count);
        runs = runs.subspan(group_runs);
    }
    return all - appends.size();
}

/// False: that has to wait, and what is to be written with it.
bool SegmentLog::Core::roll_if_due() {
    if (failure() || !writer_.wants_to_roll()) {
        return true;
    }
    const std::error_code error = writer_.roll(grant_no_more());
    if (error && !is_refusal(error)) {
        fail(error);
    }
    look_at_room(0);
    return error != Error::topic_busy;
}

/// What has been promised. Until look_at_room() nothing more is, without being asked for: the room is about to change.
std::uint64_t SegmentLog::Core::grant_no_more() {
    const std::lock_guard lock(mutex_);
    room_bytes_ = std::min(room_bytes_, promised_bytes_);
    return promised_bytes_;
}

/// One write, and one sync where anybody wants it. False: nothing has been done, too many files are open.
bool SegmentLog::Core::write_group(std::span<const Append> group, std::span<const Bytes> runs, std::uint64_t bytes) {
    const auto waits_for_sync =
        std::find_if(group.begin(), group.end(), [](const Append& append) { return append.sync == Sync::yes; });
    const auto unsynced = static_cast<std::size_t>(waits_for_sync - group.begin());
    const bool syncs = unsynced < group.size();
    std::error_code error = failure();
    std::optional<Result<SegmentWriter::OpenFiles>> files;
    if (!error && (bytes > 0 || writer_.has_unsynced())) {
        files.emplace(writer_.open_files(syncs));
        error = *files ? std::error_code() : files->error();
        if (error == Error::topic_busy) {
            return false;
        }
    }
    if (!error && bytes > 0) {
        error = writer_.write(runs, bytes);
        look_at_room(bytes);
    }
    if (error) {
        fail(error);
        answer(group, Error::log_failed);
        return true;
    }
    answer(group.first(unsynced), {});
    if (!syncs) {
        return true;
    }
    error = writer_.sync();
    if (error) {
        fail(error);
    }
    answer(group.subspan(unsynced), error ? make_error_code(Error::log_failed) : error);
    return true;
}

void SegmentLog::Core::answer(std::span<const Append> appends, std::error_code error) const {
    for (const Append& append : appends) {
        append.done({.error = error, .first = append.first});
    }
}

void SegmentLog::Core::trim_now(const std::vector<Trim>& trims) {
    for (const Trim& trim : trims) {
        std::error_code error = failure();
        if (!error) {
            error = writer_.trim(trim.before, grant_no_more());
            look_at_room(0);
        }
        if (error && !is_refusal(error)) {
            fail(error);
            error = Error::log_failed;
        }
        trim.done(error);
    }
}

void SegmentLog::Core::close_now(const Done& done) {
    std::error_code error = failure();
    if (!error) {
        error = writer_.close();
        if (error == Error::topic_busy) {  // nothing is broken: there is no mark, so the next start reads the end
            place_->report("the log of " + place_->topic_name() +
                           " could not be closed cleanly: too many files are open");
        } else if (error) {
            fail(error);
            error = Error::log_failed;
        }
    }
    list_.set_file(nullptr);
    place_->context().open_files.forget(place_->directory());
    done(error);
}

void SegmentLog::Core::fail(const std::error_code& cause) {
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(has_failed_, true)) {
            return;
        }
    }
    place_->context().counters.logs_failed.add();
    place_->report("the log of " + place_->topic_name() +
                   " has stopped and takes no records any more: " + cause.message());
}

std::error_code SegmentLog::Core::failure() const {
    const std::lock_guard lock(mutex_);
    return has_failed_ ? make_error_code(Error::log_failed) : std::error_code();
}

/// `read` runs on the read executor; the log does not close before it has.
template <class Read>
void SegmentLog::Core::post_read(Read read) {
    asio::post(place_->context().executors.read, [self = this->shared_from_this(), read = std::move(read)] {
        read(*self);
        std::unique_lock lock(self->mutex_);
        if (--self->reads_ == 0 && self->is_closing_) {
            self->schedule(std::move(lock));
        }
    });
}

void SegmentLog::Core::read(Offset from, std::span<std::byte> into, ReadDone done) {
    {
        std::unique_lock lock(mutex_);
        if (is_closing_) {
            lock.unlock();
            done(leveret::fail(Error::log_failed));
            return;
        }
        ++reads_;
    }
    post_read([from, into, done = std::move(done)](Core& self) { done(self.reader_.read(from, into)); });
}

void SegmentLog::Core::find_time(Timestamp time, FindDone done) {
    {
        std::unique_lock lock(mutex_);
        if (is_closing_) {
            lock.unlock();
            done(leveret::fail(Error::log_failed));
            return;
        }
        ++reads_;
    }
    post_read([time, done = std::move(done)](Core& self) { done(self.reader_.find_time(time)); });
}

SegmentLog::SegmentLog(std::unique_ptr<PartitionPlace> place, SegmentLogStart start)
    : core_(std::make_shared<Core>(std::move(place), std::move(start))) {
    core_->open_last_segment();
}

SegmentLog::~SegmentLog() = default;

bool SegmentLog::reserve(std::uint64_t bytes, Done done) {
    return core_->reserve(bytes, std::move(done));
}
void SegmentLog::unreserve(std::uint64_t bytes) {
    core_->unreserve(bytes);
}
void SegmentLog::append(std::span<const Bytes> runs, Sync sync, AppendDone done) {
    core_->append(runs, sync, std::move(done));
}
void SegmentLog::sync(Done done) {
    core_->append({}, Sync::yes, [done = std::move(done)](const Appended& synced) { done(synced.error); });
}
void SegmentLog::read(Offset from, std::span<std::byte> into, ReadDone done) {
    core_->read(from, into, std::move(done));
}
void SegmentLog::find_time(Timestamp time, FindDone done) {
    core_->find_time(time, std::move(done));
}
void SegmentLog::trim(Offset before, Done done) {
    core_->trim(before, std::move(done));
}
void SegmentLog::close(Done done) {
    core_->close(std::move(done));
}
LogExtent SegmentLog::extent() const {
    return core_->extent();
}

}  // namespace leveret
