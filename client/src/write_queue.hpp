// What a connection is to write: frames laid out back to back in blocks that are used again.
//
// A block is retained until everything in it has been written and every acknowledged Publish in it has been answered,
// as those are sent again on the next connection. So nothing is copied between send() and the socket, nor for a resend
// that never happens.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include <asio/buffer.hpp>

#include "leveret/client.hpp"
#include "protocol/native.hpp"

namespace leveret::client_side {

using BatchAcknowledged = std::function<void(const Outcome<std::vector<Acknowledgement>>&)>;

struct WriteBlock {
    explicit WriteBlock(std::size_t bytes_max) : bytes(new std::byte[bytes_max]), capacity_bytes(bytes_max) {}
    std::unique_ptr<std::byte[]> bytes;
    std::size_t capacity_bytes;
    std::size_t size_bytes = 0;
    std::size_t written_bytes = 0;
    std::size_t one_way_bytes = 0;  ///< of records that nobody will answer: let go of once the block is written
    std::uint32_t unanswered = 0;   ///< Publish frames in here that an answer is awaited for
};

/// A Publish frame that an answer is awaited for.
struct UnansweredPublish {
    std::uint32_t correlation = 0;
    std::uint32_t topic_number = 0;  ///< in this client
    std::uint32_t record_count = 0;
    std::size_t records_bytes = 0;
    WriteBlock* block = nullptr;
    bool answered = false;
    std::vector<Publisher::Acknowledged> each{};  ///< one per record, or
    BatchAcknowledged whole{};                    ///< one for all
};

/// Where records go, and how.
struct PublishTarget {
    std::uint32_t handle = 0;
    /// The topic's in this client. An Error that answers a one-way frame repeats it in its correlation; acknowledged
    /// frames have a correlation of their own.
    std::uint32_t topic_number = 0;
    Durability durability = Durability::server_default;  ///< of a whole frame: another one begins another frame
    /// What a frame may hold: a topic takes no batch that is more than it keeps.
    std::uint32_t records_max = std::numeric_limits<std::uint32_t>::max();
    std::size_t bytes_max = std::numeric_limits<std::size_t>::max();

    /// Whether a record for `other` may be added to a frame for this.
    [[nodiscard]] bool shares_frame_with(const PublishTarget& other) const noexcept {
        return handle == other.handle && topic_number == other.topic_number && durability == other.durability;
    }
};

/// Not thread-safe, does no I/O.
class WriteQueue {
  public:
    /// Publish frames hold up to this many bytes (a larger record has one to itself).
    explicit WriteQueue(std::size_t frame_bytes_max);

    // --- Adding
    /// Lays a record out. `bytes` = record_bytes(draft); check_draft() has accepted it. No allocation as long as blocks
    /// and frames have room.
    void append_one_way(const PublishTarget& target, const RecordDraft& draft, std::size_t bytes);
    void append_acknowledged(const PublishTarget& target, const RecordDraft& draft, std::size_t bytes,
                             Publisher::Acknowledged acknowledged);
    /// A batch of `publish.record_count` records that lie ready, as a frame of its own. `publish` says whom to tell.
    void append_batch(const PublishTarget& target, Bytes records, UnansweredPublish publish);
    /// Any other frame, laid out already.
    void append_frame(Bytes frame);

    // --- Writing
    /// The bytes to write next, in as many of `buffers` as are needed or there; says how many. Ends the open frame.
    [[nodiscard]] std::size_t gather(std::span<asio::const_buffer> buffers);
    /// The first `bytes` of what gather() gave have been written.
    void written(std::size_t bytes);

    // --- Answers
    /// The frame that an answer with this correlation belongs to; none where no answer is due.
    [[nodiscard]] UnansweredPublish* find_unanswered(std::uint32_t correlation) noexcept;
    /// Takes an answered frame out. The queue's bytes fall.
    [[nodiscard]] UnansweredPublish take_answered(UnansweredPublish& publish);
    /// Takes all out, oldest first: nobody will answer them. What is to be written goes too.
    [[nodiscard]] std::vector<UnansweredPublish> take_all();
    [[nodiscard]] std::size_t unanswered_count() const noexcept { return unanswered_.size(); }

    // --- Another connection
    /// Keeps what is to be sent on the next connection: Publish frames that were not answered, and one-way ones of
    /// which nothing was written. The rest goes.
    void rewind_for_resend();
    /// Replaces each frame's topic handle.
    void replace_handles(const std::function<std::uint32_t(std::uint32_t)>& replacement);

    // --- Figures
    /// Of records: not yet written, or written and not yet answered.
    [[nodiscard]] std::size_t queued_bytes() const noexcept { return queued_bytes_; }
    /// Behind everything that was ever appended: a position in the stream of bytes.
    [[nodiscard]] std::uint64_t appended_position() const noexcept { return appended_position_; }
    /// Whether everything that was appended before `position` was has been written, or was given up with a connection.
    [[nodiscard]] bool is_written_up_to(std::uint64_t position) const noexcept {
        return written_position_ >= std::max(position, resend_position_);
    }
    [[nodiscard]] std::uint64_t unwritten_bytes() const noexcept { return appended_position_ - written_position_; }
    /// Correlation of the newest Publish frame that awaits an answer.
    [[nodiscard]] std::uint32_t last_correlation() const noexcept { return next_correlation_ - 1; }
    /// Whether each frame up to this correlation has been answered.
    [[nodiscard]] bool answered_up_to(std::uint32_t correlation) const noexcept;

    // Correlations of Publish frames have bit 31 clear and bit 30 set; those of one-way ones bit 31 set.
    static constexpr std::uint32_t one_way_bit = 1U << 31U;
    static constexpr std::uint32_t publish_bit = 1U << 30U;
    static constexpr std::uint32_t number_mask = publish_bit - 1;

  private:
    static constexpr std::size_t publish_head_bytes = native::header_bytes + native::Publish::prefix_bytes;
    static constexpr std::size_t spare_blocks_max = 128;

    /// The Publish frame that records are being added to: at the end of the last block.
    struct OpenFrame {
        bool open = false;
        bool one_way = false;
        PublishTarget target{};
        std::size_t begin = 0;        // of the frame in the last block
        std::size_t end_max = 0;      // of the frame in the block
        std::size_t last_record = 0;  // where it begins there
        std::uint32_t records = 0;
    };

    void append_record(const PublishTarget& target, bool one_way, const RecordDraft& draft, std::size_t bytes);
    void begin_frame(const PublishTarget& target, bool one_way, std::size_t first_record_bytes);
    void end_frame() noexcept;
    WriteBlock& block_with_room(std::size_t bytes);
    std::uint32_t take_correlation() noexcept;
    void release_written_blocks();
    void keep_for_resend(const WriteBlock& block);
    template <class Visit>
    static void for_each_frame(const WriteBlock& block, Visit visit);

    const std::size_t frame_bytes_max_;
    const std::size_t block_bytes_;
    std::deque<std::unique_ptr<WriteBlock>> blocks_;  // oldest first; records are added to the last
    std::size_t first_unwritten_ = 0;                 // the block that writing goes on in
    std::vector<std::unique_ptr<WriteBlock>> spare_;  // the one that was used last is taken first
    OpenFrame open_;
    std::deque<UnansweredPublish>
        unanswered_;  // consecutive correlations; answered ones in the middle stay for a while
    std::uint32_t next_correlation_ = publish_bit;
    std::size_t queued_bytes_ = 0;
    std::uint64_t appended_position_ = 0;
    std::uint64_t written_position_ = 0;
    std::uint64_t resend_position_ = 0;  // behind the last frame that was kept for another connection
};

inline void WriteQueue::append_record(const PublishTarget& target, bool one_way, const RecordDraft& draft,
                                      std::size_t bytes) {
    const bool continues = open_.open && open_.target.shares_frame_with(target) && open_.one_way == one_way;
    if (!continues || blocks_.back()->size_bytes + bytes > open_.end_max || open_.records == open_.target.records_max)
        [[unlikely]] {
        begin_frame(target, one_way, bytes);
    }
    WriteBlock& block = *blocks_.back();
    // Each claims that more follow, until end_frame() puts the last one right: once per frame, not per record.
    write_record(block.bytes.get() + block.size_bytes, draft, true);
    open_.last_record = block.size_bytes;
    ++open_.records;
    block.size_bytes += bytes;
    queued_bytes_ += bytes;
    appended_position_ += bytes;
}

inline void WriteQueue::append_one_way(const PublishTarget& target, const RecordDraft& draft, std::size_t bytes) {
    append_record(target, true, draft, bytes);
}

}  // namespace leveret::client_side
