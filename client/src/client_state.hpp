// The client behind Client, Publisher and Subscription.
//
//   client_state.cpp   the frames that come in, and the end
//   establishing.cpp   connecting, reconnecting, and putting everything back in place
//   publishing.cpp     records on their way out, and their answers
//   subscription.cpp   deliveries on their way in
//   requests.cpp       the requests of Client, one by one
//
// Strand: the client's, for everything in here. Coroutines take the state by shared_ptr; handlers of answers run in the
// read loop and call no user code: callbacks are posted, coroutines are woken through Wakeups.
#pragma once

#include <map>
#include <random>
#include <set>
#include <unordered_map>

#include "connection.hpp"
#include "failure.hpp"
#include "requests.hpp"
#include "topic.hpp"

namespace leveret {

struct Client::State final : client_side::ConnectionOwner, std::enable_shared_from_this<Client::State> {
    using Answer = client_side::Answer;
    using AnswerHandler = client_side::AnswerHandler;
    using Self = std::shared_ptr<State>;
    using Topic = client_side::Topic;
    using TopicPtr = client_side::TopicPtr;

    enum class Phase {
        idle,          ///< not connected yet
        connecting,    ///< connect() is at work
        ready,         ///< frames go out
        reconnecting,  ///< records queue up, requests wait
        closed,        ///< for good
    };

    explicit State(asio::any_io_executor on);

    // --- The connection (establishing.cpp)
    static asio::awaitable<Outcome<void>> connect(Self self, ClientOptions options);
    static asio::awaitable<Outcome<void>> close(Self self);
    /// Ends everything at once: the client is closed.
    void shut_down();
    /// Returns when requests can go out. Errors: closed, or why the client ended.
    static asio::awaitable<Outcome<void>> until_ready(Self self);

    // --- Requests
    /// Sends a request; `answered` is called with its answer, or with the Failure that an Error or the end brings.
    template <class Body>
    void send_request(native::FrameType type, native::FrameType expected, const Body& body, std::uint32_t handle,
                      AnswerHandler answered);
    /// The same for a coroutine. Sends at once, not when it is awaited; the client must be ready.
    template <class Body>
    asio::awaitable<Outcome<Answer>> ask(native::FrameType type, native::FrameType expected, const Body& body,
                                         std::uint32_t handle = 0);
    /// Sends a frame that is not answered.
    template <class Body>
    void send_notice(native::FrameType type, const Body& body, std::uint32_t handle);

    // --- Topics
    /// Opens it unless it is open. On return the client is ready, and stays so until the next suspension.
    static asio::awaitable<Outcome<TopicPtr>> open_topic(Self self, std::string name);
    /// The topic of that name, being opened where it is not open.
    TopicPtr topic_named(const std::string& name);
    /// Asks the server to open it. `answered` is called once the topic is open or failed, or the connection was lost.
    void request_open(const TopicPtr& topic, std::function<void()> answered);
    /// It is no more, or could not be opened: whoever publishes to it is told.
    void fail_topic(const TopicPtr& topic, const Failure& failure);

    // --- Publishing (publishing.cpp)
    std::error_code send_one_way(Topic& topic, const Message& message);
    std::error_code send_acknowledged(Topic& topic, const Message& message, Publisher::Acknowledged acknowledged);
    /// As soon as the topic is open. Calls back in any case.
    void publish(const std::string& topic, const Message& message, Publisher::Acknowledged acknowledged);
    /// All in one frame, as soon as the topic is open. `publish` says whom to tell, also of errors.
    void publish_batch(const std::string& topic, std::span<const Message> messages,
                       client_side::UnansweredPublish publish);
    static asio::awaitable<void> writable(Self self, TopicPtr topic);
    static asio::awaitable<Outcome<void>> flush(Self self, TopicPtr topic);
    /// Something has been queued: it is written soon.
    void queued();
    /// Somebody is about to wait for an answer: where nobody else is likely to add to it, it is written now.
    void written_before_waiting();
    /// Calls back, later.
    void tell(client_side::UnansweredPublish publish, Outcome<native::Published> answer);

    // --- Subscriptions (subscription.cpp)
    static asio::awaitable<Outcome<Subscription>> subscribe(Self self, std::string topic, SubscribeOptions options);
    /// Nobody here wants what the server delivers under this handle.
    void unsubscribe_at_server(std::uint32_t handle);
    /// It has ended here; the server is told where it may not know.
    void forget(Subscription::State& subscription);
    /// It has ended here and there.
    void remove(Subscription::State& subscription);
    /// Its handler gets what it has received, after all that the same read brought has been carried out. The handlers
    /// of all subscriptions run together, where the first of them had its turn.
    void hand_over_soon(std::weak_ptr<Subscription::State> subscription);

    // --- ConnectionOwner
    std::optional<Failure> on_frame(const native::Frame& frame, client_side::ReceiveBuffer& buffer) override;
    void on_lost(Failure failure) override;
    client_side::WriteQueue* queue_to_write() override { return phase == Phase::ready ? &*queue : nullptr; }
    void on_written() override { progress.ring(); }

    [[nodiscard]] Failure ended() const { return failure ? *failure : client_side::failure_of(Error::closed); }

    asio::any_io_executor executor;
    ClientOptions options;
    Phase phase = Phase::idle;
    bool closing = false;             // close() is at work: a connection that is lost now is not made again
    std::optional<Failure> failure;   // why the client ended
    std::optional<Failure> lost;      // how the current connection ended
    std::optional<Failure> farewell;  // what the server said before it ended the connection
    std::shared_ptr<client_side::Wakeups> wakeups;
    client_side::Signal progress;  // rung when the phase changes, a topic is opened, bytes are written, answers come
    std::shared_ptr<client_side::Connection> connection;
    std::optional<client_side::WriteQueue> queue;
    client_side::RequestTable requests;
    std::map<std::string, TopicPtr> topics_by_name;
    std::vector<TopicPtr> topics;  // by number, for good: an Error that answers a one-way frame names it
    std::set<Subscription::State*> subscriptions;                       // all that have not ended
    std::unordered_map<std::uint32_t, Subscription::State*> by_handle;  // those that the server knows
    std::size_t record_bytes_max = 0;
    std::size_t waiting_bytes = 0;  // of batches whose topic is not open yet

  private:
    // establishing.cpp
    struct Restoring;
    static asio::awaitable<Outcome<void>> establish(Self self);
    static asio::awaitable<Outcome<void>> say_hello(Self self);
    static asio::awaitable<Outcome<void>> restore(Self self);
    static asio::awaitable<void> reconnect(Self self);
    void resubscribe(Subscription::State& subscription, const std::shared_ptr<Restoring>& restoring);
    void forget_handles();
    [[nodiscard]] bool abandon_attempt_refused_by(const Outcome<Answer>& answer);
    void take_over_handles();
    [[nodiscard]] std::chrono::milliseconds next_delay(unsigned attempt);
    void become_ready();
    void end(Failure why);
    void fail_requests(const Failure& why);

    // client_state.cpp
    std::optional<Failure> on_answer(const native::Frame& frame, client_side::ReceiveBuffer& buffer);
    std::optional<Failure> on_published(const native::Frame& frame);
    std::optional<Failure> on_error(const native::Frame& frame);
    void on_publish_error(const native::FrameHeader& header, const Failure& why);
    std::optional<Failure> on_deliver(const native::Frame& frame, client_side::ReceiveBuffer& buffer);
    std::optional<Failure> on_lagged(const native::Frame& frame);
    void send(Bytes frame);

    // subscription.cpp
    void ask_for_hand_over();
    void hand_over_all();

    // publishing.cpp
    std::error_code refusal(Topic& topic, const RecordDraft& draft, std::size_t bytes) const;
    std::error_code refusal_of_batch(const TopicPtr& topic, std::size_t bytes) const;
    void release_waiting(Topic& topic, const std::optional<Failure>& why);
    void schedule_flush();

    std::vector<std::weak_ptr<Subscription::State>> to_hand_over_;  // asked for while there are any
    asio::steady_timer delay_;                                      // before a reconnect
    asio::steady_timer linger_;                                     // before a flush
    bool flush_scheduled_ = false;
    std::minstd_rand jitter_{std::random_device{}()};
};

/// A subscription. Its users own it; the client knows it until it has ended.
struct Subscription::State : std::enable_shared_from_this<Subscription::State> {
    using Answer = client_side::Answer;

    State(std::shared_ptr<Client::State> owner, client_side::TopicPtr of, SubscribeOptions with);
    ~State();
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    // --- For its users
    static asio::awaitable<Received> next(std::shared_ptr<State> self);
    std::optional<Received> try_next();
    void on_received(std::function<void(Received)> what_to_do);
    void grant(std::uint64_t records, std::uint64_t bytes);

    // --- For the client, in the read loop
    /// The answer to a Subscribe.
    void on_subscribe_answer(const Outcome<Answer>& answer);
    /// The answer to a Seek: what came before it is dropped.
    void on_sought(const native::Subscribed& subscribed);
    void on_deliver(Delivery delivery, Offset after);
    void on_lagged(const native::Lagged& lagged);
    void on_topic_changed();
    /// All that has been received but Closed.
    void drop_received();
    /// Closed comes after what has been received; nothing else does.
    void end(Failure why);

    /// The Subscribe for a (new) connection.
    [[nodiscard]] native::Subscribe request();
    /// Whether the server had credit for one more delivery, generously counted: this is the bound on what it can make
    /// us hold.
    [[nodiscard]] bool has_credit() const noexcept;

    // What every delivery touches comes first: with thousands of subscriptions each line of the cache that it takes
    // has to come from memory.
    std::shared_ptr<Client::State> client;
    std::function<void(Received)> handler;  // none: next() is waited at
    std::deque<Received> received;
    std::size_t unclaimed_bytes = 0;  // of deliveries in `received`
    std::size_t owed_bytes = 0;       // asked for since credit was given back the last time
    std::int64_t credit_records_left = 0;
    std::int64_t credit_bytes_left = 0;
    Offset next_offset{};         // after the last one that was received
    std::uint32_t handle = 0;     // 0: the server does not know it (yet, or any more)
    bool library_credit = false;  // the credit is ours, not the user's
    bool handing_over = false;
    bool ended = false;

    bool started = false;        // it has been subscribed once: the next time it resumes
    bool from_earliest = false;  // resume at the earliest, as the topic is another one
    client_side::TopicPtr topic;
    SubscribeOptions options;
    TopicId id{};
    Epoch epoch{};
    native::Expected told;  // the topic that its user takes it for, until TopicChanged has been asked for
    // What the last Subscribe asked for; what is given until its answer comes follows as a Grant.
    std::int64_t asked_credit_records = 0;
    std::int64_t asked_credit_bytes = 0;
    client_side::Signal arrived;

    /// Calls the handler with what has been received.
    static void hand_over(std::shared_ptr<State> self);

  private:
    void received_something();
    void give_credit_back(std::size_t bytes);
    void grant_what_was_given_meanwhile();
};

struct Publisher::State {
    std::shared_ptr<Client::State> client;
    client_side::TopicPtr topic;
};

// ---------------------------------------------------------------------------------------------------------------------

template <class Body>
void Client::State::send_request(native::FrameType type, native::FrameType expected, const Body& body,
                                 std::uint32_t handle, AnswerHandler answered) {
    std::vector<std::byte> frame;
    native::append_frame(frame, type, body, requests.add(expected, std::move(answered)), handle);
    send(frame);
}

template <class Body>
asio::awaitable<Outcome<client_side::Answer>> Client::State::ask(native::FrameType type, native::FrameType expected,
                                                                 const Body& body, std::uint32_t handle) {
    auto promise = std::make_shared<client_side::Promise<Answer>>(executor, wakeups);
    send_request(type, expected, body, handle,
                 [promise](Outcome<Answer> outcome) { promise->set(std::move(outcome)); });
    written_before_waiting();
    return client_side::outcome_of(std::move(promise));
}

template <class Body>
void Client::State::send_notice(native::FrameType type, const Body& body, std::uint32_t handle) {
    std::vector<std::byte> frame;
    native::append_frame(frame, type, body, {}, handle, native::flags::one_way);
    send(frame);
    queued();
}

}  // namespace leveret
