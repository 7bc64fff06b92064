#include "topic_controller/catch_up.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace leveret {

void CatchUpMemory::wait(std::uint64_t bytes, const std::weak_ptr<TopicWaiter>& waiter) {
    if (waits_ != nullptr) {
        waits_->add();
    }
    shared_.wait(bytes, waiter);
    drop_spares();  // one may have been put aside since allocate() found none
}

void CatchUpMemory::drop_spares() {
    std::vector<BlockPin> spares;  // let go of outside the mutex
    const std::lock_guard lock(mutex_);
    spares.swap(spares_);
}

void CatchUpMemory::enter(const std::shared_ptr<CatchUp>& reader) {
    const std::lock_guard lock(mutex_);
    reader->number_ = ++last_reader_;
    readers_.emplace(reader->number_, reader);
}

void CatchUpMemory::leave(const CatchUp& reader) noexcept {
    const std::lock_guard lock(mutex_);
    readers_.erase(reader.number_);
}

/// Has readers let go of what they hold, some at a time, until so much is free. One that is out of credit, or whose
/// client takes nothing, would keep it for as long as that lasts, and a few hundred of them would keep everybody else
/// from reading.
void CatchUpMemory::reclaim(std::size_t allocation_bytes) {
    constexpr std::size_t readers_at_a_time = 8;
    const auto lacks = [&] { return budget().bytes_max() - budget().used_bytes() < allocation_bytes; };
    std::size_t left = 0;
    {
        const std::lock_guard lock(mutex_);
        left = readers_.size();
    }
    while (left > 0 && lacks()) {
        std::vector<std::shared_ptr<CatchUp>> asked;
        {
            const std::lock_guard lock(mutex_);
            auto next = readers_.upper_bound(last_reclaimed_);
            for (std::size_t i = 0; i < readers_at_a_time && left > 0 && !readers_.empty(); ++i, --left) {
                next = next == readers_.end() ? readers_.begin() : next;
                last_reclaimed_ = next->first;
                if (auto reader = (next++)->second.lock()) {
                    asked.push_back(std::move(reader));
                }
            }
            left = readers_.empty() ? 0 : left;
        }
        for (const auto& reader : asked) {
            reader->let_go();
        }
    }
}

BlockPin CatchUpMemory::allocate(std::size_t record_bytes, Offset first) {
    const std::size_t allocation_bytes = Block::allocation_bytes_for(record_bytes);
    BlockPin block = take_spare(allocation_bytes);
    if (block) {
        block->reuse(0, first);
    } else {
        block = Block::allocate(shared_.budget(), allocation_bytes, 0, first);
    }
    if (!block) {
        drop_spares();
        block = Block::allocate(shared_.budget(), allocation_bytes, 0, first);
    }
    if (!block) {
        reclaim(allocation_bytes);
        block = Block::allocate(shared_.budget(), allocation_bytes, 0, first);
    }
    if (block) {
        block->set_evicted();  // a write that stalls copies what it has of it: a slow reader holds none of these
    }
    return block;
}

BlockPin CatchUpMemory::take_spare(std::size_t allocation_bytes) {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(spares_.begin(), spares_.end(), [&](const BlockPin& spare) {
        return spare->allocation_bytes() == allocation_bytes && !spare->is_pinned_by_others();
    });
    if (found == spares_.end()) {
        return BlockPin();
    }
    BlockPin spare = std::move(*found);
    spares_.erase(found);
    return spare;
}

void CatchUpMemory::give_back(BlockPin block) {
    if (!block || !has_spare() || shared_.has_waiters()) {
        return;
    }
    const std::lock_guard lock(mutex_);
    if (spares_.size() == spares_max) {
        std::swap(spares_.front(), spares_.back());  // of a size that is no longer asked for, most likely
        std::swap(spares_.back(), block);            // goes after the mutex
        return;
    }
    spares_.push_back(std::move(block));
}

namespace {

bool is_at(const CatchUp::Part& part, Offset next) noexcept {
    // A block may begin above `next`: what lies between is not in the log, or was stamped too early.
    return part.error || part.skip_to > next || (part.block && next < part.block->end()) ||
           (part.damaged && next < part.damaged->to);
}

}  // namespace

CatchUp::~CatchUp() {
    memory_.leave(*this);
    for (Part& part : parts_) {
        memory_.give_back(std::move(part.block));
    }
}

void CatchUp::let_go() {
    std::deque<Part> parts;  // go after the mutex
    BlockPin paused;
    const std::lock_guard lock(mutex_);
    if (!is_reading_ || paused_) {
        parts.swap(parts_);
        std::swap(paused, paused_);
    }
}

CatchUp::Part CatchUp::part_at(Offset next) {
    std::vector<Part> passed;
    Part found = find_part(next, passed);
    for (Part& part : passed) {
        memory_.give_back(std::move(part.block));
    }
    return found;
}

CatchUp::Part CatchUp::find_part(Offset next, std::vector<Part>& passed) {
    const std::lock_guard lock(mutex_);
    while (!parts_.empty() && !is_at(parts_.front(), next)) {
        passed.push_back(std::move(parts_.front()));
        parts_.pop_front();
    }
    if (parts_.empty()) {
        return {};
    }
    if (parts_.front().error) {
        Part failed = std::move(parts_.front());
        parts_.pop_front();
        return failed;
    }
    return parts_.front();
}

bool CatchUp::read(const std::shared_ptr<MessageLog>& log, Offset next, Timestamp not_before, Offset end,
                   const std::shared_ptr<TopicWaiter>& waiter) {
    {
        const std::lock_guard lock(mutex_);
        if (!parts_.empty() && is_at(parts_.front(), next)) {
            return false;
        }
        waiter_ = waiter;
        if (std::exchange(is_reading_, true)) {
            return true;
        }
    }
    if (not_before == Timestamp::min()) {
        start(log, next, end, read_bytes());
        return true;
    }
    log->find_time(not_before, [self = shared_from_this(), log, next, end](const Result<Offset>& found) {
        if (found && *found < end) {
            self->start(log, std::max(next, *found), end, self->read_bytes());
        } else {
            found ? self->put(Part{.skip_to = end}) : self->fail(found.error());
        }
    });
    return true;
}

void CatchUp::read_ahead(const std::shared_ptr<MessageLog>& log, Offset end) {
    Offset from{};
    {
        const std::lock_guard lock(mutex_);
        const bool has_one_block = parts_.size() == 1 && parts_.front().block;
        if (is_reading_ || !has_one_block || parts_.front().block->end() >= end || !memory_.has_spare()) {
            return;
        }
        is_reading_ = true;
        waiter_.reset();
        from = parts_.front().block->end();
    }
    start(log, from, end, read_bytes());
}

/// is_reading_ is set.
void CatchUp::start(const std::shared_ptr<MessageLog>& log, Offset from, Offset end, std::size_t bytes) {
    BlockPin block = memory_.allocate(bytes, from);
    if (!block) {
        std::weak_ptr<TopicWaiter> waiter;
        {
            const std::lock_guard lock(mutex_);
            is_reading_ = false;
            waiter = std::move(waiter_);
        }
        const std::size_t allocation_bytes = Block::allocation_bytes_for(bytes);
        if (allocation_bytes > memory_.budget().bytes_max()) {
            if (const auto waiting = waiter.lock()) {
                fail(Error::memory_full);
                waiting->wake();
            }
        } else if (!waiter.expired()) {
            memory_.wait(allocation_bytes, waiter);
        }
        return;
    }
    const std::span<std::byte> space = block->space();
    log->read(from, space, [self = shared_from_this(), log, from, end, block](const Result<LogRead>& read) {
        self->finish(log, from, end, block, read);
    });
}

/// Thread: the log's.
void CatchUp::finish(const std::shared_ptr<MessageLog>& log, Offset from, Offset end, BlockPin block,
                     const Result<LogRead>& read) {
    if (!read) {
        fail(read.error());
        return;
    }
    if (read->bytes == 0 && !read->damaged && read->next == from && from < end) {
        const std::size_t tried = block->space().size();
        const std::size_t most = memory_.budget().bytes_max() - memory_.budget().bytes_max() / 64;  // with its index
        const std::size_t larger = std::min(4 * tried, most);
        block.reset();
        if (larger > tried) {
            start(log, from, end, larger);
        } else {
            fail(Error::memory_full);
        }
        return;
    }
    block->adopt(read->bytes, end);
    if (read->damaged && read->damaged->first < end) {
        const std::lock_guard lock(mutex_);
        parts_.push_back(Part{.damaged = LaggedRange{read->damaged->first, std::min(read->damaged->second, end)}});
    }
    if (block->record_count() != 0) {
        put_in_time(std::move(block), end);
    } else {
        put(Part{});
    }
}

std::size_t CatchUp::read_bytes() const {
    CatchUpPace* const pace = memory_.pace();
    return pace == nullptr ? CatchUpPace::read_bytes : pace->look_for_read_bytes();
}

void CatchUp::put_in_time(BlockPin block, Offset end) {
    CatchUpPace* const pace = memory_.pace();
    if (pace == nullptr || !is_ahead(block->record_count(), end)) {
        put(Part{.block = std::move(block)});
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        paused_ = std::move(block);
    }
    if (!pace->pause(weak_from_this())) {
        go_on();
    }
}

/// Whether a reader of a topic that grows gets nearer to its end. One that pauses regardless would perhaps never catch
/// up; one that gets twice what is published does.
bool CatchUp::is_ahead(std::uint64_t records, Offset end) noexcept {
    const std::uint64_t grown = end.value - std::exchange(end_seen_, end).value_or(end).value;
    const auto read = static_cast<std::int64_t>(records);
    ahead_ = std::min(ahead_ + read - 2 * static_cast<std::int64_t>(grown), read);
    return ahead_ > 0;
}

void CatchUp::go_on() noexcept {
    BlockPin block;
    {
        const std::lock_guard lock(mutex_);
        std::swap(block, paused_);
    }
    put(block ? Part{.block = std::move(block)} : Part{});  // it may have been let go of: then it is read again
}

void CatchUp::fail(std::error_code error) {
    put(Part{.error = error});
}

/// Ends the read that is under way, also with nothing: its waiter looks again.
void CatchUp::put(Part part) {
    std::shared_ptr<TopicWaiter> waiter;
    {
        const std::lock_guard lock(mutex_);
        if (!part.empty()) {
            parts_.push_back(std::move(part));
        }
        is_reading_ = false;
        waiter = std::exchange(waiter_, {}).lock();
    }
    if (waiter) {
        waiter->wake();
    }
}

}  // namespace leveret
