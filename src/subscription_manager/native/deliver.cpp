// From ready subscriptions to Deliver frames: slices straight from the blocks, taking turns.
#include <algorithm>
#include <limits>

#include <spdlog/spdlog.h>

#include "subscription_manager/native/native_manager.hpp"
#include "subscription_manager/native/native_subscription.hpp"
#include "subscription_manager/native/waiting_fetch.hpp"

namespace leveret {

namespace {

constexpr std::size_t deliver_head_bytes = native::header_bytes + native::Deliver::prefix_bytes;
// What a turn of one subscription may add to a batch's arena.
constexpr std::size_t arena_per_turn_bytes = deliver_head_bytes + WriteBatch::copied_bytes_max;
// While several subscriptions are ready none takes more of a write than this.
constexpr std::size_t shared_turn_bytes_max = 64U << 10U;
// Filters may look at this many batches' worth of records, and let none through, before others on the thread have a
// turn.
constexpr std::size_t filtered_batches_max = 4;

void write_deliver_head(std::byte* out, const NativeSubscription& subscription, std::uint64_t records_bytes) {
    native::write_header(out, {.length = static_cast<std::uint32_t>(deliver_head_bytes + records_bytes),
                               .type = native::FrameType::deliver,
                               .handle = subscription.id_.value});
    native::Deliver{.epoch = subscription.topic_->epoch()}.write_prefix(out + native::header_bytes);
}

/// The records that the subscription wants, copied, until `records_max` are found. `*next` is set behind the last
/// record that was looked at.
std::vector<std::byte> wanted_records(const NativeSubscription& subscription, const Gathered& gathered,
                                      std::uint64_t records_max, std::uint64_t* records, Offset* next) {
    std::vector<std::byte> wanted;
    for (const Slice& slice : gathered.slices()) {
        for (const RecordView record : Records(slice.records)) {
            if (*records == records_max) {
                return wanted;
            }
            *next = Offset{record.offset().value + 1};
            if (subscription.wants(record)) {
                wanted.insert(wanted.end(), record.bytes().begin(), record.bytes().end());
                ++*records;
            }
        }
    }
    return wanted;
}

}  // namespace

bool NativeManager::deliver(WriteBatch& batch) {
    const std::size_t batch_bytes_max = context_.environment.limits.deliver_bytes_max;
    filtered_bytes_ = 0;
    while (!ready_.empty() && batch.bytes() < batch_bytes_max && batch.arena_left() >= arena_per_turn_bytes) {
        if (filtered_bytes_ >= filtered_batches_max * batch_bytes_max) {
            return true;
        }
        turn_ %= ready_.size();
        NativeSubscription& subscription = *ready_[turn_];
        switch (deliver_some(subscription, batch)) {
            case Turn::more:
                ++turn_;
                break;
            case Turn::drained:
                subscription.is_ready_ = false;
                std::swap(ready_[turn_], ready_.back());
                ready_.pop_back();
                break;
            case Turn::ended:
                answer_error({subscription.topic_->is_deleted() ? make_error_code(Error::topic_deleted)
                                                                : batch.gathered().error()},
                             {}, subscription.id_.value);
                batch.gathered().clear();
                end_subscription(subscription.id_);
                batch.add_owned(replies_);
                break;
        }
    }
    return false;
}

void NativeManager::let_go_of_what_was_read() {
    for (const auto& [id, subscription] : subscriptions_) {
        subscription->cursor_.let_go();
    }
    for (const auto& [number, fetch] : fetches_) {
        fetch->cursor_.let_go();
    }
}

NativeManager::Turn NativeManager::deliver_some(NativeSubscription& subscription, WriteBatch& batch) {
    if (subscription.topic_->is_deleted()) {
        return Turn::ended;
    }
    const bool has_ended = subscription.end_ && subscription.cursor_.next >= *subscription.end_;
    if (has_ended || subscription.credit_.exhausted()) {
        return Turn::drained;
    }
    const std::size_t turn_bytes_max =
        ready_.size() > 1 ? shared_turn_bytes_max : context_.environment.limits.deliver_bytes_max;
    const std::size_t bytes_max = std::min<std::size_t>(turn_bytes_max, subscription.credit_.bytes());
    const std::uint64_t records_max = subscription.credit_.records();

    Gathered& gathered = batch.gathered();
    // A filtered subscription's credit is for records that it wants: how many to look at is not known before. One whose
    // credit ends with the topic's last record is armed for nothing: one wake-up that resume() ignores.
    subscription.topic_->gather(subscription.cursor_, bytes_max,
                                subscription.is_filtered() ? std::numeric_limits<std::uint64_t>::max() : records_max,
                                gathered, subscription.shared_from_this());
    if (gathered.error()) {
        return Turn::ended;
    }
    if (gathered.lagged()) {
        add_lagged(subscription, *gathered.lagged(), batch);
    }
    if (subscription.is_filtered()) {
        filtered_bytes_ += gathered.bytes();
        deliver_wanted(subscription, records_max, batch);
    } else if (!gathered.empty()) {
        write_deliver_head(batch.add_arena(deliver_head_bytes), subscription, gathered.bytes());
        batch.add_slices(gathered.slices(), gathered.bytes());
        count_delivered(subscription, gathered.records(), gathered.bytes());
    }
    const bool is_armed = gathered.is_armed();
    gathered.clear();
    if (is_armed || subscription.credit_.exhausted()) {
        return Turn::drained;  // more records, or a grant, make it ready again
    }
    if (batch.bytes() >= context_.environment.limits.deliver_bytes_max) {
        return Turn::more;
    }
    return subscription.topic_->arm(subscription.shared_from_this(), subscription.cursor_) ? Turn::drained : Turn::more;
}

void NativeManager::deliver_wanted(NativeSubscription& subscription, std::uint64_t records_max, WriteBatch& batch) {
    std::uint64_t records = 0;
    Offset next = subscription.cursor_.next;
    std::vector<std::byte> wanted = wanted_records(subscription, batch.gathered(), records_max, &records, &next);
    if (next != subscription.cursor_.next) {
        static_cast<Cursor&>(subscription.cursor_) = Cursor{.next = next};  // the credit ended before the slices did
    }
    if (wanted.empty()) {
        return;
    }
    write_deliver_head(batch.add_arena(deliver_head_bytes), subscription, wanted.size());
    const std::uint64_t bytes = wanted.size();
    batch.add_owned(wanted);
    count_delivered(subscription, records, bytes);
}

void NativeManager::count_delivered(NativeSubscription& subscription, std::uint64_t records, std::uint64_t bytes) {
    subscription.delivered(subscription.cursor_.next, records, bytes);
    context_.environment.counters.records_delivered.add(records);
    spdlog::debug("[{}] Deliver {} records={} bytes={} next={}", context_.peer, subscription.topic_->name(), records,
                  bytes, subscription.cursor_.next.value);
}

void NativeManager::add_lagged(const NativeSubscription& subscription, const LaggedRange& range, WriteBatch& batch) {
    spdlog::debug("[{}] Lagged {} from={} to={}", context_.peer, subscription.topic_->name(), range.from.value,
                  range.to.value);
    std::vector<std::byte> frame;
    native::append_frame(frame, native::FrameType::lagged,
                         native::Lagged{.epoch = subscription.topic_->epoch(), .from = range.from, .to = range.to}, {},
                         subscription.id_.value);
    batch.add_owned(frame);
}

}  // namespace leveret
