// What a stored topic keeps about its log: what has been stamped and not been kept yet, and who waits for that.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "environment/clock.hpp"
#include "message_log/log_store.hpp"
#include "message_log/message_log.hpp"
#include "topic_controller/batch.hpp"
#include "topic_controller/broadcast_buffer.hpp"
#include "topic_controller/catch_up.hpp"
#include "topic_controller/topic_waiter.hpp"

namespace leveret {

/// Saves committed positions, one call at a time; answers when they are kept, durably with `sync`.
using SavePositions =
    std::function<void(std::vector<std::pair<std::string, Offset>> positions, bool sync, MessageLog::Done done)>;

/// What a stored topic is handed when its log has been opened.
struct TopicBacking {
    std::shared_ptr<MessageLog> log;
    std::vector<EpochStart> epochs;
    std::vector<std::pair<std::string, Offset>> positions;
    SavePositions save_positions;
    AwaitedBudget* all_pending = nullptr;  ///< what all topics may have pending; null: no bound on that. Outlives them
};

/// Not thread-safe: used under the topic's mutex.
struct TopicLog {
    enum class State {
        opening,  ///< its files are being made or read: publishes wait
        open,
        failed,   ///< a write or sync has failed: publishes are refused, what was acknowledged can be read
        closing,  ///< carries out what is pending and takes no more
    };
    /// Of a publish that is being stamped; it lets go of the mutex only while memory is being reclaimed.
    static constexpr Offset not_stamped{std::numeric_limits<std::uint64_t>::max()};
    /// A publish that has its offsets and not its answer.
    struct PendingAppend {
        Offset end = not_stamped;  ///< answered when everything below it is kept
        bool wants_sync = false;
        std::uint64_t bytes = 0;  ///< its part of pending_bytes
        std::vector<AppendResult> results;
        AppendDone done;
    };
    struct PendingCommit {
        std::string position;
        Offset offset{};
        std::optional<Offset> before;  ///< where the position was; nothing: there was none
        MessageLog::Done done;
    };

    explicit TopicLog(CatchUpMemory& memory) noexcept : catch_up_memory(memory) {}

    /// What a publish of so many bytes takes of all_pending: one that is larger than that takes all of it.
    [[nodiscard]] std::uint64_t share_of(std::uint64_t bytes) const noexcept {
        return backing.all_pending == nullptr ? 0 : std::min(bytes, backing.all_pending->budget().bytes_max());
    }

    State state = State::opening;
    std::error_code failure;  ///< why, in State::failed
    CatchUpMemory& catch_up_memory;
    TopicBacking backing;
    Offset first{};     ///< of the oldest record that the log has
    Offset lost_end{};  ///< below it records were removed otherwise than by expiry

    std::deque<PendingAppend> pending;
    std::uint64_t pending_bytes = 0;                   ///< claimed or stamped, and not kept
    Cursor handed{};                                   ///< everything below has been given to the log
    bool is_appending = false;                         ///< the log has an append, or a sync in its place
    bool is_appending_synced = false;                  ///< and with it everything before is synced
    std::vector<std::unique_ptr<Gathered>> in_flight;  ///< its blocks
    std::deque<PendingAppend> answers;                 ///< in their order, to be given by whoever is_answering
    bool is_answering = false;

    std::uint64_t room_bytes = 0;  ///< granted by the log and not used yet
    bool is_reserving = false;
    std::error_code room_refused;  ///< the last answer, while it counts
    SteadyTime room_refused_until{};
    WaiterList publishers;  ///< wait for room, for the log to open, or for pending bytes to fall
    std::shared_ptr<TopicWaiter> waits_for_others;  ///< while it is armed in all_pending

    bool is_trimming = false;
    Timestamp trim_again_at = Timestamp::min();  ///< after one that removed nothing: not before this
    bool trims_expired = false;                  ///< that is why
    std::optional<Offset> trim_to;               ///< asked for while one was under way
    std::vector<MessageLog::Done> trim_done;     ///< who waits for the one that is under way
    std::vector<MessageLog::Done> trim_to_done;  ///< and for the one after it
    std::optional<Timestamp> sync_due;  ///< interval durability: there are unsynced records, and this is when they are
    bool is_syncing = false;

    std::vector<PendingCommit> commits;
    bool is_saving = false;
    MessageLog::Done close_done;
    bool is_opening = false;                   ///< close() came before attach()
    std::vector<MessageLog::Done> ready_done;  ///< who waits for State::opening to end
};

}  // namespace leveret
