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
        : records_(records), bytes_(bytes), limits_records_(records != 0), limits_bytes_(bytes != 0) {}

    [[nodiscard]] bool exhausted() const noexcept {
        return (limits_records_ && records_ == 0) || (limits_bytes_ && bytes_ == 0);
    }
    [[nodiscard]] bool is_limited() const noexcept { return limits_records_ || limits_bytes_; }
    [[nodiscard]] std::uint64_t records() const noexcept { return limits_records_ ? records_ : unlimited; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return limits_bytes_ ? bytes_ : unlimited; }
    /// A last record may take more bytes than were left.
    void spend(std::uint64_t records, std::uint64_t bytes) noexcept {
        records_ -= std::min(records, records_);
        bytes_ -= std::min(bytes, bytes_);
    }
    void give(std::uint64_t records, std::uint64_t bytes) noexcept {
        records_ = records > unlimited - records_ ? unlimited : records_ + records;
        bytes_ = bytes > unlimited - bytes_ ? unlimited : bytes_ + bytes;
    }

  private:
    static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t records_;
    std::uint64_t bytes_;
    bool limits_records_;
    bool limits_bytes_;
};

/// Strand: connection.
class NativeSubscription final : public StrandWaiter {
  public:
    /// `filter_charge` covers filter_bytes(request).
    NativeSubscription(NativeManager& manager, SubscriptionId id, TopicPtr topic, TopicCursor cursor,
                       const native::Subscribe& request, MemoryCharge filter_charge);
    [[nodiscard]] static std::size_t filter_bytes(const native::Subscribe& request) noexcept;

    void resume() override;
    /// There may be something to read and there is credit: it takes its turn.
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
    // What every delivery looks at; then the rest.
    NativeManager* manager_;
    const bool commit_gives_credit_;
    std::vector<std::string> filter_keys_;  // ascending
    MemoryCharge filter_charge_;
    const std::string position_;
    std::vector<Outstanding> outstanding_;  // oldest first
};

}  // namespace leveret
