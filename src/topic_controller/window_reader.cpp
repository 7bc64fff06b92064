#include "topic_controller/window_reader.hpp"

#include <algorithm>

namespace leveret {

std::shared_ptr<WindowReader> WindowReader::self() {
    return std::static_pointer_cast<WindowReader>(shared_from_this());
}

void WindowReader::start() {
    const std::size_t allocation_bytes = Block::allocation_bytes_for(wanted_bytes_);
    if (allocation_bytes > memory_.budget().bytes_max()) {
        done_(Error::memory_full);
        return;
    }
    block_ = memory_.allocate(wanted_bytes_, Offset{});
    if (!block_) {
        waits_ = self();  // nobody else keeps it; before the wait, which may be over before it returns
        memory_.wait(allocation_bytes, weak_from_this());
        return;
    }
    const std::shared_ptr<WindowReader> kept = std::move(waits_);
    if (next_) {
        read(*next_);
        return;
    }
    log_->find_time(begin_, [self = self()](const Result<Offset>& found) {
        found ? self->read(*found) : self->done_(found.error());
    });
}

void WindowReader::read(Offset from) {
    if (from >= end_) {
        memory_.give_back(std::move(block_));
        done_({});
        return;
    }
    log_->read(from, block_->space(), [self = self(), from](const Result<LogRead>& read) { self->take(from, read); });
}

void WindowReader::take(Offset from, const Result<LogRead>& read) {
    if (!read) {
        done_(read.error());
        return;
    }
    for (const RecordView record : Records(Bytes(block_->space()).first(read->bytes))) {
        remember_(record);
    }
    if (read->next == from) {  // its first record is larger than that
        const std::size_t tried = block_->space().size();
        const std::size_t most = memory_.budget().bytes_max() - memory_.budget().bytes_max() / 64;  // with its index
        wanted_bytes_ = std::min(4 * tried, most);
        if (wanted_bytes_ <= tried) {
            done_(Error::memory_full);
            return;
        }
        next_ = from;
        block_.reset();
        start();
        return;
    }
    this->read(read->next);
}

}  // namespace leveret
