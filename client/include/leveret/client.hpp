// The C++ client library: coroutines on Asio. <leveret/blocking_client.hpp> is the same without coroutines.
//
//   leveret::Client client(co_await asio::this_coro::executor);
//   const leveret::ClientOptions options{.port = 8889};
//   co_await client.connect(options);
//   auto subscription = co_await client.subscribe("hello");
//   co_await client.publish("hello", "message");
//   auto received = co_await subscription->next();
//
// Options are given as a variable of their own, as above: g++ 12 destroys what is built from braces inside a co_await
// expression twice, so `co_await client.connect({.port = 8889})` would crash, and does not compile here.
//
// A Client and its subscriptions belong to one executor on which one thread at a time runs (an io_context with one
// thread, or a strand): everything is called there, nothing locks. Its io_context outlives it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "protocol/error.hpp"
#include "protocol/identity.hpp"
#include "protocol/record.hpp"
#include "protocol/topic_settings.hpp"

namespace leveret {

/// What went wrong: a code to compare with leveret::Error (or an error of the system's), and a sentence for people.
struct Failure {
    std::error_code code;
    std::string text;
    /// bad_record: the record's index; topic_changed: the last offset known to be shared; checksum_mismatch of a
    /// subscription or fetch: the record's offset, of a publish: its index
    std::uint64_t detail = 0;
};

/// A value, or a Failure.
template <class T>
using Outcome = tl::expected<T, Failure>;

struct ClientOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8889;
    std::string name = "leveret-client";  ///< shown in the server's log
    std::chrono::milliseconds connect_timeout{5'000};
    /// Waits up to this long for more records before a frame leaves, while the connection is idle. 0: leave at once;
    /// what is queued while a write is in flight travels together in any case.
    std::chrono::microseconds linger{0};
    std::size_t publish_queue_bytes_max = 8U << 20U;   ///< written and not yet answered, or not yet written
    std::size_t publish_frame_bytes_max = 64U << 10U;  ///< of one Publish frame (a single larger record still leaves)
    /// Of one subscription: received and not yet asked for. It is the credit that the library gives the server for a
    /// subscription that limits none itself, and gives back as deliveries are asked for. So reading never stops: a
    /// subscription that nobody drains holds up neither acknowledgements nor the other subscriptions. One record may go
    /// beyond it. A subscription with a credit of its own is bounded by that alone. The default is enough for 26 MB/s
    /// at a round trip of 50 ms, a quarter being on its way back and a Delivery unfinished; more of it makes many
    /// subscriptions of one busy program slower, as what is on its way to them no longer fits into the processor's
    /// cache (docs/performance.md).
    std::size_t receive_queue_bytes_max = 2U << 20U;
    /// Checks each record's checksum when it is received. What comes before one that does not match is handed over;
    /// then the subscription ends, or the next fetch fails, with checksum_mismatch, whose text and detail name its
    /// offset n: From::offset(n + 1) goes on behind it. A reader with a position commits n + 1 and subscribes again;
    /// otherwise it meets the same record at every start. Structure is always checked.
    bool verify_checksums = true;
    /// Where a connection is lost, or a new one meets a server without room for the topics and subscriptions
    /// (memory_full, topic_busy), it is tried again, without an end.
    bool reconnect = true;
    std::chrono::milliseconds reconnect_delay_min{50};
    std::chrono::milliseconds reconnect_delay_max{5'000};
};

/// A record to publish. Views: publish copies them before it returns or first suspends.
struct Message {
    // Implicit, so that publish(topic, "text") says what it does.
    // NOLINTBEGIN(google-explicit-constructor)
    Message(std::string_view payload_text) : payload(as_bytes(payload_text)) {}
    Message(const char* payload_text) : Message(std::string_view(payload_text)) {}
    Message(Bytes payload_bytes) : payload(payload_bytes) {}
    // NOLINTEND(google-explicit-constructor)
    Message(std::string_view key_text, std::string_view payload_text)
        : payload(as_bytes(payload_text)), key(key_text) {}

    Bytes payload;
    std::optional<std::string_view> key{};
    std::span<const Header> headers{};
    bool tombstone = false;
    /// When the server acknowledges it and shows it to subscribers, where the topic's own setting is weaker; of a
    /// batch, the safest of its messages' counts. Only for a stored topic: one in memory answers `interval` and `sync`
    /// with not_supported.
    Durability durability = Durability::server_default;
};

/// A publish acknowledgement.
struct Acknowledgement {
    Offset offset{};         ///< of the record; where it was a duplicate, of no record of ours
    bool duplicate = false;  ///< the compaction window dropped it
};

/// Records that came together; bytes live as long as this object or a copy of it, on any thread. It may share half a
/// megabyte with others that were received together: copy out what is to be kept for long.
class Delivery {
  public:
    [[nodiscard]] Records records() const noexcept { return Records(bytes_); }
    [[nodiscard]] auto begin() const noexcept { return records().begin(); }
    [[nodiscard]] auto end() const noexcept { return records().end(); }
    [[nodiscard]] Epoch epoch() const noexcept { return epoch_; }
    Delivery() = default;  ///< no records
    Delivery(std::shared_ptr<const void> owner, Bytes bytes, Epoch epoch)
        : owner_(std::move(owner)), bytes_(bytes), epoch_(epoch) {}

  private:
    std::shared_ptr<const void> owner_;
    Bytes bytes_{};
    Epoch epoch_{};
};

/// Records [from, to) were gone before they could be delivered.
struct Missed {
    Offset from{};
    Offset to{};
    [[nodiscard]] std::uint64_t records() const noexcept { return to.value - from.value; }
};

/// The topic is another one than before (a memory topic after a restart of the server, or it was recreated): offsets
/// begin anew. Deliveries go on at the new topic's earliest record.
struct TopicChanged {
    TopicId id{};
    Epoch epoch{};
};

/// The subscription has ended; `failure` says why, without a code after unsubscribe() or close().
struct Closed {
    Failure failure;
};

/// What next() answers: std::visit makes sure that none is forgotten.
using Received = std::variant<Delivery, Missed, TopicChanged, Closed>;

struct From {
    enum class Kind { latest, earliest, offset, timestamp, position };
    static From latest() { return {Kind::latest, 0, {}}; }
    static From earliest() { return {Kind::earliest, 0, {}}; }
    static From offset(Offset offset) { return {Kind::offset, offset.value, {}}; }
    static From timestamp(Timestamp time) {
        return {Kind::timestamp, static_cast<std::uint64_t>(time.time_since_epoch().count()), {}};
    }
    /// Where commit() left this name; the earliest record where nobody has committed it yet.
    static From position(std::string name) { return {Kind::position, 0, std::move(name)}; }

    Kind kind = Kind::latest;
    std::uint64_t value = 0;
    std::string name{};
};

struct SubscribeOptions {
    From from{};
    std::uint64_t credit_records = 0;  ///< 0: unlimited; otherwise give more with grant()
    std::uint64_t credit_bytes = 0;
    bool commit_gives_credit =
        false;  ///< commit() of this subscription's position gives the credit of what it covers back
    std::vector<std::string> filter_keys{};
};

struct TopicInfo {
    std::string name;
    TopicId id{};
    Epoch epoch{};
    Offset first{};  ///< oldest record kept
    Offset next{};   ///< that the next record gets
    TopicSettings settings{};
    std::uint64_t bytes = 0;
    std::vector<std::pair<std::string, std::uint64_t>> figures{};
    std::vector<std::pair<std::string, Offset>> positions{};
};

struct ServerInfo {
    std::string version;
    std::vector<std::pair<std::string, std::uint64_t>> figures{};
};

struct FetchOptions {
    From from = From::earliest();
    std::uint32_t max_bytes = 0;            ///< 0: the server's choice
    std::chrono::milliseconds max_wait{0};  ///< how long to wait for a first record
};

struct FetchResult {
    Delivery delivery;
    /// Comes without records where a damaged one follows; the next fetch fails with that.
    std::optional<Missed> missed;
    Offset first{};  ///< oldest record kept
    Offset next{};   ///< fetch from here the next time
    Offset end{};    ///< after the last visible record
};

/// Which fields to change; those that are not set stay.
struct TopicChange {
    std::optional<std::chrono::milliseconds> retention_ttl{};
    std::optional<std::chrono::milliseconds> compaction_window{};
    std::optional<std::uint64_t> retention_bytes{};
    std::optional<std::uint64_t> retention_records{};
};

class Client;

/// A stream of records of one topic. Survives a reconnect: it goes on after the last record that was received, so what
/// was received and not yet asked for is neither lost nor delivered twice. (With commit_gives_credit it goes on at the
/// committed position instead, and what was not committed is delivered again.) Credit that is left is asked for again,
/// one record at least. Whoever lets go of the last copy of a subscription unsubscribes.
class Subscription {
  public:
    /// The next thing that happened. After Closed, Closed again. One caller at a time. Cancel-safe: nothing is lost.
    [[nodiscard]] asio::awaitable<Received> next();
    /// What next() would answer at once, if anything: the way to drain without suspending.
    [[nodiscard]] std::optional<Received> try_next();
    /// Gives everything to `handler` from now on instead of to next(), in order, Closed last; also what has been
    /// received already. At most once, and while nobody waits in next(). It is called on the executor and never within
    /// a call to the client. It may let go of the subscription, but must not own it or its client: they would keep each
    /// other alive until Closed. What it throws comes out of whoever runs the executor, and what is left is handed over
    /// afterwards. This is for programs with thousands of subscriptions: a coroutine that waits at each costs several
    /// times as much per delivery.
    void on_received(std::function<void(Received)> handler);
    /// Adds to the credit; only for a subscription with limited credit.
    void grant(std::uint64_t records, std::uint64_t bytes = 0);
    /// Says that everything below `offset` is done, under the name this subscription was started from (From::position).
    /// Also after it has ended: what came before a damaged record is committed like anything else, and so is the offset
    /// behind that record. Errors: bad_position_name where it was started otherwise; why the topic is gone
    /// (topic_deleted); closed; topic_changed where the topic is another one by now and next() has not yet said so.
    [[nodiscard]] asio::awaitable<Outcome<void>> commit(Offset offset);
    /// Continues elsewhere; what was received and not yet asked for is dropped.
    [[nodiscard]] asio::awaitable<Outcome<void>> seek(From from);
    /// Ends it; what was received and not yet asked for is dropped.
    [[nodiscard]] asio::awaitable<Outcome<void>> unsubscribe();

    struct State;
    Subscription() = default;  ///< none: only to be assigned to
    explicit Subscription(std::shared_ptr<State> state) : state_(std::move(state)) {}

  private:
    std::shared_ptr<State> state_;
};

/// Publishing to one topic, without a coroutine and without an allocation per record: the fast way.
/// Obtained from Client::publisher(); stays valid over reconnects.
class Publisher {
  public:
    using Acknowledged = std::function<void(const Outcome<Acknowledgement>&)>;

    /// Queues a record, one-way: no answer, lost if the connection is while it is on its way. Errors:
    /// publish_queue_full (wait for writable()), bad_record, closed, or why the topic is gone (topic_deleted).
    [[nodiscard]] std::error_code send(const Message& message);
    /// Queues a record; `acknowledged` is called once, in order, on the executor and never within a call to the client.
    /// Resent after a reconnect, so it may then be stored twice.
    [[nodiscard]] std::error_code send(const Message& message, Acknowledged acknowledged);
    /// Returns when send() takes records again, or the client is closed.
    [[nodiscard]] asio::awaitable<void> writable();
    /// Returns when everything queued before has been written and, where asked for, acknowledged. Error: the first that
    /// the server answered a one-way record of this topic with since the last flush(); closed.
    [[nodiscard]] asio::awaitable<Outcome<void>> flush();

    struct State;
    Publisher() = default;  ///< none: only to be assigned to
    explicit Publisher(std::shared_ptr<State> state) : state_(std::move(state)) {}

  private:
    std::shared_ptr<State> state_;
};

class Client {
  public:
    explicit Client(asio::any_io_executor executor);
    /// Closes the socket at once; whatever waits gets the error `closed`.
    ~Client();
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;

    /// Connects and says Hello; once, but after an error it may be tried again. Errors: those of the system, timed_out,
    /// connection_lost, unknown_dialect (what listens there is no Leveret server), unsupported_version, and whatever
    /// the server refuses connections with. The text of all but the last two says which host and port it was.
    [[nodiscard]] asio::awaitable<Outcome<void>> connect(const ClientOptions& options);
    [[nodiscard]] asio::awaitable<Outcome<void>> connect();
    asio::awaitable<Outcome<void>> connect(ClientOptions&&) = delete;  ///< name them: see the top of this file
    /// Writes what is queued, waits for its acknowledgements, says Close. Afterwards everything says `closed`, for
    /// good. Error: connection_lost where records could not be sent or acknowledged.
    [[nodiscard]] asio::awaitable<Outcome<void>> close();

    // --- Topics
    [[nodiscard]] asio::awaitable<Outcome<void>> create_topic(std::string name,
                                                              TopicSettings settings = TopicSettings());
    [[nodiscard]] asio::awaitable<Outcome<void>> alter_topic(std::string name, TopicChange change);
    [[nodiscard]] asio::awaitable<Outcome<void>> delete_topic(std::string name);
    /// Removes the records below `before`. A stored topic's answer comes when they are gone for good.
    [[nodiscard]] asio::awaitable<Outcome<void>> trim_topic(std::string name, Offset before);
    [[nodiscard]] asio::awaitable<Outcome<std::vector<TopicInfo>>> list_topics();
    [[nodiscard]] asio::awaitable<Outcome<TopicInfo>> describe_topic(std::string name);

    // --- Publishing
    /// Acknowledged: returns when the broker has it. It is queued by the call, not by the co_await: several can be on
    /// their way at once. Sent again after a reconnect, so it may then be stored twice. Errors, besides the server's:
    /// publish_queue_full, bad_record, closed, connection_lost (without reconnect).
    [[nodiscard]] asio::awaitable<Outcome<Acknowledgement>> publish(std::string topic, Message message);
    /// All or none, in one frame, queued by the call; an acknowledgement for each. publish_frame_bytes_max does not
    /// bind it: the frame may be as large as the server's frame_bytes_max. Errors, besides: frame_too_large.
    [[nodiscard]] asio::awaitable<Outcome<std::vector<Acknowledgement>>> publish_batch(
        std::string topic, std::span<const Message> messages);
    /// One-way and callback publishing.
    [[nodiscard]] asio::awaitable<Outcome<Publisher>> publisher(std::string topic);

    // --- Reading
    [[nodiscard]] asio::awaitable<Outcome<Subscription>> subscribe(std::string topic, const SubscribeOptions& options);
    [[nodiscard]] asio::awaitable<Outcome<Subscription>> subscribe(std::string topic, From from = From::latest());
    asio::awaitable<Outcome<Subscription>> subscribe(std::string, SubscribeOptions&&) = delete;
    [[nodiscard]] asio::awaitable<Outcome<FetchResult>> fetch(std::string topic, const FetchOptions& options);
    [[nodiscard]] asio::awaitable<Outcome<FetchResult>> fetch(std::string topic, From from = From::earliest());
    asio::awaitable<Outcome<FetchResult>> fetch(std::string, FetchOptions&&) = delete;
    /// Moves a named position without a subscription.
    [[nodiscard]] asio::awaitable<Outcome<void>> commit(std::string topic, std::string position, Offset offset);

    // --- The server
    [[nodiscard]] asio::awaitable<Outcome<std::chrono::microseconds>> ping();
    [[nodiscard]] asio::awaitable<Outcome<ServerInfo>> describe_server();

    struct State;

  private:
    std::shared_ptr<State> state_;
};

}  // namespace leveret
