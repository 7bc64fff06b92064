#include "topic_controller/window_reader.hpp"

#include <algorithm>

namespace leveret {

std::shared_ptr<WindowReader> WindowReader::self() {
    return std::static_pointer_cast<WindowReader>(shared_from_this());
}

void WindowReader::start() {
    block_ = memory_.allocate(step_bytes, Offset{});
    if (!block_) {
        waits_ = self();  // nobody else keeps it; before the wait, which may be over before it returns
        memory_.wait(Block::allocation_bytes_for(step_bytes), weak_from_this());
        return;
    }
    const std::shared_ptr<WindowReader> kept = std::move(waits_);
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
        const std::size_t larger = std::min<std::size_t>(4 * block_->space().size(), memory_.budget().bytes_max() / 2);
        const bool is_larger = larger > block_->space().size();
        block_.reset();
        block_ = is_larger ? memory_.allocate(larger, Offset{}) : BlockPin();
        if (!block_) {
            done_(Error::memory_full);
            return;
        }
    }
    this->read(read->next);
}

}  // namespace leveret
