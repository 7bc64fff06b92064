#include "subscription_manager/native/native_subscription.hpp"

#include <algorithm>

#include "subscription_manager/native/native_manager.hpp"

namespace leveret {

namespace {
// Deliveries that are told apart for their credit; with more than this uncommitted, some count as one. Each takes 24
// bytes, and a connection may have 16,384 subscriptions.
constexpr std::size_t outstanding_max = 32;
}  // namespace

NativeSubscription::NativeSubscription(NativeManager& manager, SubscriptionId id, TopicPtr topic, TopicCursor cursor,
                                       const native::Subscribe& request, MemoryCharge charge)
    : StrandWaiter(manager.context_.wake_list),
      id_(id),
      topic_(std::move(topic)),
      cursor_(std::move(cursor)),
      credit_(request.credit_records, request.credit_bytes),
      manager_(&manager),
      commit_gives_credit_((request.flags & native::Subscribe::commit_gives_credit) != 0),
      filter_keys_(request.filter_keys.begin(), request.filter_keys.end()),
      charge_(std::move(charge)),
      position_(request.start.position) {
    std::sort(filter_keys_.begin(), filter_keys_.end());
}

std::size_t NativeSubscription::memory_bytes(const native::Subscribe& request) noexcept {
    std::size_t bytes = sizeof(NativeSubscription) + subscription_overhead_bytes + request.start.position.size();
    if ((request.flags & native::Subscribe::commit_gives_credit) != 0) {
        bytes += outstanding_max * sizeof(Outstanding);
    }
    for (const std::string_view key : request.filter_keys) {
        bytes += sizeof(std::string) + key.size();
    }
    return bytes;
}

void NativeSubscription::resume() {
    if (manager_ != nullptr) {
        mark_ready();
    }
}

void NativeSubscription::mark_ready() {
    const bool has_turn = !credit_.exhausted() || topic_->is_deleted();
    if (has_turn && !std::exchange(is_ready_, true)) {
        manager_->ready_.push_back(this);
    }
}

void NativeSubscription::detach() {
    topic_->disarm(*this);
    manager_ = nullptr;
}

bool NativeSubscription::wants(RecordView record) const {
    const auto key = record.key();
    return key && std::binary_search(filter_keys_.begin(), filter_keys_.end(), *key);
}

void NativeSubscription::delivered(Offset next, std::uint64_t records, std::uint64_t bytes) {
    credit_.spend(records, bytes);
    if (!commit_gives_credit_ || !credit_.is_limited()) {
        return;
    }
    if (outstanding_.size() == outstanding_max) {
        join_two_outstanding();
    }
    outstanding_.push_back({next, records, bytes});
}

/// The smallest two neighbours become one. So all come to cover about as much: were it always the newest, nearly all of
/// the credit in bytes would come back at once, with the last commit.
void NativeSubscription::join_two_outstanding() {
    const auto bytes_from = [this](std::size_t older) {
        return outstanding_[older].bytes + outstanding_[older + 1].bytes;
    };
    std::size_t smallest = 0;
    for (std::size_t i = 1; i + 1 < outstanding_.size(); ++i) {
        if (bytes_from(i) < bytes_from(smallest)) {
            smallest = i;
        }
    }
    Outstanding& newer = outstanding_[smallest + 1];
    newer.records += outstanding_[smallest].records;
    newer.bytes += outstanding_[smallest].bytes;
    outstanding_.erase(outstanding_.begin() + static_cast<std::ptrdiff_t>(smallest));
}

void NativeSubscription::give_back_outstanding() {
    for (const Outstanding& delivery : outstanding_) {
        credit_.give(delivery.records, delivery.bytes);
    }
    outstanding_.clear();
}

void NativeSubscription::committed(Offset offset) {
    std::size_t whole = 0;
    while (whole < outstanding_.size() && outstanding_[whole].next <= offset) {
        credit_.give(outstanding_[whole].records, outstanding_[whole].bytes);
        ++whole;
    }
    outstanding_.erase(outstanding_.begin(), outstanding_.begin() + static_cast<std::ptrdiff_t>(whole));
    if (!outstanding_.empty()) {
        Outstanding& part = outstanding_.front();
        const std::uint64_t left_at_most = part.next.value - offset.value;
        if (part.records > left_at_most) {
            credit_.give(part.records - left_at_most, 0);
            part.records = left_at_most;
        }
    }
    mark_ready();
}

}  // namespace leveret
