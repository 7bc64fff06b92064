// Deliveries on their way in.
#include <cassert>
#include <utility>

#include <asio/this_coro.hpp>

#include "client_state.hpp"

namespace leveret {

using client_side::failure_of;
using client_side::unexpected;
using native::FrameType;

namespace {

native::Start start_of(const From& from) noexcept {
    native::Start start{.value = from.value, .position = from.name};
    switch (from.kind) {
        case From::Kind::latest:
            start.kind = native::Start::Kind::latest;
            break;
        case From::Kind::earliest:
            start.kind = native::Start::Kind::earliest;
            break;
        case From::Kind::offset:
            start.kind = native::Start::Kind::offset;
            break;
        case From::Kind::timestamp:
            start.kind = native::Start::Kind::timestamp;
            break;
        case From::Kind::position:
            start.kind = native::Start::Kind::position;
            break;
    }
    return start;
}

}  // namespace

// --- In the client ---------------------------------------------------------------------------------------------------

asio::awaitable<Outcome<Subscription>> Client::State::subscribe(Self self, std::string topic_name,
                                                                SubscribeOptions options) {
    const auto topic = co_await open_topic(self, std::move(topic_name));
    if (!topic) {
        co_return unexpected(topic.error());
    }
    const auto subscription = std::make_shared<Subscription::State>(self, *topic, std::move(options));
    const auto done = std::make_shared<client_side::Promise<void>>(self->executor, self->wakeups);
    // Deliveries may follow the answer in the same read: the subscription is known before those are looked at.
    auto answered = [subscription, done](const Outcome<Answer>& answer) {
        subscription->on_subscribe_answer(answer);
        done->set(answer ? Outcome<void>() : unexpected(answer.error()));
    };
    self->send_request(FrameType::subscribe, FrameType::subscribed, subscription->request(), (*topic)->handle,
                       std::move(answered));
    self->written_before_waiting();
    auto waiting = client_side::outcome_of(done);
    const auto outcome = co_await std::move(waiting);
    if (!outcome) {
        co_return unexpected(outcome.error());
    }
    co_return Subscription(subscription);
}

void Client::State::forget(Subscription::State& subscription) {
    if (subscription.handle != 0) {
        unsubscribe_at_server(subscription.handle);
    }
    remove(subscription);
}

void Client::State::unsubscribe_at_server(std::uint32_t handle) {
    send_request(FrameType::unsubscribe, FrameType::ok, native::RawBody{}, handle, [](const auto&) {});
    queued();
}

void Client::State::remove(Subscription::State& subscription) {
    by_handle.erase(std::exchange(subscription.handle, 0));
    subscriptions.erase(&subscription);
}

void Client::State::hand_over_soon(std::weak_ptr<Subscription::State> subscription) {
    to_hand_over_.push_back(std::move(subscription));
    if (to_hand_over_.size() == 1) {
        ask_for_hand_over();
    }
}

/// Once for all of them: a read may bring something for a thousand subscriptions.
void Client::State::ask_for_hand_over() {
    wakeups->call([waiting = weak_from_this()] {
        if (const auto self = waiting.lock()) {
            self->hand_over_all();
        }
    });
}

void Client::State::hand_over_all() {
    std::size_t next = 0;  // a handler may add more
    const auto forget_done = [&] {
        to_hand_over_.erase(to_hand_over_.begin(), to_hand_over_.begin() + static_cast<std::ptrdiff_t>(next));
    };
    try {
        while (next < to_hand_over_.size()) {
            if (auto subscription = to_hand_over_[next++].lock()) {
                Subscription::State::hand_over(std::move(subscription));
            }
        }
    } catch (...) {
        forget_done();
        if (!to_hand_over_.empty()) {
            ask_for_hand_over();  // the others do not wait for it in vain
        }
        throw;
    }
    forget_done();
}

// --- A subscription --------------------------------------------------------------------------------------------------

Subscription::State::State(std::shared_ptr<Client::State> owner, client_side::TopicPtr of, SubscribeOptions with)
    : client(std::move(owner)),
      library_credit(with.credit_records == 0 && with.credit_bytes == 0),
      topic(std::move(of)),
      options(std::move(with)),
      id(topic->id),
      epoch(topic->epoch),
      arrived(client->executor, client->wakeups) {
    credit_records_left = static_cast<std::int64_t>(options.credit_records);
    credit_bytes_left =
        static_cast<std::int64_t>(library_credit ? client->options.receive_queue_bytes_max : options.credit_bytes);
}

Subscription::State::~State() {
    client->forget(*this);
}

native::Subscribe Subscription::State::request() {
    native::Subscribe request{.expected = {.id = id, .epoch = epoch}, .start = start_of(options.from)};
    if (from_earliest) {
        request.start = start_of(From::earliest());
    } else if (started && !options.commit_gives_credit) {
        request.start = start_of(From::offset(next_offset));
    }
    if (started && options.commit_gives_credit && !library_credit) {
        // It resumes at the position: the server forgot what had been delivered behind that, and what it cost.
        credit_records_left = std::max(credit_records_left, static_cast<std::int64_t>(options.credit_records));
        credit_bytes_left = std::max(credit_bytes_left, static_cast<std::int64_t>(options.credit_bytes));
    }
    // A zero would mean without limit: where no credit is left one record comes all the same.
    credit_records_left = std::max<std::int64_t>(credit_records_left, 1);
    credit_bytes_left = std::max<std::int64_t>(credit_bytes_left, 1);
    asked_credit_records = credit_records_left;
    asked_credit_bytes = credit_bytes_left;
    const bool limits_bytes = library_credit || options.credit_bytes != 0;
    request.credit_records = options.credit_records != 0 ? static_cast<std::uint64_t>(credit_records_left) : 0;
    request.credit_bytes = limits_bytes ? static_cast<std::uint64_t>(credit_bytes_left) : 0;
    request.flags = options.commit_gives_credit ? native::Subscribe::commit_gives_credit : 0;
    request.filter_keys.assign(options.filter_keys.begin(), options.filter_keys.end());
    return request;
}

void Subscription::State::on_subscribe_answer(const Outcome<Answer>& answer) {
    const auto subscribed = answer ? native::Subscribed::decode(answer->body) : fail(Error::bad_frame);
    if (!subscribed) {
        end(answer ? failure_of(Error::bad_frame) : answer.error());
        return;
    }
    if (ended) {
        client->unsubscribe_at_server(answer->header.handle);  // its user left while it was asked for
        return;
    }
    handle = answer->header.handle;
    client->by_handle[handle] = this;
    client->subscriptions.insert(this);
    id = subscribed->id;
    epoch = subscribed->epoch;
    if (!started) {
        told = {id, epoch};
    }
    next_offset = subscribed->next;
    started = true;
    from_earliest = false;
    grant_what_was_given_meanwhile();
}

void Subscription::State::grant_what_was_given_meanwhile() {
    const native::Grant grant{.records = static_cast<std::uint64_t>(credit_records_left - asked_credit_records),
                              .bytes = static_cast<std::uint64_t>(credit_bytes_left - asked_credit_bytes)};
    if (grant.records != 0 || grant.bytes != 0) {
        client->send_notice(FrameType::grant, grant, handle);
    }
}

void Subscription::State::on_sought(const native::Subscribed& subscribed) {
    drop_received();
    told = {id, epoch};
    next_offset = subscribed.next;
    from_earliest = false;
}

bool Subscription::State::has_credit() const noexcept {
    // The last record may take more than was left.
    return !library_credit || credit_bytes_left > -static_cast<std::int64_t>(client->record_bytes_max);
}

void Subscription::State::on_deliver(Delivery delivery, Offset after) {
    const std::size_t bytes = delivery.records().bytes().size();
    unclaimed_bytes += bytes;
    credit_bytes_left -= static_cast<std::int64_t>(bytes);
    if (!library_credit && options.credit_records != 0) {  // ours is in bytes alone
        for ([[maybe_unused]] const RecordView record : delivery) {
            --credit_records_left;
        }
    }
    next_offset = after;
    received.emplace_back(std::move(delivery));
    received_something();
}

void Subscription::State::on_lagged(const native::Lagged& lagged) {
    next_offset = lagged.to;
    received.emplace_back(Missed{lagged.from, lagged.to});
    received_something();
}

void Subscription::State::on_topic_changed() {
    id = topic->id;
    epoch = topic->epoch;
    from_earliest = true;
    received.emplace_back(TopicChanged{id, epoch});
    received_something();
}

void Subscription::State::end(Failure why) {
    if (!std::exchange(ended, true)) {
        received.emplace_back(Closed{std::move(why)});
    }
    client->remove(*this);
    received_something();
}

void Subscription::State::drop_received() {
    std::erase_if(received, [](const Received& what) { return !std::holds_alternative<Closed>(what); });
    give_credit_back(std::exchange(unclaimed_bytes, 0));
}

/// Credit that is ours: a quarter of it at a time, so that a busy subscription costs few Grants.
void Subscription::State::give_credit_back(std::size_t bytes) {
    owed_bytes += bytes;
    if (!library_credit || ended || owed_bytes * 4 < client->options.receive_queue_bytes_max) {
        return;
    }
    const std::size_t given_bytes = std::exchange(owed_bytes, 0);
    credit_bytes_left += static_cast<std::int64_t>(given_bytes);
    if (handle != 0) {  // otherwise the next Subscribe says it, or the Grant after its answer
        client->send_notice(FrameType::grant, native::Grant{.records = 0, .bytes = given_bytes}, handle);
    }
}

void Subscription::State::grant(std::uint64_t records, std::uint64_t bytes) {
    if (library_credit || ended) {
        return;
    }
    credit_records_left += static_cast<std::int64_t>(records);
    credit_bytes_left += static_cast<std::int64_t>(bytes);
    if (handle != 0) {
        client->send_notice(FrameType::grant, native::Grant{.records = records, .bytes = bytes}, handle);
    }
}

std::optional<Received> Subscription::State::try_next() {
    if (received.empty()) {
        return std::nullopt;
    }
    if (std::holds_alternative<Closed>(received.front())) {
        return received.front();  // and for ever after
    }
    std::optional<Received> first(std::move(received.front()));
    received.pop_front();
    if (const auto* const delivery = std::get_if<Delivery>(&*first)) {
        const std::size_t bytes = delivery->records().bytes().size();
        unclaimed_bytes -= bytes;
        give_credit_back(bytes);
    } else if (const auto* const changed = std::get_if<TopicChanged>(&*first)) {
        told = {changed->id, changed->epoch};
    }
    return first;
}

void Subscription::State::on_received(std::function<void(Received)> what_to_do) {
    assert(!handler);
    handler = std::move(what_to_do);
    received_something();
}

/// Tells whoever waits, which then goes on after all that the same read brought has been carried out.
void Subscription::State::received_something() {
    if (!handler) {
        arrived.ring();
    } else if (!handing_over && !received.empty()) {
        handing_over = true;
        client->hand_over_soon(weak_from_this());
    }
}

void Subscription::State::hand_over(std::shared_ptr<State> self) {
    self->handing_over = false;
    // Until nothing is left, or nobody else: the handler may let go of the subscription.
    while (!self->received.empty() && self->handler && self.use_count() > 1) {
        auto first = self->try_next();
        if (std::holds_alternative<Closed>(*first)) {
            // The last. The handler goes with it: it may hold this subscription.
            std::exchange(self->handler, {})(*std::move(first));
            return;
        }
        try {
            self->handler(*std::move(first));
        } catch (...) {
            self->received_something();  // the rest is not lost by it
            throw;
        }
    }
}

asio::awaitable<Received> Subscription::State::next(std::shared_ptr<State> self) {
    for (;;) {
        if (auto first = self->try_next()) {
            co_return std::move(*first);
        }
        co_await self->arrived.wait();
        // Cancelled after it was woken: whoever cancelled is not listening any more, so nothing may be taken.
        const auto cancellation = co_await asio::this_coro::cancellation_state;
        if (cancellation.cancelled() != asio::cancellation_type::none) {
            throw std::system_error(asio::error::operation_aborted);
        }
    }
}

// --- Subscription ----------------------------------------------------------------------------------------------------

namespace {

using State = Subscription::State;
using Shared = std::shared_ptr<State>;

Outcome<void> without_value(const Outcome<client_side::Answer>& answer) {
    return answer ? Outcome<void>() : Outcome<void>(unexpected(answer.error()));
}

/// Why nothing can be asked of the subscription, if it cannot. The client is ready afterwards.
asio::awaitable<Outcome<void>> until_usable(Shared self) {
    auto ready = co_await Client::State::until_ready(self->client);
    if (ready && self->ended) {
        ready = unexpected(failure_of(Error::unknown_subscription, "the subscription has ended"));
    }
    co_return ready;
}

asio::awaitable<Outcome<void>> commit_position(Shared self, Offset offset) {
    if (self->options.from.kind != From::Kind::position) {
        co_return unexpected(failure_of(Error::bad_position_name, "the subscription was not started from a position"));
    }
    const native::Expected expected = self->told;  // now: its user may be told of another topic while this waits
    // A subscription that has ended can still commit, as its last records were handed over together with Closed.
    const auto ready = co_await Client::State::until_ready(self->client);
    if (!ready) {
        co_return ready;
    }
    if (self->topic->phase == client_side::Topic::Phase::failed) {
        co_return unexpected(*self->topic->failure);
    }
    const native::Commit body{.expected = expected, .offset = offset, .position = self->options.from.name};
    auto asked = self->client->ask(FrameType::commit, FrameType::ok, body, self->topic->handle);
    co_return without_value(co_await std::move(asked));
}

asio::awaitable<Outcome<void>> seek_to(Shared self, From from) {
    const auto usable = co_await until_usable(self);
    if (!usable) {
        co_return usable;
    }
    const auto done = std::make_shared<client_side::Promise<void>>(self->client->executor, self->client->wakeups);
    auto answered = [self, done](const Outcome<client_side::Answer>& answer) {
        const auto subscribed = answer ? native::Subscribed::decode(answer->body) : fail(Error::bad_frame);
        if (subscribed) {
            self->on_sought(*subscribed);  // at once: what comes after this frame is to be kept
        }
        done->set(without_value(answer));
    };
    const native::Seek body{.expected = {self->id, self->epoch}, .start = start_of(from)};
    self->client->send_request(FrameType::seek, FrameType::subscribed, body, self->handle, std::move(answered));
    self->client->written_before_waiting();
    auto waiting = client_side::outcome_of(done);
    co_return co_await std::move(waiting);
}

asio::awaitable<Outcome<void>> leave(Shared self) {
    const std::uint32_t handle = self->handle;
    self->end({});
    self->drop_received();
    if (handle == 0) {
        co_return Outcome<void>();  // the server does not know it any more
    }
    const native::RawBody nothing;
    auto asked = self->client->ask(FrameType::unsubscribe, FrameType::ok, nothing, handle);
    co_return without_value(co_await std::move(asked));
}

}  // namespace

asio::awaitable<Received> Subscription::next() {
    return State::next(state_);
}
std::optional<Received> Subscription::try_next() {
    return state_->try_next();
}
void Subscription::on_received(std::function<void(Received)> handler) {
    state_->on_received(std::move(handler));
}
void Subscription::grant(std::uint64_t records, std::uint64_t bytes) {
    state_->grant(records, bytes);
}
asio::awaitable<Outcome<void>> Subscription::commit(Offset offset) {
    return commit_position(state_, offset);
}
asio::awaitable<Outcome<void>> Subscription::seek(From from) {
    return seek_to(state_, std::move(from));
}
asio::awaitable<Outcome<void>> Subscription::unsubscribe() {
    return leave(state_);
}

}  // namespace leveret
