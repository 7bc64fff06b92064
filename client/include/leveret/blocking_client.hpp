// The client library without coroutines: every call returns when it is done.
//
//   leveret::BlockingClient client;
//   client.connect({.port = 8889});
//   auto subscription = client.subscribe("hello");
//   client.publish("hello", "message");
//   auto received = subscription->next();
//
// Each client has a thread of its own that does the work; a call hands it over and waits. What costs one hand-over per
// message is slower than leveret::Client: publish_batch() and a BlockingPublisher share it among many.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "leveret/client.hpp"

namespace leveret {

/// The io_context, its thread and the client; shared by a BlockingClient and what it made.
struct BlockingContext;

/// Thread-safe; several calls may wait at once. Outlives its client without harm: then it says Closed.
class BlockingSubscription {
  public:
    /// The next thing that happened; waits for it. After Closed, Closed again. One thread at a time.
    [[nodiscard]] Received next();
    /// The same, but nothing where nothing happens within `timeout`. Nothing is lost.
    [[nodiscard]] std::optional<Received> next(std::chrono::milliseconds timeout);
    /// As in Subscription.
    void grant(std::uint64_t records, std::uint64_t bytes = 0);
    [[nodiscard]] Outcome<void> commit(Offset offset);
    [[nodiscard]] Outcome<void> seek(From from);
    [[nodiscard]] Outcome<void> unsubscribe();

    struct State;
    explicit BlockingSubscription(std::shared_ptr<State> state) : state_(std::move(state)) {}

  private:
    std::shared_ptr<State> state_;
};

/// One-way publishing to one topic. Records are gathered here and handed over many at a time. Its end hands over what
/// is left, waiting as send() does; what is still gathered when the client closes is lost: call flush() before. Not
/// thread-safe.
class BlockingPublisher {
  public:
    /// Queues a record; waits while the client's queue is full. Errors: bad_record, closed; also those of records that
    /// were gathered before. The others are queued all the same.
    [[nodiscard]] Outcome<void> send(const Message& message);
    /// Returns when everything sent before has been written. Error, besides: what the server had against a record.
    [[nodiscard]] Outcome<void> flush();

    struct State;
    explicit BlockingPublisher(std::shared_ptr<State> state) : state_(std::move(state)) {}

  private:
    std::shared_ptr<State> state_;
};

/// Thread-safe. The verbs, their errors and their options are those of Client.
class BlockingClient {
  public:
    BlockingClient();
    /// Closes at once; calls that wait get the error `closed`. Call close() before to have everything written.
    ~BlockingClient();
    BlockingClient(BlockingClient&&) noexcept = default;
    BlockingClient& operator=(BlockingClient&&) = delete;

    [[nodiscard]] Outcome<void> connect(ClientOptions options = ClientOptions());
    [[nodiscard]] Outcome<void> close();

    [[nodiscard]] Outcome<void> create_topic(std::string name, TopicSettings settings = TopicSettings());
    [[nodiscard]] Outcome<void> alter_topic(std::string name, TopicChange change);
    [[nodiscard]] Outcome<void> delete_topic(std::string name);
    [[nodiscard]] Outcome<void> trim_topic(std::string name, Offset before);
    [[nodiscard]] Outcome<std::vector<TopicInfo>> list_topics();
    [[nodiscard]] Outcome<TopicInfo> describe_topic(std::string name);

    [[nodiscard]] Outcome<Acknowledgement> publish(std::string topic, Message message);
    [[nodiscard]] Outcome<std::vector<Acknowledgement>> publish_batch(std::string topic,
                                                                      std::span<const Message> messages);
    [[nodiscard]] Outcome<BlockingPublisher> publisher(std::string topic);

    [[nodiscard]] Outcome<BlockingSubscription> subscribe(std::string topic,
                                                          SubscribeOptions options = SubscribeOptions());
    [[nodiscard]] Outcome<FetchResult> fetch(std::string topic, FetchOptions options = FetchOptions());
    [[nodiscard]] Outcome<void> commit(std::string topic, std::string position, Offset offset);

    [[nodiscard]] Outcome<std::chrono::microseconds> ping();
    [[nodiscard]] Outcome<ServerInfo> describe_server();

  private:
    std::shared_ptr<BlockingContext> context_;
};

}  // namespace leveret
