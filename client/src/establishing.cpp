// Connecting, reconnecting, and putting everything back in place.
//
// A lost connection costs what cannot be repeated: requests fail with connection_lost, one-way records that were being
// written are gone. Everything else goes on. Records queue up in the meantime. On the new connection the topics are
// opened again, then the subscriptions are placed where they were, then the queue follows, first of all the Publish
// frames that had not been answered. A server may have carried those out before the connection broke: they may be
// stored twice.
#include <algorithm>
#include <utility>

#include <asio/co_spawn.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include "client_state.hpp"

namespace leveret {

using client_side::Connection;
using client_side::failure_of;
using client_side::unexpected;
using native::FrameType;

namespace {

/// Whether another connection would end in the same way: what was sent or received was wrong.
bool is_final(const Failure& failure) {
    return failure.code.category() == error_category() && failure.code.value() < static_cast<int>(Error::unknown_topic);
}

/// Whether there was no server, or none that said anything.
bool is_unanswered(const Failure& failure) {
    return failure.code.category() != error_category() || failure.code == Error::connection_lost ||
           failure.code == Error::timed_out;
}

/// Whether the server refuses now what it may grant later.
bool is_passing(const Failure& failure) {
    return failure.code == Error::memory_full || failure.code == Error::topic_busy;
}

}  // namespace

// --- connect() and close() -------------------------------------------------------------------------------------------

asio::awaitable<Outcome<void>> Client::State::connect(Self self, ClientOptions options) {
    if (self->phase != Phase::idle) {
        co_return unexpected(failure_of(Error::closed, "a client is connected once"));
    }
    self->options = std::move(options);
    self->queue.emplace(self->options.publish_frame_bytes_max);
    self->phase = Phase::connecting;
    auto established = co_await establish(self);
    if (self->phase == Phase::closed) {
        co_return unexpected(self->ended());
    }
    if (!established) {
        self->phase = Phase::idle;
        self->progress.ring();
        co_return established;
    }
    self->become_ready();
    co_return Outcome<void>();
}

asio::awaitable<Outcome<void>> Client::State::close(Self self) {
    self->closing = true;
    Outcome<void> outcome;
    if (self->phase == Phase::ready) {
        outcome = co_await flush(self, nullptr);
    }
    if (self->phase == Phase::ready) {
        self->connection->start_deadline(self->options.connect_timeout);
        const native::RawBody nothing;
        auto answered = self->ask(FrameType::close, FrameType::ok, nothing);
        // The server may close before its Ok arrives: that is as good.
        static_cast<void>(co_await std::move(answered));
    }
    if (self->phase == Phase::reconnecting && self->queue->queued_bytes() + self->waiting_bytes > 0) {
        outcome = unexpected(failure_of(Error::connection_lost, "records were queued that could not be sent"));
    }
    self->shut_down();
    co_return outcome;
}

void Client::State::shut_down() {
    if (phase != Phase::closed) {
        end(failure_of(Error::closed));
    }
}

asio::awaitable<Outcome<void>> Client::State::until_ready(Self self) {
    while (self->phase == Phase::connecting || self->phase == Phase::reconnecting) {
        co_await self->progress.wait();
    }
    if (self->phase == Phase::idle) {
        co_return unexpected(failure_of(Error::closed, "the client is not connected yet"));
    }
    if (self->phase == Phase::closed) {
        co_return unexpected(self->ended());
    }
    co_return Outcome<void>();
}

// --- One attempt -----------------------------------------------------------------------------------------------------

/// A connection that has said Hello and been welcomed, or nothing of it left.
asio::awaitable<Outcome<void>> Client::State::establish(Self self) {
    const auto connection = std::make_shared<Connection>(self->executor, self->wakeups, self->weak_from_this());
    self->connection = connection;
    self->farewell.reset();
    self->lost.reset();
    connection->start_deadline(self->options.connect_timeout);
    auto outcome = co_await Connection::open(connection, self->options.host, self->options.port);
    if (outcome && self->phase != Phase::closed) {
        connection->start_reading();
        outcome = co_await say_hello(self);
    }
    if (self->phase == Phase::closed) {
        co_return unexpected(self->ended());
    }
    if (!outcome) {
        connection->close();
        if (is_unanswered(outcome.error())) {
            const std::string endpoint = client_side::endpoint_text(self->options.host, self->options.port);
            co_return unexpected(client_side::no_answer_from(endpoint, std::move(outcome.error())));
        }
    }
    co_return outcome;
}

asio::awaitable<Outcome<void>> Client::State::say_hello(Self self) {
    self->connection->append_first(std::as_bytes(std::span(native::magic)));
    native::Hello hello;
    hello.client_name = self->options.name;
    auto asked = self->ask(FrameType::hello, FrameType::welcome, hello);
    const auto answer = co_await std::move(asked);
    if (!answer) {
        co_return unexpected(answer.error());
    }
    const auto welcome = native::Welcome::decode(answer->body);
    constexpr std::uint32_t frame_bytes_min = 4096;
    if (!welcome || welcome->version != native::version || welcome->frame_bytes_max < frame_bytes_min) {
        co_return unexpected(failure_of(Error::unsupported_version, "the server's Welcome makes no sense"));
    }
    self->connection->set_welcomed(welcome->frame_bytes_max);
    self->record_bytes_max = welcome->frame_bytes_max - native::header_bytes - native::Publish::prefix_bytes;
    co_return Outcome<void>();
}

void Client::State::become_ready() {
    phase = Phase::ready;
    connection->stop_deadline();
    for (const TopicPtr& topic : topics) {
        if (topic->phase == Topic::Phase::opening) {  // first named while the others were being opened again
            request_open(topic, [] {});
        }
    }
    connection->flush();
    progress.ring();
}

// --- Losing it -------------------------------------------------------------------------------------------------------

void Client::State::on_lost(Failure why) {
    if (farewell && !is_final(why)) {
        why = *farewell;
    }
    const bool said_good_bye = closing && queue->unanswered_count() == 0 && queue->unwritten_bytes() == 0;
    if (said_good_bye) {
        why = failure_of(Error::closed);
    }
    lost = why;
    forget_handles();
    if (phase == Phase::connecting || phase == Phase::reconnecting) {
        fail_requests(why);  // whoever is establishing the connection waits for one of them
        progress.ring();
        if (is_final(why) && phase == Phase::reconnecting) {
            end(std::move(why));
        }
        return;
    }
    if (!options.reconnect || closing || is_final(why)) {
        end(std::move(why));
        return;
    }
    phase = Phase::reconnecting;
    fail_requests(failure_of(Error::connection_lost));
    queue->rewind_for_resend();
    progress.ring();
    asio::co_spawn(executor, reconnect(shared_from_this()),
                   [self = shared_from_this()](const std::exception_ptr& exception) {
                       if (exception && self->phase != Phase::closed) {
                           self->end(failure_of(Error::connection_lost, "reconnecting ended with an exception"));
                       }
                   });
}

/// Those of a connection that is gone mean nothing on the next one, or something else.
void Client::State::forget_handles() {
    by_handle.clear();
    for (Subscription::State* const subscription : subscriptions) {
        subscription->handle = 0;
    }
}

void Client::State::fail_requests(const Failure& why) {
    for (const auto& request : requests.take_all()) {
        request.answered(unexpected(why));
    }
}

void Client::State::end(Failure why) {
    phase = Phase::closed;
    failure = why;
    if (connection) {
        connection->close();
    }
    delay_.cancel();
    linger_.cancel();
    fail_requests(why);
    if (queue) {
        for (auto& publish : queue->take_all()) {
            tell(std::move(publish), unexpected(why));
        }
    }
    for (const TopicPtr& topic : topics) {
        fail_topic(topic, why);
    }
    for (Subscription::State* const subscription : std::exchange(subscriptions, {})) {
        subscription->end(why.code == Error::closed ? Failure{} : why);
    }
    by_handle.clear();
    progress.ring();
}

// --- Another one -----------------------------------------------------------------------------------------------------

std::chrono::milliseconds Client::State::next_delay(unsigned attempt) {
    constexpr unsigned doublings_max = 20;
    const auto most = std::max(options.reconnect_delay_min, options.reconnect_delay_max);
    const auto doubled = options.reconnect_delay_min * (std::int64_t{1} << std::min(attempt, doublings_max));
    const auto delay = std::min<std::chrono::milliseconds>(doubled, most);
    // Between half and all of it, so that the clients of a restarted server do not all come at once.
    return delay / 2 +
           std::chrono::milliseconds(std::uniform_int_distribution<std::int64_t>(0, delay.count() / 2)(jitter_));
}

asio::awaitable<void> Client::State::reconnect(Self self) {
    for (unsigned attempt = 0; self->phase == Phase::reconnecting; ++attempt) {
        self->delay_.expires_after(self->next_delay(attempt));
        std::error_code cancelled;
        co_await self->delay_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
        if (self->phase != Phase::reconnecting) {
            co_return;
        }
        auto outcome = co_await establish(self);
        if (outcome) {
            outcome = co_await restore(self);
        }
        if (self->phase != Phase::reconnecting) {
            co_return;
        }
        if (outcome) {
            self->become_ready();
            co_return;
        }
        if (is_final(outcome.error())) {
            self->end(outcome.error());
        }
    }
}

/// While everything is put back in place: a server that has no room for it now is as one that cannot be reached.
bool Client::State::abandon_attempt_refused_by(const Outcome<Answer>& answer) {
    if (phase != Phase::reconnecting || lost || answer || !is_passing(answer.error())) {
        return false;
    }
    connection->close();
    on_lost(answer.error());
    return true;
}

/// Shared with the handlers of the answers that restore() waits for.
struct Client::State::Restoring {
    std::size_t unanswered = 0;
};

asio::awaitable<Outcome<void>> Client::State::restore(Self self) {
    const auto restoring = std::make_shared<Restoring>();
    for (const TopicPtr& topic : self->topics) {
        if (topic->phase != Topic::Phase::failed) {
            ++restoring->unanswered;
            self->request_open(topic, [restoring] { --restoring->unanswered; });
        }
    }
    self->connection->flush();
    while (restoring->unanswered > 0 && !self->lost) {
        co_await self->progress.wait();
    }
    if (!self->lost) {
        const auto subscriptions = self->subscriptions;  // one that cannot go on takes itself out
        for (Subscription::State* const subscription : subscriptions) {
            self->resubscribe(*subscription, restoring);
        }
        self->connection->flush();
    }
    while (restoring->unanswered > 0 && !self->lost) {
        co_await self->progress.wait();
    }
    if (self->lost) {
        co_return unexpected(*self->lost);
    }
    self->take_over_handles();
    co_return Outcome<void>();
}

void Client::State::resubscribe(Subscription::State& subscription, const std::shared_ptr<Restoring>& restoring) {
    if (subscription.topic->phase == Topic::Phase::failed) {
        subscription.end(*subscription.topic->failure);
        return;
    }
    if (subscription.id != subscription.topic->id || subscription.epoch != subscription.topic->epoch) {
        subscription.on_topic_changed();
    }
    ++restoring->unanswered;
    auto answered = [self = this, restoring, weak = subscription.weak_from_this()](const Outcome<Answer>& answer) {
        --restoring->unanswered;
        if (self->abandon_attempt_refused_by(answer)) {
            return;
        }
        const auto found = weak.lock();
        if (found && !self->lost) {
            found->on_subscribe_answer(answer);
        } else if (answer) {
            self->unsubscribe_at_server(answer->header.handle);
        }
    };
    send_request(FrameType::subscribe, FrameType::subscribed, subscription.request(), subscription.topic->handle,
                 std::move(answered));
}

/// Queued frames still name their topics by the handles of the connection before. Only once all topics are open again
/// are these replaced: an attempt that fails half way leaves the queue as it is.
void Client::State::take_over_handles() {
    std::unordered_map<std::uint32_t, std::uint32_t> now_by_before;
    for (const TopicPtr& topic : topics) {
        if (topic->phase == Topic::Phase::open && topic->target.handle != 0) {
            now_by_before.emplace(topic->target.handle, topic->handle);
        }
        topic->target.handle = topic->handle;
    }
    queue->replace_handles([&](std::uint32_t before) {
        const auto now = now_by_before.find(before);
        return now == now_by_before.end() ? 0 : now->second;  // no topic's: the server refuses the frame
    });
    for (const TopicPtr& topic : topics) {
        if (topic->phase == Topic::Phase::open) {
            release_waiting(*topic, std::nullopt);
        }
    }
}

}  // namespace leveret
