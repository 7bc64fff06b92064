// Records on their way out, and their answers.
#include <algorithm>
#include <utility>

#include <asio/post.hpp>

#include "client_state.hpp"

namespace leveret {

using client_side::failure_of;
using client_side::PublishTarget;
using client_side::UnansweredPublish;
using client_side::unexpected;
using client_side::WaitingBatch;
using native::FrameType;

namespace {

/// A run of records that never suspends is written from time to time all the same: while the cache still has them.
constexpr std::size_t write_at_once_bytes = 128U << 10U;

RecordDraft draft_of(const Message& message) noexcept {
    return {.payload = message.payload, .key = message.key, .headers = message.headers, .tombstone = message.tombstone};
}

PublishTarget with_durability(PublishTarget target, Durability durability) noexcept {
    target.durability = durability;
    return target;
}

/// What nearly every record is; for it, nothing has to be checked but its size.
bool is_plain(const RecordDraft& draft) noexcept {
    return !draft.key && draft.headers.empty() && !draft.tombstone;
}

Outcome<Acknowledgement> acknowledgement_of(const Outcome<std::vector<Acknowledgement>>& all, std::size_t index) {
    if (!all) {
        return unexpected(all.error());
    }
    return (*all)[index];
}

Outcome<std::vector<Acknowledgement>> acknowledgements_of(const Outcome<native::Published>& answer,
                                                          std::size_t records) {
    if (!answer) {
        return unexpected(answer.error());
    }
    std::vector<Acknowledgement> all(records);
    Offset next = answer->first;
    auto duplicate = answer->duplicates.begin();
    for (std::uint32_t index = 0; index < records; ++index) {
        all[index].offset = next;
        if (duplicate != answer->duplicates.end() && *duplicate == index) {
            all[index].duplicate = true;
            ++duplicate;
        } else {
            ++next.value;
        }
    }
    return all;
}

/// A topic in memory takes no batch that is more than it keeps; one on disk keeps whole segments.
void limit_frames(client_side::Topic& topic, const TopicSettings& settings) noexcept {
    constexpr PublishTarget no_limit;
    const bool is_in_memory = settings.store != Store::file && settings.store != Store::rocksdb;
    topic.target.records_max = no_limit.records_max;
    topic.target.bytes_max = no_limit.bytes_max;
    if (is_in_memory && settings.retention_records != 0 && settings.retention_records < no_limit.records_max) {
        topic.target.records_max = static_cast<std::uint32_t>(settings.retention_records);
    }
    if (is_in_memory && settings.retention_bytes != 0) {
        topic.target.bytes_max = settings.retention_bytes;
    }
}

}  // namespace

// --- Topics ----------------------------------------------------------------------------------------------------------

Client::State::TopicPtr Client::State::topic_named(const std::string& name) {
    const auto known = topics_by_name.find(name);
    if (known != topics_by_name.end()) {
        return known->second;
    }
    const auto topic = std::make_shared<Topic>();
    topic->name = name;
    topic->target.topic_number = static_cast<std::uint32_t>(topics.size());
    topics_by_name.emplace(name, topic);
    topics.push_back(topic);
    if (phase == Phase::ready) {
        request_open(topic, [] {});
    }
    return topic;
}

void Client::State::request_open(const TopicPtr& topic, std::function<void()> answered) {
    auto opened = [this, topic, answered = std::move(answered)](const Outcome<Answer>& answer) {
        const bool was_open = topic->phase == Topic::Phase::open;  // otherwise its user is told
        if (lost || phase == Phase::closed || (was_open && abandon_attempt_refused_by(answer))) {
            answered();
            return;  // it is opened again with the next connection, where there is one
        }
        const auto body = answer ? native::TopicOpened::decode(answer->body) : fail(Error::bad_frame);
        if (body) {
            topic->phase = Topic::Phase::open;
            topic->handle = answer->header.handle;
            topic->id = body->id;
            topic->epoch = body->epoch;
            limit_frames(*topic, body->settings);
            if (phase == Phase::ready) {
                topic->target.handle = topic->handle;
                release_waiting(*topic, std::nullopt);
            }
        } else {
            fail_topic(topic, answer ? failure_of(body.error()) : answer.error());
        }
        answered();
    };
    const native::TopicName body{topic->name};
    send_request(FrameType::open_topic, FrameType::topic_opened, body, 0, std::move(opened));
    queued();
}

void Client::State::fail_topic(const TopicPtr& topic, const Failure& why) {
    if (topic->phase == Topic::Phase::failed) {
        return;
    }
    topic->phase = Topic::Phase::failed;
    topic->failure = why;
    // The next to ask for this name opens it anew.
    const auto known = topics_by_name.find(topic->name);
    if (known != topics_by_name.end() && known->second == topic) {
        topics_by_name.erase(known);
    }
    release_waiting(*topic, why);
    progress.ring();
}

asio::awaitable<Outcome<Client::State::TopicPtr>> Client::State::open_topic(Self self, std::string name) {
    TopicPtr topic;
    for (;;) {
        const auto ready = co_await until_ready(self);
        if (!ready) {
            co_return unexpected(ready.error());
        }
        if (!topic) {
            topic = self->topic_named(name);
        }
        if (topic->phase == Topic::Phase::failed) {
            co_return unexpected(*topic->failure);
        }
        if (topic->phase == Topic::Phase::open) {
            co_return topic;
        }
        self->written_before_waiting();
        co_await self->progress.wait();
    }
}

void Client::State::release_waiting(Topic& topic, const std::optional<Failure>& why) {
    for (WaitingBatch& batch : std::exchange(topic.waiting, {})) {
        waiting_bytes -= batch.records.size();
        if (why) {
            tell(std::move(batch.publish), unexpected(*why));
        } else {
            queue->append_batch(with_durability(topic.target, batch.durability), batch.records,
                                std::move(batch.publish));
        }
    }
    queued();
}

// --- Records ---------------------------------------------------------------------------------------------------------

std::error_code Client::State::refusal(Topic& topic, const RecordDraft& draft, std::size_t bytes) const {
    if (topic.phase == Topic::Phase::failed) {
        return topic.failure->code;
    }
    const std::size_t queued_bytes = queue->queued_bytes();
    if (queued_bytes + bytes > options.publish_queue_bytes_max && queued_bytes > 0) {
        topic.refused_bytes = std::max(topic.refused_bytes, bytes);
        return Error::publish_queue_full;
    }
    if (is_plain(draft) && bytes <= record_bytes_max) {
        return {};
    }
    return check_draft(draft, record_bytes_max);
}

std::error_code Client::State::send_one_way(Topic& topic, const Message& message) {
    const RecordDraft draft = draft_of(message);
    const std::size_t bytes = record_bytes(draft);
    if (const auto error = refusal(topic, draft, bytes)) {
        return error;
    }
    queue->append_one_way(with_durability(topic.target, message.durability), draft, bytes);
    queued();
    return {};
}

std::error_code Client::State::send_acknowledged(Topic& topic, const Message& message,
                                                 Publisher::Acknowledged acknowledged) {
    const RecordDraft draft = draft_of(message);
    const std::size_t bytes = record_bytes(draft);
    if (const auto error = refusal(topic, draft, bytes)) {
        return error;
    }
    queue->append_acknowledged(with_durability(topic.target, message.durability), draft, bytes,
                               std::move(acknowledged));
    queued();
    return {};
}

void Client::State::publish(const std::string& name, const Message& message, Publisher::Acknowledged acknowledged) {
    UnansweredPublish one{.record_count = 1};
    one.each.push_back(std::move(acknowledged));
    const auto known = topics_by_name.find(name);
    if (known == topics_by_name.end() || known->second->target.handle == 0) {
        publish_batch(name, {&message, 1}, std::move(one));
        return;
    }
    // Shares a frame with others that are published in the same turn.
    Topic& topic = *known->second;
    const RecordDraft draft = draft_of(message);
    const std::size_t bytes = record_bytes(draft);
    if (const auto error = refusal(topic, draft, bytes)) {
        tell(std::move(one), unexpected(failure_of(error)));
        return;
    }
    queue->append_acknowledged(with_durability(topic.target, message.durability), draft, bytes,
                               std::move(one.each.front()));
    queued();
}

/// Why a batch cannot be queued, if it cannot.
std::error_code Client::State::refusal_of_batch(const TopicPtr& topic, std::size_t bytes) const {
    const std::size_t queued_bytes = queue->queued_bytes() + waiting_bytes;
    if (queued_bytes + bytes > options.publish_queue_bytes_max && queued_bytes > 0) {
        return Error::publish_queue_full;
    }
    if (bytes > record_bytes_max) {
        return Error::frame_too_large;
    }
    return topic->failure ? topic->failure->code : std::error_code{};
}

void Client::State::publish_batch(const std::string& name, std::span<const Message> messages,
                                  UnansweredPublish publish) {
    publish.record_count = static_cast<std::uint32_t>(messages.size());
    if (phase == Phase::idle || phase == Phase::connecting || phase == Phase::closed || messages.empty()) {
        const bool nothing = phase != Phase::closed && messages.empty();
        tell(std::move(publish),
             unexpected(nothing ? failure_of(Error::bad_record, "a batch has at least one record") : ended()));
        return;
    }
    std::size_t bytes = 0;
    Durability durability = Durability::server_default;
    for (std::size_t index = 0; index < messages.size(); ++index) {
        const RecordDraft draft = draft_of(messages[index]);
        if (const auto error = check_draft(draft, record_bytes_max)) {
            tell(std::move(publish), unexpected(Failure{error, error.message(), index}));
            return;
        }
        bytes += record_bytes(draft);
        durability = std::max(durability, messages[index].durability);
    }
    const TopicPtr topic = topic_named(name);
    if (const auto error = refusal_of_batch(topic, bytes)) {
        tell(std::move(publish), unexpected(failure_of(error)));
        return;
    }
    std::vector<std::byte> records(bytes);
    std::byte* at = records.data();
    for (const Message& message : messages) {
        write_record(at, draft_of(message), &message != &messages.back());
        at += RecordView(at).size();
    }
    if (topic->target.handle != 0) {
        queue->append_batch(with_durability(topic->target, durability), records, std::move(publish));
    } else {
        waiting_bytes += bytes;
        topic->waiting.push_back({std::move(records), std::move(publish), durability});
    }
    queued();
}

// --- Writing ---------------------------------------------------------------------------------------------------------

void Client::State::queued() {
    if (phase != Phase::ready) {
        return;
    }
    if (queue->unwritten_bytes() >= write_at_once_bytes) [[unlikely]] {
        connection->flush();
    } else if (!flush_scheduled_) [[unlikely]] {
        schedule_flush();
    }
}

void Client::State::schedule_flush() {
    flush_scheduled_ = true;
    auto flush = [self = shared_from_this()] {
        self->flush_scheduled_ = false;
        if (self->phase == Phase::ready) {
            self->connection->flush();
        }
    };
    if (options.linger.count() == 0) {
        asio::post(executor, std::move(flush));
        return;
    }
    linger_.expires_after(options.linger);
    linger_.async_wait([flush = std::move(flush)](std::error_code) { flush(); });
}

void Client::State::written_before_waiting() {
    if (!connection || phase == Phase::idle || phase == Phase::closed) {
        return;
    }
    const bool alone = requests.size() + queue->unanswered_count() <= 1;
    if (alone || phase != Phase::ready) {
        connection->flush();
    } else {
        queued();
    }
}

asio::awaitable<void> Client::State::writable(Self self, TopicPtr topic) {
    // Half of the queue at once, so that a publisher does not wake for every record; and room for the record that was
    // refused, or none would ever be waited for where it is larger than that half.
    const std::size_t wanted_bytes = std::exchange(topic->refused_bytes, 0);
    const auto is_full = [self, wanted_bytes] {
        const std::size_t queued_bytes = self->queue->queued_bytes();
        const std::size_t bytes_max = self->options.publish_queue_bytes_max;
        return queued_bytes > 0 && (queued_bytes > bytes_max / 2 || queued_bytes + wanted_bytes > bytes_max);
    };
    if (is_full() && self->phase == Phase::ready) {
        self->connection->flush();
    }
    while (is_full() && topic->phase != Topic::Phase::failed) {
        co_await self->progress.wait();
    }
}

asio::awaitable<Outcome<void>> Client::State::flush(Self self, TopicPtr topic) {
    if (self->queue && self->phase == Phase::ready) {
        self->connection->flush();
    }
    const std::uint64_t position = self->queue ? self->queue->appended_position() : 0;
    const std::uint32_t correlation = self->queue ? self->queue->last_correlation() : 0;
    while (self->phase == Phase::ready || self->phase == Phase::reconnecting) {
        const bool answered = self->queue->answered_up_to(correlation) && self->waiting_bytes == 0;
        if (answered && self->queue->is_written_up_to(position)) {
            break;
        }
        co_await self->progress.wait();
    }
    if (topic && topic->one_way_failure) {
        co_return unexpected(*std::exchange(topic->one_way_failure, {}));
    }
    if (self->phase == Phase::closed) {
        co_return unexpected(self->ended());
    }
    co_return Outcome<void>();
}

// --- Answers ---------------------------------------------------------------------------------------------------------

void Client::State::tell(UnansweredPublish publish, Outcome<native::Published> answer) {
    auto call = [publish = std::move(publish), answer = std::move(answer)] {
        const auto all = acknowledgements_of(answer, publish.record_count);
        if (publish.whole) {
            publish.whole(all);
        }
        for (std::size_t index = 0; index < publish.each.size(); ++index) {
            publish.each[index](acknowledgement_of(all, index));
        }
    };
    wakeups->call(std::move(call));
}

// --- Publisher -------------------------------------------------------------------------------------------------------

std::error_code Publisher::send(const Message& message) {
    return state_->client->send_one_way(*state_->topic, message);
}

std::error_code Publisher::send(const Message& message, Acknowledged acknowledged) {
    return state_->client->send_acknowledged(*state_->topic, message, std::move(acknowledged));
}

asio::awaitable<void> Publisher::writable() {
    return Client::State::writable(state_->client, state_->topic);
}

asio::awaitable<Outcome<void>> Publisher::flush() {
    return Client::State::flush(state_->client, state_->topic);
}

}  // namespace leveret
