#include "subscription_manager/zaichik/zaichik_manager.hpp"

#include <algorithm>
#include <limits>

#include <spdlog/spdlog.h>

#include "protocol/native.hpp"

namespace leveret {

namespace {
// What an idle connection may keep for its next run.
constexpr std::size_t kept_run_bytes_max = 1024;

std::error_code first_error(std::span<const AppendResult> results) noexcept {
    for (const AppendResult& result : results) {
        if (result.error) {
            return result.error;
        }
    }
    return {};
}
}  // namespace

/// One subscription: a cursor into a topic that may be waiting for it to grow.
class ZaichikManager::TopicStream final : public StrandWaiter {
  public:
    /// `charge` covers memory_bytes(topic->name()).
    TopicStream(ZaichikManager& manager, TopicPtr topic, MemoryCharge charge)
        : StrandWaiter(manager.context_.wake_list),
          topic_(std::move(topic)),
          manager_(&manager),
          charge_(std::move(charge)) {
        cursor_ = topic_->settings().retention_ttl_ms > 0 ? topic_->cursor_at_earliest() : topic_->cursor_at_latest();
    }

    [[nodiscard]] static std::size_t memory_bytes(std::string_view topic) noexcept {
        return sizeof(TopicStream) + subscription_overhead_bytes + sizeof(std::string) + topic.size();
    }

    void resume() override {
        if (manager_ == nullptr) {
            return;
        }
        if (topic_->is_deleted()) {
            manager_->close(make_error_code(Error::topic_deleted));
        } else {
            mark_ready();
        }
    }
    void mark_ready() {
        if (!std::exchange(is_ready_, true)) {
            manager_->ready_.push_back(this);
        }
    }
    /// After this nothing reaches the manager any more.
    void detach() {
        topic_->disarm(*this);
        manager_ = nullptr;
    }

    TopicPtr topic_;
    TopicCursor cursor_;
    bool is_ready_ = false;

  private:
    ZaichikManager* manager_;
    MemoryCharge charge_;
};

/// Brings what became of an append back to its connection's strand: an error ends the connection.
class ZaichikManager::AppendOutcome final : public StrandWaiter {
  public:
    explicit AppendOutcome(ZaichikManager& manager) : StrandWaiter(manager.context_.wake_list), manager_(manager) {}
    /// Any thread.
    void complete(std::error_code error) {
        if (error) {
            error_ = error;
            wake();
        }
    }
    void resume() override { manager_.close(error_); }

  private:
    ZaichikManager& manager_;
    std::error_code error_;
};

ZaichikManager::ZaichikManager(ManagerContext context) : context_(std::move(context)) {}

ZaichikManager::~ZaichikManager() {
    if (is_waiting(topic_wait_)) {
        run_topic_->stop_waiting(*topic_wait_);
        topic_wait_->end();
    }
    for (const auto& [name, stream] : streams_) {
        stream->detach();
    }
    context_.environment.counters.subscriptions.subtract(streams_.size());
}

std::size_t ZaichikManager::receive(Bytes bytes) {
    std::size_t taken = 0;
    bool must_wait = blocked() || !append_run();  // a run that was left here by a topic that could not take it
    while (!closing_ && !must_wait) {
        const auto decoded = zaichik::decode(bytes.subspan(taken), context_.environment.limits.frame_bytes_max);
        if (!decoded) {
            context_.environment.counters.bad_frames.add();
            close(decoded.error());
            break;
        }
        if (!decoded->has_value()) {
            break;
        }
        must_wait = !std::visit([this](const auto& command) { return carry_out(command); }, (*decoded)->frame);
        if (!must_wait) {
            taken += (*decoded)->bytes;
            context_.environment.counters.frames_received.add();
        }
    }
    if (!must_wait) {
        (void)append_run();
    }
    return taken;
}

bool ZaichikManager::carry_out(const zaichik::CreateTopic& command) {
    if (!append_run()) {
        return false;
    }
    spdlog::debug("[{}] CreateTopic {} retention_ttl={} compaction_window={}", context_.peer, command.topic,
                  command.retention_ttl_ms, command.compaction_window_ms);
    const TopicSettings settings{.retention_ttl_ms = command.retention_ttl_ms,
                                 .compaction_window_ms = command.compaction_window_ms};
    if (const auto topic = context_.registry.create_or_keep(command.topic, settings); !topic) {
        close(topic.error());
    }
    return true;
}

bool ZaichikManager::carry_out(const zaichik::Publish& command) {
    spdlog::debug("[{}] Publish {} key={} payload_bytes={}", context_.peer, command.topic,
                  command.key.value_or("(none)"), command.payload.size());
    if (run_topic_ == nullptr || run_topic_->name() != command.topic || run_topic_->is_deleted()) {
        if (!append_run()) {
            return false;
        }
        const auto topic = context_.registry.find_or_create(command.topic);
        if (!topic) {
            close(topic.error());
            return true;
        }
        run_topic_ = *topic;
    }
    const RecordDraft draft{.payload = command.payload, .key = command.key};
    if (const auto error =
            check_draft(draft, context_.environment.limits.frame_bytes_max - native::overhead_bytes_max)) {
        close(error);
        return true;
    }
    const std::size_t at = run_records_.size();
    run_sizes_.push_back(record_bytes(draft));
    run_records_.resize(at + run_sizes_.back());
    write_record(run_records_.data() + at, draft, false);
    return true;
}

bool ZaichikManager::append_run() {
    if (run_sizes_.empty()) {
        return true;
    }
    std::vector<Batch> batches;
    batches.reserve(run_sizes_.size());
    Bytes rest(run_records_);
    for (const std::size_t size : run_sizes_) {
        batches.push_back({.records = rest.first(size), .record_count = 1});
        rest = rest.subspan(size);
    }
    if (run_topic_->is_stored()) {
        if (!append_to_stored(batches)) {
            return false;
        }
    } else {
        run_topic_->append(batches, [this](std::span<AppendResult> results) {
            if (const std::error_code error = first_error(results)) {
                close(error);
            }
        });
    }
    run_sizes_.clear();
    run_records_.clear();
    return true;
}

/// False: run_topic_ cannot take them now.
bool ZaichikManager::append_to_stored(std::span<const Batch> batches) {
    if (topic_wait_ == nullptr) {
        topic_wait_ = std::make_shared<TopicWait>(context_.wake_list, context_.environment, context_.strand);
    }
    if (topic_wait_->is_over()) {
        run_topic_->stop_waiting(*topic_wait_);
    }
    const bool is_taken = run_topic_->try_append(
        batches,
        [outcome = std::make_shared<AppendOutcome>(*this)](std::span<AppendResult> results) {
            outcome->complete(first_error(results));
        },
        topic_wait_->is_over() ? nullptr : topic_wait_);
    is_taken ? topic_wait_->end() : topic_wait_->begin();
    return is_taken;
}

void ZaichikManager::shrink() {
    if (run_records_.capacity() > kept_run_bytes_max) {
        run_records_ = {};
        run_sizes_ = {};
    }
}

bool ZaichikManager::carry_out(const zaichik::Subscribe& command) {
    if (!append_run()) {
        return false;
    }
    spdlog::debug("[{}] Subscribe {}", context_.peer, command.topic);
    const auto topic = context_.registry.find_or_create(command.topic);
    if (!topic) {
        close(topic.error());
        return true;
    }
    const bool is_first = streams_.empty();
    remove_stream(command.topic);
    if (streams_.size() >= context_.environment.limits.subscriptions_per_connection_max) {
        context_.environment.counters.subscriptions_refused.add();
        close(make_error_code(Error::too_many_subscriptions));
        return true;
    }
    MemoryCharge charge(context_.environment.memory);
    if (!charge_for_client(context_, charge, TopicStream::memory_bytes(command.topic))) {
        close(make_error_code(Error::memory_full));
        return true;
    }
    const auto stream = std::make_shared<TopicStream>(*this, *topic, std::move(charge));
    streams_.emplace(command.topic, stream);
    context_.environment.counters.subscriptions.add();
    (*topic)->arm_for_deletion(stream);  // while no delivery is allowed it waits for nothing else
    stream->mark_ready();
    if (is_first) {
        may_deliver_ = true;
    }
    return true;
}

bool ZaichikManager::carry_out(const zaichik::Unsubscribe& command) {
    if (!append_run()) {
        return false;
    }
    spdlog::debug("[{}] Unsubscribe {}", context_.peer, command.topic);
    remove_stream(command.topic);
    if (streams_.empty()) {
        may_deliver_ = false;
    }
    return true;
}

bool ZaichikManager::carry_out(const zaichik::CloseConnection& /*command*/) {
    if (!append_run()) {
        return false;
    }
    spdlog::debug("[{}] CloseConnection", context_.peer);
    close({});
    return true;
}

bool ZaichikManager::carry_out(const zaichik::Commit& /*command*/) {
    if (!append_run()) {
        return false;
    }
    spdlog::debug("[{}] Commit", context_.peer);
    may_deliver_ = !streams_.empty();
    return true;
}

void ZaichikManager::remove_stream(std::string_view topic) {
    const auto found = streams_.find(std::string(topic));
    if (found == streams_.end()) {
        return;
    }
    std::erase(ready_, found->second.get());
    found->second->detach();
    streams_.erase(found);
    context_.environment.counters.subscriptions.subtract();
}

bool ZaichikManager::collect(WriteBatch& batch) {
    while (may_deliver_ && !ready_.empty() && !closing_) {
        turn_ %= ready_.size();
        TopicStream& stream = *ready_[turn_];
        if (deliver_one(stream, batch)) {
            ++turn_;
            continue;
        }
        if (stream.topic_->is_deleted()) {
            close(make_error_code(Error::topic_deleted));
            break;
        }
        if (stream.topic_->arm(stream.shared_from_this(), stream.cursor_)) {
            stream.is_ready_ = false;
            std::swap(ready_[turn_], ready_.back());
            ready_.pop_back();
        }
    }
    return false;
}

void ZaichikManager::let_go_of_what_was_read() {
    for (const auto& [name, stream] : streams_) {
        stream->cursor_.let_go();
    }
}

bool ZaichikManager::deliver_one(TopicStream& stream, WriteBatch& batch) {
    Gathered& gathered = batch.gathered();
    stream.topic_->gather(stream.cursor_, std::numeric_limits<std::size_t>::max(), 1, gathered);
    if (gathered.error()) {
        close(gathered.error());
    }
    if (gathered.empty()) {
        return false;
    }
    const RecordView record(gathered.slices().front().records.data());
    zaichik::Publish frame{.topic = stream.topic_->name(), .key = record.key(), .payload = record.payload()};
    if (frame.key && !is_utf8(*frame.key)) {
        // A key from the native dialect may be any bytes; a zaichik client would fail to decode it.
        frame.key.reset();
        context_.environment.counters.deliveries_recoded.add();
    }
    std::vector<std::byte> bytes;
    zaichik::encode(frame, bytes);
    batch.add_owned(bytes);
    gathered.clear();
    may_deliver_ = false;
    context_.environment.counters.records_delivered.add();
    spdlog::debug("[{}] Deliver {} offset={}", context_.peer, frame.topic, stream.cursor_.next.value - 1);
    return true;
}

void ZaichikManager::close(std::error_code reason) {
    if (!closing_) {
        closing_ = reason;
    }
}

}  // namespace leveret
