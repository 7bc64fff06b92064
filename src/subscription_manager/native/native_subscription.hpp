// One subscription of a native connection: a cursor, what credit is left, and a filter.
#pragma once

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "protocol/native.hpp"
#include "subscription_manager/wake_list.hpp"
#include "topic_registry/topic_registry.hpp"

namespace leveret {

class NativeManager;

/// Records and bytes that may still be delivered. Given at the start as 0, either is unlimited for good.
class Credit {
  public:
    Credit(std::uint64_t records, std::uint64_t bytes) noexcept
        : records_(sum(0, records)), bytes_(sum(0, bytes)), limits_records_(records != 0), limits_bytes_(bytes != 0) {}

    [[nodiscard]] bool exhausted() const noexcept { return records() == 0 || bytes() == 0; }
    [[nodiscard]] bool is_limited() const noexcept { return limits_records_ || limits_bytes_; }
    [[nodiscard]] std::uint64_t records() const noexcept { return left(records_, limits_records_); }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return left(bytes_, limits_bytes_); }
    /// A last record may take more bytes than were left: what is given next pays for that first. Were it forgotten, a
    /// reader who gives back all that it got would give a little more each time.
    void spend(std::uint64_t records, std::uint64_t bytes) noexcept {
        records_ -= static_cast<std::int64_t>(records);
        bytes_ -= static_cast<std::int64_t>(bytes);
    }
    void give(std::uint64_t records, std::uint64_t bytes) noexcept {
        records_ = sum(records_, records);
        bytes_ = sum(bytes_, bytes);
    }

  private:
    /// At most the largest number there is.
    [[nodiscard]] static std::int64_t sum(std::int64_t left, std::uint64_t given) noexcept {
        constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
        const std::int64_t room = left > 0 ? largest - left : largest;
        return left + static_cast<std::int64_t>(std::min(given, static_cast<std::uint64_t>(room)));
    }
    [[nodiscard]] static std::uint64_t left(std::int64_t of, bool is_limited) noexcept {
        return is_limited ? static_cast<std::uint64_t>(std::max<std::int64_t>(of, 0))
                          : std::numeric_limits<std::uint64_t>::max();
    }

    std::int64_t records_;  // below 0: owed
    std::int64_t bytes_;
    bool limits_records_;
    bool limits_bytes_;
};

/// Strand: connection.
class NativeSubscription final : public StrandWaiter {
  public:
    /// `charge` covers memory_bytes(request).
    NativeSubscription(NativeManager& manager, SubscriptionId id, TopicPtr topic, TopicCursor cursor,
                       const native::Subscribe& request, MemoryCharge charge);
    /// The most that it comes to take: nothing of it grows beyond that.
    [[nodiscard]] static std::size_t memory_bytes(const native::Subscribe& request) noexcept;

    void resume() override;
    /// Takes its turn, where there may be something to read and there is credit, or the topic is deleted: to say that
    /// needs none.
    void mark_ready();
    /// After this nothing reaches the manager any more.
    void detach();
    [[nodiscard]] bool wants(RecordView record) const;
    /// Remembers a delivery, where commits give its credit back.
    void delivered(Offset next, std::uint64_t records, std::uint64_t bytes);
    /// A commit of this subscription's position: gives back the credit of what lies below `offset`. A delivery that is
    /// covered in part gives back one record per offset, its bytes when it is covered whole.
    void committed(Offset offset);
    /// Reading goes on elsewhere: gives back the credit of everything that was delivered and not committed.
    void give_back_outstanding();
    [[nodiscard]] bool is_credited_by(const TopicController& topic, std::string_view position) const {
        return commit_gives_credit_ && topic_.get() == &topic && position_ == position;
    }

    const SubscriptionId id_;
    const TopicPtr topic_;
    TopicCursor cursor_;
    Credit credit_;
    bool is_ready_ = false;
    /// Set when the connection is to be closed: what becomes visible from then on is not due any more.
    std::optional<Offset> end_{};

    [[nodiscard]] bool is_filtered() const noexcept { return !filter_keys_.empty(); }

  private:
    struct Outstanding {
        Offset next;
        std::uint64_t records;
        std::uint64_t bytes;
    };
    void join_two_outstanding();

    // What every delivery looks at; then the rest.
    NativeManager* manager_;
    const bool commit_gives_credit_;
    std::vector<std::string> filter_keys_;  // ascending
    MemoryCharge charge_;
    const std::string position_;
    std::vector<Outstanding> outstanding_;  // oldest first
};

}  // namespace leveret
