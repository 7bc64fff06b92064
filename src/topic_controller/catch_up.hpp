// A reader's way through the part of a topic that is in its log and not, or no more, in its buffer.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <vector>

#include "environment/counters.hpp"
#include "message_log/message_log.hpp"
#include "topic_controller/awaited_budget.hpp"
#include "topic_controller/block.hpp"
#include "topic_controller/broadcast_buffer.hpp"
#include "topic_controller/catch_up_pace.hpp"
#include "topic_controller/topic_waiter.hpp"

namespace leveret {

class CatchUp;

/// What all readers of logs together may use, a part of the server's memory set aside for them: so many replays at once
/// wait for each other instead of pushing the newest records out of the buffers. Thread-safe; outlives the readers.
class CatchUpMemory {
  public:
    /// Adds to `waits`, unless it is null, whenever somebody has to wait. Without a pace nobody ever pauses.
    explicit CatchUpMemory(std::uint64_t bytes_max, Counter* waits = nullptr, CatchUpPace* pace = nullptr)
        : shared_(bytes_max), waits_(waits), pace_(pace) {}

    [[nodiscard]] CatchUpPace* pace() const noexcept { return pace_; }
    [[nodiscard]] MemoryBudget& budget() noexcept { return shared_.budget(); }
    /// Whether there is enough for those who read ahead of what their subscriber has taken.
    [[nodiscard]] bool has_spare() const noexcept {
        return shared_.budget().used_bytes() < shared_.budget().bytes_max() / 2;
    }
    /// A block for `record_bytes` of records from `first` on; empty where there is no memory for it.
    [[nodiscard]] BlockPin allocate(std::size_t record_bytes, Offset first);
    /// Takes a block back whose records a reader has passed, though some of them may still be on their way out. A few
    /// are kept: the next reads then neither map nor fault in memory, which costs as much as the reading.
    void give_back(BlockPin block);
    /// Wakes `waiter` when this much may be free.
    void wait(std::uint64_t bytes, const std::weak_ptr<TopicWaiter>& waiter);

    /// Readers that may be asked to let go of what they hold and do not use at the moment.
    void enter(const std::shared_ptr<CatchUp>& reader);
    void leave(const CatchUp& reader) noexcept;

  private:
    static constexpr std::size_t spares_max = 8;
    [[nodiscard]] BlockPin take_spare(std::size_t allocation_bytes);
    void drop_spares();
    void reclaim(std::size_t allocation_bytes);

    AwaitedBudget shared_;
    Counter* const waits_;
    CatchUpPace* const pace_;

    std::mutex mutex_;                                         // guards what follows; nothing is called under it
    std::map<std::uint64_t, std::weak_ptr<CatchUp>> readers_;  // by number, in the order of their coming
    std::uint64_t last_reader_ = 0;
    std::uint64_t last_reclaimed_ = 0;  // they take turns
    std::vector<BlockPin> spares_;      // some may still be pinned by others
};

/// Holds a block of records that the log's threads have read, and the next one, which they read ahead meanwhile.
/// Thread-safe; shared by its reader and by reads that are under way. Nothing is called under its mutex.
class CatchUp final : public PacedReader, public std::enable_shared_from_this<CatchUp> {
  public:
    /// What the log had for a reader: at most one of the four.
    struct Part {
        BlockPin block{};                      ///< records, the reader's next one among them
        std::optional<LaggedRange> damaged{};  ///< gone: the log cannot read them any more
        std::optional<Offset> skip_to{};       ///< nothing that was asked for lies before this
        std::error_code error{};               ///< the read failed
        [[nodiscard]] bool empty() const noexcept { return !block && !damaged && !skip_to && !error; }
    };

    explicit CatchUp(CatchUpMemory& memory) noexcept : memory_(memory) {}
    CatchUp(const CatchUp&) = delete;
    CatchUp& operator=(const CatchUp&) = delete;
    ~CatchUp() override;

    /// What is there for a reader at `next`; empty where the log has to be asked.
    [[nodiscard]] Part part_at(Offset next);
    /// Has `log` read from `next` on, or from the first record stamped at or after `not_before` if that is above it,
    /// and wakes `waiter` when part_at() may have something. Records at or above `end` are left out. False: there is
    /// something already.
    [[nodiscard]] bool read(const std::shared_ptr<MessageLog>& log, Offset next, Timestamp not_before, Offset end,
                            const std::shared_ptr<TopicWaiter>& waiter);
    /// Lets go of what has been read and not been asked for yet, unless the log is reading: it can be read again.
    void let_go();
    /// Reads on behind the block that part_at() last gave, if there is memory to spare.
    void read_ahead(const std::shared_ptr<MessageLog>& log, Offset end);

  private:
    void go_on() noexcept override;
    [[nodiscard]] std::size_t read_bytes() const;
    [[nodiscard]] Part find_part(Offset next, std::vector<Part>& passed);
    void start(const std::shared_ptr<MessageLog>& log, Offset from, Offset end, std::size_t bytes);
    void finish(const std::shared_ptr<MessageLog>& log, Offset from, Offset end, BlockPin block,
                const Result<LogRead>& read);
    void put_in_time(BlockPin block, Offset end);
    [[nodiscard]] bool is_ahead(std::uint64_t records, Offset end) noexcept;
    void put(Part part);
    void fail(std::error_code error);

    friend class CatchUpMemory;
    CatchUpMemory& memory_;
    std::uint64_t number_ = 0;  // the memory's, to find it again
    std::mutex mutex_;          // guards what follows
    std::deque<Part> parts_;    // in the order of their offsets, at most three
    bool is_reading_ = false;
    std::weak_ptr<TopicWaiter> waiter_;  // to be woken by the read that is under way
    BlockPin paused_;                    // what has been read, until its pause is over
    // Used by the read that is under way:
    std::optional<Offset> end_seen_;  // the topic's, last time
    std::int64_t ahead_ = 0;          // records that were read beyond twice what the topic has grown
};

}  // namespace leveret
