#include "subscription_manager/native/native_subscription.hpp"

#include <algorithm>

#include "subscription_manager/native/native_manager.hpp"

namespace leveret {

namespace {
// Deliveries that are told apart for their credit; with more than this uncommitted, the newest count as one.
constexpr std::size_t outstanding_max = 1024;
}  // namespace

NativeSubscription::NativeSubscription(NativeManager& manager, SubscriptionId id, TopicPtr topic, TopicCursor cursor,
                                       const native::Subscribe& request, MemoryCharge filter_charge)
    : StrandWaiter(manager.context_.wake_list),
      id_(id),
      topic_(std::move(topic)),
      cursor_(std::move(cursor)),
      credit_(request.credit_records, request.credit_bytes),
      manager_(&manager),
      commit_gives_credit_((request.flags & native::Subscribe::commit_gives_credit) != 0),
      filter_keys_(request.filter_keys.begin(), request.filter_keys.end()),
      filter_charge_(std::move(filter_charge)),
      position_(request.start.position) {
    std::sort(filter_keys_.begin(), filter_keys_.end());
}

std::size_t NativeSubscription::filter_bytes(const native::Subscribe& request) noexcept {
    std::size_t bytes = 0;
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
    if (!credit_.exhausted() && !std::exchange(is_ready_, true)) {
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
    if (outstanding_.size() < outstanding_max) {
        outstanding_.push_back({next, records, bytes});
    } else {
        Outstanding& last = outstanding_.back();
        last = {next, last.records + records, last.bytes + bytes};
    }
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
