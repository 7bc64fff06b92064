#include <algorithm>
#include <limits>

#include "subscription_manager/native/native_manager.hpp"
#include "subscription_manager/native/waiting_fetch.hpp"

namespace leveret {

NativeManager::Handled NativeManager::fetch(const native::Frame& frame) {
    const auto asked = asked_of_topic<native::Fetch>(frame);
    if (!asked) {
        return asked.error();
    }
    const auto cursor = cursor_for(asked->request.start, *asked->topic);
    if (!cursor) {
        return Refusal(cursor.error());
    }
    const auto& limits = context_.environment.limits;
    const bool may_wait = asked->request.max_wait_ms > 0 || asked->topic->is_stored();
    if (may_wait && fetches_.size() >= limits.waiting_fetches_per_connection_max) {
        context_.environment.counters.fetches_refused.add();
        return Refusal(Error::too_many_fetches);
    }
    MemoryCharge charge(context_.environment.memory);
    if (may_wait && !charge_for_client(context_, charge, WaitingFetch::memory_bytes)) {
        return Refusal(Error::memory_full, "the server's memory limit is reached: no fetch can wait for now");
    }
    const std::size_t most = std::min(limits.reply_bytes_max, limits.frame_bytes_max - native::overhead_bytes_max);
    const std::size_t max_bytes = std::min<std::size_t>(
        most, asked->request.max_bytes == 0 ? limits.deliver_bytes_max : asked->request.max_bytes);
    const auto waiting = std::make_shared<WaitingFetch>(*this, ++last_fetch_, frame.header.correlation, asked->topic,
                                                        *cursor, max_bytes, std::move(charge));
    fetches_.emplace(last_fetch_, waiting);
    waiting->begin(std::chrono::milliseconds(asked->request.max_wait_ms));
    return {};
}

WaitingFetch::WaitingFetch(NativeManager& manager, std::uint64_t number, Correlation correlation, TopicPtr topic,
                           TopicCursor cursor, std::size_t max_bytes, MemoryCharge charge)
    : StrandWaiter(manager.context_.wake_list),
      manager_(&manager),
      number_(number),
      correlation_(correlation),
      topic_(std::move(topic)),
      cursor_(std::move(cursor)),
      max_bytes_(max_bytes),
      charge_(std::move(charge)) {}

void WaitingFetch::begin(std::chrono::milliseconds max_wait) {
    time_is_up_ = max_wait.count() == 0;
    if (topic_->is_stored()) {
        topic_->arm_for_deletion(shared_from_this());  // it may wait for its log, or for memory to read it into
    }
    resume();
    if (manager_ == nullptr) {
        return;  // answered
    }
    timer_ = manager_->context_.environment.clock.make_timer(manager_->context_.strand);
    timer_->set_after(max_wait, [weak = weak_from_this()] {
        if (const auto self = std::static_pointer_cast<WaitingFetch>(weak.lock())) {
            self->time_is_up_ = true;
            self->wake();  // the answer is given where answers are written
        }
    });
}

void WaitingFetch::resume() {
    if (manager_ == nullptr) {
        return;
    }
    if (manager_->has_too_many_answers()) {
        manager_->held_fetches_.push_back(std::static_pointer_cast<WaitingFetch>(shared_from_this()));
        return;
    }
    Gathered gathered;
    do {
        topic_->gather(cursor_, max_bytes_, std::numeric_limits<std::uint64_t>::max(), gathered);
        const bool has_nothing = gathered.empty() && !gathered.lagged() && !gathered.error() && !topic_->is_deleted();
        if (!has_nothing || (time_is_up_ && !gathered.awaits_log())) {
            manager_->answer_fetch(*this, gathered);
            return;
        }
    } while (!topic_->arm(shared_from_this(), cursor_));
}

void WaitingFetch::end_waiting() {
    time_is_up_ = true;
    resume();
}

void WaitingFetch::detach() {
    topic_->disarm(*this);
    timer_.reset();  // here, on the strand: a publisher may be the last to hold this
    manager_ = nullptr;
}

void NativeManager::end_waiting_of_fetches() {
    for (auto next = fetches_.begin(); next != fetches_.end();) {
        const auto fetch = (next++)->second;  // an answer takes it out of fetches_
        fetch->end_waiting();
    }
}

void NativeManager::give_up_answers() {
    for (const auto& fetch : std::exchange(held_fetches_, {})) {
        fetch->detach();
        fetches_.erase(fetch->number_);
    }
}

void NativeManager::answer_fetch(WaitingFetch& fetch, const Gathered& gathered) {
    const auto kept = fetches_.extract(fetch.number_);  // alive until we return
    const TopicController& topic = *fetch.topic_;
    if (topic.is_deleted()) {
        answer_error({Error::topic_deleted}, fetch.correlation_);
        fetch.detach();
        return;
    }
    if (gathered.error()) {
        answer_error({gathered.error()}, fetch.correlation_);
        fetch.detach();
        return;
    }
    const TopicFigures figures = topic.figures();
    const LaggedRange missed = gathered.lagged().value_or(LaggedRange{});
    std::vector<std::byte> records;
    records.reserve(gathered.bytes());
    for (const Slice& slice : gathered.slices()) {
        records.insert(records.end(), slice.records.begin(), slice.records.end());
    }
    answer(native::FrameType::fetched,
           native::Fetched{.epoch = topic.epoch(),
                           .missed_from = missed.from,
                           .missed_to = missed.to,
                           .first = figures.first,
                           .next = fetch.cursor_.next,
                           .end = figures.next,
                           .records = records},
           fetch.correlation_);
    context_.environment.counters.records_delivered.add(gathered.records());
    fetch.detach();
}

}  // namespace leveret
