#include "write_queue.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace leveret::client_side {
namespace {

constexpr std::size_t block_bytes_min = 64U << 10U;

native::FrameHeader header_at(const std::byte* frame) noexcept {
    native::FrameHeader header;
    std::memcpy(&header.length, frame, sizeof header.length);
    header.type = static_cast<native::FrameType>(frame[4]);
    header.flags = std::to_integer<std::uint8_t>(frame[5]);
    std::memcpy(&header.correlation.value, frame + 8, sizeof header.correlation.value);
    std::memcpy(&header.handle, frame + 12, sizeof header.handle);
    return header;
}

}  // namespace

WriteQueue::WriteQueue(std::size_t frame_bytes_max)
    : frame_bytes_max_(std::max(frame_bytes_max, publish_head_bytes)),
      block_bytes_(std::max(frame_bytes_max_, block_bytes_min)) {}

// --- Adding ----------------------------------------------------------------------------------------------------------

void WriteQueue::append_acknowledged(const PublishTarget& target, const RecordDraft& draft, std::size_t bytes,
                                     Publisher::Acknowledged acknowledged) {
    append_record(target, false, draft, bytes);
    // The open frame is the newest of those unanswered: opening any other would have ended it.
    UnansweredPublish& publish = unanswered_.back();
    publish.each.push_back(std::move(acknowledged));
    publish.records_bytes += bytes;
    ++publish.record_count;
}

void WriteQueue::append_batch(const PublishTarget& target, Bytes records, UnansweredPublish publish) {
    end_frame();
    WriteBlock& block = block_with_room(publish_head_bytes + records.size());
    std::byte* const frame = block.bytes.get() + block.size_bytes;
    publish.correlation = take_correlation();
    publish.topic_number = target.topic_number;
    publish.records_bytes = records.size();
    publish.block = &block;
    native::write_header(frame, {.length = static_cast<std::uint32_t>(publish_head_bytes + records.size()),
                                 .type = native::FrameType::publish,
                                 .correlation = {publish.correlation},
                                 .handle = target.handle});
    native::Publish{.record_count = publish.record_count, .durability = target.durability}.write_prefix(
        frame + native::header_bytes);
    std::memcpy(frame + publish_head_bytes, records.data(), records.size());
    ++block.unanswered;
    block.size_bytes += publish_head_bytes + records.size();
    appended_position_ += publish_head_bytes + records.size();
    queued_bytes_ += records.size();
    unanswered_.push_back(std::move(publish));
}

void WriteQueue::append_frame(Bytes frame) {
    end_frame();
    WriteBlock& block = block_with_room(frame.size());
    std::memcpy(block.bytes.get() + block.size_bytes, frame.data(), frame.size());
    block.size_bytes += frame.size();
    appended_position_ += frame.size();
}

void WriteQueue::begin_frame(const PublishTarget& target, bool one_way, std::size_t first_record_bytes) {
    end_frame();
    WriteBlock& block = block_with_room(publish_head_bytes + first_record_bytes);
    open_ = {.open = true, .one_way = one_way, .target = target, .begin = block.size_bytes};
    block.size_bytes += publish_head_bytes;
    const std::size_t bytes_max = std::min(frame_bytes_max_ - publish_head_bytes, target.bytes_max);
    open_.end_max = block.size_bytes + std::min(bytes_max, block.capacity_bytes - block.size_bytes);
    appended_position_ += publish_head_bytes;
    if (!one_way) {
        unanswered_.push_back(
            {.correlation = take_correlation(), .topic_number = target.topic_number, .block = &block});
        ++block.unanswered;
    }
}

/// Writes what only the end knows: the frame's length, its count, and that its last record is the last.
void WriteQueue::end_frame() noexcept {
    if (!std::exchange(open_.open, false)) {
        return;
    }
    WriteBlock& block = *blocks_.back();
    std::byte* const frame = block.bytes.get() + open_.begin;
    const std::size_t length = block.size_bytes - open_.begin;
    set_more_in_batch(block.bytes.get() + open_.last_record, false);
    native::write_header(frame, {.length = static_cast<std::uint32_t>(length),
                                 .type = native::FrameType::publish,
                                 .flags = open_.one_way ? native::flags::one_way : std::uint8_t{0},
                                 .correlation = {open_.one_way ? one_way_bit | open_.target.topic_number
                                                               : unanswered_.back().correlation},
                                 .handle = open_.target.handle});
    native::Publish{.record_count = open_.records, .durability = open_.target.durability}.write_prefix(
        frame + native::header_bytes);
    if (open_.one_way) {
        block.one_way_bytes += length - publish_head_bytes;
    }
}

/// The last block where `bytes` fit behind what it has, else a new one.
WriteBlock& WriteQueue::block_with_room(std::size_t bytes) {
    if (!blocks_.empty() && blocks_.back()->size_bytes + bytes <= blocks_.back()->capacity_bytes) {
        return *blocks_.back();
    }
    if (bytes <= block_bytes_ && !spare_.empty()) {
        blocks_.push_back(std::move(spare_.back()));
        spare_.pop_back();
    } else {
        blocks_.push_back(std::make_unique<WriteBlock>(std::max(bytes, block_bytes_)));
    }
    return *blocks_.back();
}

std::uint32_t WriteQueue::take_correlation() noexcept {
    return std::exchange(next_correlation_, publish_bit | ((next_correlation_ + 1) & number_mask));
}

// --- Writing ---------------------------------------------------------------------------------------------------------

std::size_t WriteQueue::gather(std::span<asio::const_buffer> buffers) {
    end_frame();
    std::size_t count = 0;
    for (std::size_t i = first_unwritten_; i < blocks_.size() && count < buffers.size(); ++i) {
        const WriteBlock& block = *blocks_[i];
        if (block.written_bytes < block.size_bytes) {
            buffers[count++] = {block.bytes.get() + block.written_bytes, block.size_bytes - block.written_bytes};
        }
    }
    return count;
}

void WriteQueue::written(std::size_t bytes) {
    written_position_ += bytes;
    while (bytes > 0) {
        WriteBlock& block = *blocks_[first_unwritten_];
        const std::size_t here = std::min(bytes, block.size_bytes - block.written_bytes);
        block.written_bytes += here;
        bytes -= here;
        if (block.written_bytes < block.size_bytes) {
            break;
        }
        queued_bytes_ -= std::exchange(block.one_way_bytes, 0);
        if (first_unwritten_ + 1 == blocks_.size()) {
            break;
        }
        ++first_unwritten_;
    }
    release_written_blocks();
}

void WriteQueue::release_written_blocks() {
    while (!blocks_.empty() && blocks_.front()->written_bytes == blocks_.front()->size_bytes &&
           blocks_.front()->unanswered == 0) {
        WriteBlock& block = *blocks_.front();
        block.size_bytes = 0;
        block.written_bytes = 0;
        if (blocks_.size() == 1) {
            return;  // starts again at its front, where the cache still has it
        }
        if (block.capacity_bytes == block_bytes_ && spare_.size() < spare_blocks_max) {
            spare_.push_back(std::move(blocks_.front()));
        }
        blocks_.pop_front();
        first_unwritten_ -= first_unwritten_ > 0 ? 1 : 0;
    }
}

// --- Answers ---------------------------------------------------------------------------------------------------------

UnansweredPublish* WriteQueue::find_unanswered(std::uint32_t correlation) noexcept {
    if (unanswered_.empty()) {
        return nullptr;
    }
    const std::uint32_t at = (correlation - unanswered_.front().correlation) & number_mask;
    if (at >= unanswered_.size() || unanswered_[at].correlation != correlation || unanswered_[at].answered) {
        return nullptr;
    }
    return &unanswered_[at];
}

UnansweredPublish WriteQueue::take_answered(UnansweredPublish& publish) {
    UnansweredPublish taken = std::exchange(publish, {});
    publish.answered = true;
    queued_bytes_ -= taken.records_bytes;
    --taken.block->unanswered;
    while (!unanswered_.empty() && unanswered_.front().answered) {
        unanswered_.pop_front();
    }
    release_written_blocks();
    return taken;
}

std::vector<UnansweredPublish> WriteQueue::take_all() {
    std::vector<UnansweredPublish> all;
    for (auto& publish : unanswered_) {
        if (!publish.answered) {
            all.push_back(std::move(publish));
        }
    }
    unanswered_.clear();
    blocks_.clear();
    open_.open = false;
    first_unwritten_ = 0;
    queued_bytes_ = 0;
    written_position_ = appended_position_;
    return all;
}

bool WriteQueue::answered_up_to(std::uint32_t correlation) const noexcept {
    if (unanswered_.empty()) {
        return true;
    }
    // Half of the numbers lie ahead of any number, half behind it.
    const std::uint32_t ahead = (unanswered_.front().correlation - correlation) & number_mask;
    return ahead != 0 && ahead < number_mask / 2;
}

// --- Another connection ----------------------------------------------------------------------------------------------

template <class Visit>
void WriteQueue::for_each_frame(const WriteBlock& block, Visit visit) {
    for (std::size_t at = 0; at < block.size_bytes;) {
        const native::FrameHeader header = header_at(block.bytes.get() + at);
        visit(at, header);
        at += header.length;
    }
}

void WriteQueue::rewind_for_resend() {
    end_frame();
    const auto old_blocks = std::exchange(blocks_, {});
    first_unwritten_ = 0;
    queued_bytes_ = 0;
    written_position_ = appended_position_;
    for (const auto& block : old_blocks) {
        keep_for_resend(*block);
    }
    resend_position_ = appended_position_;  // what is kept has new positions, behind those that others remember
}

void WriteQueue::keep_for_resend(const WriteBlock& block) {
    for_each_frame(block, [&](std::size_t at, const native::FrameHeader& header) {
        const bool one_way = (header.flags & native::flags::one_way) != 0;
        UnansweredPublish* const publish = one_way ? nullptr : find_unanswered(header.correlation.value);
        const bool kept =
            header.type == native::FrameType::publish && (one_way ? at >= block.written_bytes : publish != nullptr);
        if (!kept) {
            return;
        }
        append_frame({block.bytes.get() + at, header.length});
        const std::size_t records_bytes = header.length - publish_head_bytes;
        queued_bytes_ += records_bytes;
        if (one_way) {
            blocks_.back()->one_way_bytes += records_bytes;
        } else {
            publish->block = blocks_.back().get();
            ++publish->block->unanswered;
        }
    });
}

void WriteQueue::replace_handles(const std::function<std::uint32_t(std::uint32_t)>& replacement) {
    end_frame();
    for (const auto& block : blocks_) {
        for_each_frame(*block, [&](std::size_t at, native::FrameHeader header) {
            header.handle = replacement(header.handle);
            native::write_header(block->bytes.get() + at, header);
        });
    }
}

}  // namespace leveret::client_side
