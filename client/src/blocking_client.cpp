#include "leveret/blocking_client.hpp"

#include <algorithm>
#include <future>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>

#include <asio/co_spawn.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>

#include "failure.hpp"

namespace leveret {

struct BlockingContext {
    BlockingContext() : client(io.get_executor()), work(asio::make_work_guard(io)), thread([this] { io.run(); }) {}

    ~BlockingContext() {
        shut_down();
        work.reset();
        if (thread.get_id() == std::this_thread::get_id()) {
            thread.detach();  // never: the client's thread runs no users' code
        } else {
            thread.join();
        }
    }

    /// Ends the client: calls that wait come back. Any thread.
    void shut_down() {
        auto end = [this] {
            Client ended(std::move(client));
            client = Client(io.get_executor());  // never connected: says `closed` to everything
        };
        asio::post(io, asio::use_future(std::move(end))).get();
    }

    /// Calls `make_awaitable` on the client's thread and waits for what it makes.
    template <class MakeAwaitable>
    auto run(MakeAwaitable make_awaitable) {
        return asio::co_spawn(io, std::move(make_awaitable), asio::use_future).get();
    }

    asio::io_context io{1};
    Client client;
    asio::executor_work_guard<asio::io_context::executor_type> work;
    std::thread thread;
};

// --- Subscription ----------------------------------------------------------------------------------------------------

struct BlockingSubscription::State {
    State(std::shared_ptr<BlockingContext> in, Subscription subscribed)
        : context(std::move(in)), subscription(std::move(subscribed)) {}
    ~State() {
        auto forget = [this] { subscription.reset(); };  // on the thread that it belongs to
        asio::post(context->io, asio::use_future(forget)).get();
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    /// The oldest of what has been handed over, if there is any. Any thread.
    std::optional<Received> take_ready() {
        const std::lock_guard lock(ready_mutex);
        if (ready.empty()) {
            return std::nullopt;
        }
        std::optional<Received> first(std::move(ready.front()));
        ready.pop_front();
        return first;
    }
    /// Whether its user takes the topic for another one than `subscription` has already told.
    bool is_unaware_of_change() {
        const std::lock_guard lock(ready_mutex);
        return has_left_unaware || std::ranges::any_of(ready, [](const Received& what) {
                   return std::holds_alternative<TopicChanged>(what);
               });
    }
    void drop_ready() {
        const std::lock_guard lock(ready_mutex);
        ready.clear();
    }

    std::shared_ptr<BlockingContext> context;
    std::optional<Subscription> subscription;  // of the client's thread
    bool has_left_unaware = false;             // of that the topic is another one; of the client's thread
    std::mutex ready_mutex;                    // guards ready
    std::deque<Received> ready;                // filled and dropped on the client's thread, taken on the users'
};

namespace {

/// next() in a wrapping: operator|| would merge the alternatives of a bare variant with its own.
asio::awaitable<std::optional<Received>> wrapped_next(Subscription& subscription) {
    co_return co_await subscription.next();
}

/// The next thing that happens, or nothing when the time is over.
asio::awaitable<std::optional<Received>> next_within(Subscription& subscription, std::chrono::milliseconds timeout) {
    using namespace asio::experimental::awaitable_operators;
    asio::steady_timer timer(co_await asio::this_coro::executor, timeout);
    auto either = wrapped_next(subscription) || timer.async_wait(asio::use_awaitable);
    auto result = co_await std::move(either);
    if (auto* const received = std::get_if<0>(&result)) {
        co_return std::move(*received);
    }
    co_return std::nullopt;
}

/// Makes ready everything that is there; where nothing is, the first that comes within the time, if there is a limit.
asio::awaitable<void> receive(BlockingSubscription::State& state, std::optional<std::chrono::milliseconds> timeout) {
    Subscription& subscription = *state.subscription;
    auto first = subscription.try_next();
    if (!first && timeout) {
        first = co_await next_within(subscription, *timeout);
    } else if (!first) {
        first = co_await subscription.next();
    }
    const std::lock_guard lock(state.ready_mutex);  // nothing is awaited from here on
    while (first) {
        const bool closed = std::holds_alternative<Closed>(*first);
        state.ready.push_back(std::move(*first));
        first = closed ? std::nullopt : subscription.try_next();
    }
}

// On the client's thread, so that nothing from before can be made ready afterwards.
asio::awaitable<Outcome<void>> seek_and_drop(BlockingSubscription::State& state, From from) {
    auto seeking = state.subscription->seek(std::move(from));
    const auto outcome = co_await std::move(seeking);
    if (outcome) {
        state.drop_ready();
    }
    co_return outcome;
}

asio::awaitable<Outcome<void>> commit_unless_changed(BlockingSubscription::State& state, Offset offset) {
    if (state.is_unaware_of_change()) {
        co_return client_side::unexpected(client_side::failure_of(Error::topic_changed));
    }
    co_return co_await state.subscription->commit(offset);
}

asio::awaitable<Outcome<void>> drop_and_unsubscribe(BlockingSubscription::State& state) {
    state.has_left_unaware = state.is_unaware_of_change();
    state.drop_ready();
    co_return co_await state.subscription->unsubscribe();
}

}  // namespace

Received BlockingSubscription::next() {
    State& state = *state_;
    for (;;) {  // a seek may drop what has just been made ready
        if (auto first = state.take_ready()) {
            return std::move(*first);
        }
        state.context->run([&state] { return receive(state, std::nullopt); });
    }
}

std::optional<Received> BlockingSubscription::next(std::chrono::milliseconds timeout) {
    State& state = *state_;
    if (auto first = state.take_ready()) {
        return first;
    }
    state.context->run([&state, timeout] { return receive(state, timeout); });
    return state.take_ready();
}

void BlockingSubscription::grant(std::uint64_t records, std::uint64_t bytes) {
    auto give = [state = state_, records, bytes] { state->subscription->grant(records, bytes); };
    asio::post(state_->context->io, asio::use_future(give)).get();
}

Outcome<void> BlockingSubscription::commit(Offset offset) {
    return state_->context->run([this, offset] { return commit_unless_changed(*state_, offset); });
}

Outcome<void> BlockingSubscription::seek(From from) {
    return state_->context->run([this, &from] { return seek_and_drop(*state_, std::move(from)); });
}

Outcome<void> BlockingSubscription::unsubscribe() {
    return state_->context->run([this] { return drop_and_unsubscribe(*state_); });
}

// --- Publisher -------------------------------------------------------------------------------------------------------

struct BlockingPublisher::State {
    State(std::shared_ptr<BlockingContext> in, Publisher opened)
        : context(std::move(in)), publisher(std::move(opened)) {}
    ~State();
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    std::shared_ptr<BlockingContext> context;
    std::optional<Publisher> publisher;  // of the client's thread
    std::vector<std::byte> gathered;     // records, laid out one behind the other
    Durability durability{};             // of all of them
};

namespace {

/// Sends the records one by one, waiting while the queue is full. One that is refused does not keep back those behind
/// it; the first refusal is returned.
asio::awaitable<Outcome<void>> send_all(Publisher& publisher, Bytes gathered, Durability durability) {
    Outcome<void> outcome;
    for (const RecordView record : Records(gathered)) {
        const std::vector<Header> headers = record.headers();
        Message message(record.payload());
        message.key = record.key();
        message.headers = headers;
        message.tombstone = record.is_tombstone();
        message.durability = durability;
        auto error = publisher.send(message);
        while (error == Error::publish_queue_full) {
            co_await publisher.writable();
            error = publisher.send(message);
        }
        if (error && outcome) {
            outcome = client_side::unexpected(client_side::failure_of(error));
        }
    }
    co_return outcome;
}

Outcome<void> hand_over(BlockingPublisher::State& state) {
    const std::vector<std::byte> gathered = std::exchange(state.gathered, {});
    return state.context->run([&] { return send_all(*state.publisher, gathered, state.durability); });
}

}  // namespace

BlockingPublisher::State::~State() {
    if (!gathered.empty()) {
        static_cast<void>(hand_over(*this));  // who wants to know calls flush()
    }
    auto forget = [this] { publisher.reset(); };
    asio::post(context->io, asio::use_future(forget)).get();
}

Outcome<void> BlockingPublisher::send(const Message& message) {
    constexpr std::size_t record_bytes_max = 0x7FFF'FFFF;  // the server's own limit is checked when it is handed over
    constexpr std::size_t gathered_bytes_max = 64U << 10U;
    const RecordDraft draft{
        .payload = message.payload, .key = message.key, .headers = message.headers, .tombstone = message.tombstone};
    if (const auto error = check_draft(draft, record_bytes_max)) {
        return client_side::unexpected(client_side::failure_of(error));
    }
    auto& gathered = state_->gathered;
    Outcome<void> handed_over;
    if (message.durability != state_->durability && !gathered.empty()) {
        handed_over = hand_over(*state_);
    }
    state_->durability = message.durability;
    const std::size_t begin = gathered.size();
    gathered.resize(begin + record_bytes(draft));
    write_record(gathered.data() + begin, draft, false);
    if (handed_over && gathered.size() >= gathered_bytes_max) {
        handed_over = hand_over(*state_);
    }
    return handed_over;
}

Outcome<void> BlockingPublisher::flush() {
    if (auto handed_over = hand_over(*state_); !handed_over) {
        return handed_over;
    }
    return state_->context->run([this] { return state_->publisher->flush(); });
}

// --- Client ----------------------------------------------------------------------------------------------------------

BlockingClient::BlockingClient() : context_(std::make_shared<BlockingContext>()) {}

BlockingClient::~BlockingClient() {
    if (context_) {
        context_->shut_down();  // the thread stays as long as a subscription or publisher does
    }
}

Outcome<void> BlockingClient::connect(ClientOptions options) {
    return context_->run([&] { return context_->client.connect(options); });
}

Outcome<void> BlockingClient::close() {
    return context_->run([&] { return context_->client.close(); });
}

Outcome<void> BlockingClient::create_topic(std::string name, TopicSettings settings) {
    return context_->run([&] { return context_->client.create_topic(std::move(name), settings); });
}

Outcome<void> BlockingClient::alter_topic(std::string name, TopicChange change) {
    return context_->run([&] { return context_->client.alter_topic(std::move(name), change); });
}

Outcome<void> BlockingClient::delete_topic(std::string name) {
    return context_->run([&] { return context_->client.delete_topic(std::move(name)); });
}

Outcome<void> BlockingClient::trim_topic(std::string name, Offset before) {
    return context_->run([&] { return context_->client.trim_topic(std::move(name), before); });
}

Outcome<std::vector<TopicInfo>> BlockingClient::list_topics() {
    return context_->run([&] { return context_->client.list_topics(); });
}

Outcome<TopicInfo> BlockingClient::describe_topic(std::string name) {
    return context_->run([&] { return context_->client.describe_topic(std::move(name)); });
}

Outcome<Acknowledgement> BlockingClient::publish(std::string topic, Message message) {
    return context_->run([&] { return context_->client.publish(std::move(topic), message); });
}

Outcome<std::vector<Acknowledgement>> BlockingClient::publish_batch(std::string topic,
                                                                    std::span<const Message> messages) {
    return context_->run([&] { return context_->client.publish_batch(std::move(topic), messages); });
}

Outcome<BlockingPublisher> BlockingClient::publisher(std::string topic) {
    auto opened = context_->run([&] { return context_->client.publisher(std::move(topic)); });
    if (!opened) {
        return client_side::unexpected(opened.error());
    }
    return BlockingPublisher(std::make_shared<BlockingPublisher::State>(context_, std::move(*opened)));
}

Outcome<BlockingSubscription> BlockingClient::subscribe(std::string topic, SubscribeOptions options) {
    auto subscribed = context_->run([&] { return context_->client.subscribe(std::move(topic), options); });
    if (!subscribed) {
        return client_side::unexpected(subscribed.error());
    }
    return BlockingSubscription(std::make_shared<BlockingSubscription::State>(context_, std::move(*subscribed)));
}

Outcome<FetchResult> BlockingClient::fetch(std::string topic, FetchOptions options) {
    return context_->run([&] { return context_->client.fetch(std::move(topic), options); });
}

Outcome<void> BlockingClient::commit(std::string topic, std::string position, Offset offset) {
    return context_->run([&] { return context_->client.commit(std::move(topic), std::move(position), offset); });
}

Outcome<std::chrono::microseconds> BlockingClient::ping() {
    return context_->run([&] { return context_->client.ping(); });
}

Outcome<ServerInfo> BlockingClient::describe_server() {
    return context_->run([&] { return context_->client.describe_server(); });
}

}  // namespace leveret
