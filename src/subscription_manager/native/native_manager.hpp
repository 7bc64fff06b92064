// The native dialect's SubscriptionManager. One file per command: publish.cpp, subscribe.cpp, fetch.cpp, …
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include <tl/expected.hpp>

#include "protocol/native.hpp"
#include "subscription_manager/native/deferred_answer.hpp"
#include "subscription_manager/subscription_manager.hpp"
#include "subscription_manager/topic_wait.hpp"

namespace leveret {

class NativeSubscription;
class WaitingFetch;

/// Strand: connection. A request that fails is answered with Error{code, text}; only bytes that are no frame at all, or
/// a missing Hello, end the connection.
class NativeManager final : public SubscriptionManager {
  public:
    explicit NativeManager(ManagerContext context);
    ~NativeManager() override;

    [[nodiscard]] std::size_t receive(Bytes bytes) override;
    bool collect(WriteBatch& batch) override;
    void shrink() override;
    [[nodiscard]] bool blocked() const noexcept override;
    [[nodiscard]] bool has_too_many_answers() const noexcept override;
    void give_up_answers() override;
    void let_go_of_what_was_read() override;
    [[nodiscard]] bool awaits_answers() const noexcept override { return deferred_ != 0 || !fetches_.empty(); }
    void close(std::error_code reason) override;
    [[nodiscard]] bool is_established() const noexcept override { return is_established_; }

  private:
    friend class NativeSubscription;
    friend class WaitingFetch;

    /// Refuses a request: what is wrong, and what would be right.
    struct Refusal {
        std::error_code code;
        std::string text;  ///< empty: the code's own sentence
        std::uint64_t detail = 0;

        // Implicit, so that a command says `return Refusal…` or hands on what a helper refused.
        // NOLINTNEXTLINE(google-explicit-constructor)
        Refusal(std::error_code refusal_code, std::string refusal_text = {}, std::uint64_t refusal_detail = 0)
            : code(refusal_code), text(std::move(refusal_text)), detail(refusal_detail) {}
        // NOLINTNEXTLINE(google-explicit-constructor)
        Refusal(Error error, std::string refusal_text = {}, std::uint64_t refusal_detail = 0)
            : Refusal(make_error_code(error), std::move(refusal_text), refusal_detail) {}
    };
    /// What a command answers by itself is in replies_ when it returns; a Refusal becomes an Error frame.
    using Handled = std::optional<Refusal>;

    /// False: it has to wait, nothing was done.
    [[nodiscard]] bool carry_out(const native::Frame& frame);
    [[nodiscard]] Handled dispatch(const native::Frame& frame);

    [[nodiscard]] Handled hello(const native::Frame& frame);
    [[nodiscard]] Handled create_topic(const native::Frame& frame);
    [[nodiscard]] Handled alter_topic(const native::Frame& frame);
    [[nodiscard]] Handled open_topic(const native::Frame& frame);
    [[nodiscard]] Handled publish(const native::Frame& frame);
    [[nodiscard]] Handled subscribe(const native::Frame& frame);
    [[nodiscard]] Handled unsubscribe(const native::Frame& frame);
    [[nodiscard]] Handled grant(const native::Frame& frame);
    [[nodiscard]] Handled commit(const native::Frame& frame);
    [[nodiscard]] Handled seek(const native::Frame& frame);
    [[nodiscard]] Handled fetch(const native::Frame& frame);
    [[nodiscard]] Handled trim_topic(const native::Frame& frame);
    [[nodiscard]] Handled list_topics(const native::Frame& frame);
    [[nodiscard]] Handled describe_topic(const native::Frame& frame);
    [[nodiscard]] Handled delete_topic(const native::Frame& frame);
    [[nodiscard]] Handled describe_server(const native::Frame& frame);
    [[nodiscard]] Handled ping(const native::Frame& frame);
    [[nodiscard]] Handled close_connection(const native::Frame& frame);

    // --- answering (answers.cpp)
    template <class Body>
    void answer(native::FrameType type, const Body& body, Correlation correlation, std::uint32_t handle = 0) {
        native::append_frame(replies_, type, body, correlation, handle);
    }
    void answer_ok(Correlation correlation) { answer(native::FrameType::ok, native::RawBody{}, correlation); }
    /// Ok or an error, once complete() has been called.
    [[nodiscard]] std::shared_ptr<DeferredDone> answer_later(Correlation correlation);
    /// Ok, when what was asked for about this topic would survive a crash; at once for one in memory.
    void answer_when_kept(const TopicPtr& topic, Correlation correlation);
    void answer_error(const Refusal& refusal, Correlation correlation, std::uint32_t handle = 0);
    [[nodiscard]] bool awaits_too_many_answers() const noexcept;

    // --- shared by commands (lookups.cpp)
    [[nodiscard]] Result<TopicPtr> opened_topic(std::uint32_t handle) const;
    [[nodiscard]] Result<TopicPtr> named_topic(std::string_view name) const;
    /// With a text that says more than the error's own, where there is more to say.
    [[nodiscard]] Refusal refused_creation(std::error_code error, const TopicSettings& settings) const;
    /// Partition 0 is the only one, so far.
    [[nodiscard]] static Handled check_partition(PartitionId partition);
    /// topic_changed where the client believes in another topic or epoch.
    [[nodiscard]] static Handled check_expected(const native::Expected& expected, const TopicController& topic);
    /// A request about an opened topic that names a partition of it, and what the client believes it to be.
    template <class Request>
    struct Asked {
        TopicPtr topic;
        Request request;
    };
    template <class Request>
    [[nodiscard]] tl::expected<Asked<Request>, Refusal> asked_of_topic(const native::Frame& frame) const;
    [[nodiscard]] static Result<TopicCursor> cursor_for(const native::Start& start, const TopicController& topic);

    void give_credit(const TopicController& topic, std::string_view position, Offset offset);

    /// Answers `fetch` with what was gathered and forgets it (fetch.cpp).
    void answer_fetch(WaitingFetch& fetch, const Gathered& gathered);
    /// Nobody waits any longer: answers every fetch with what is there, as soon as that has been read.
    void end_waiting_of_fetches();
    /// Ok to a Close, once everything asked for before it has been answered (close.cpp).
    void answer_close();

    // --- publishing (publish.cpp)
    struct PendingPublish {
        Correlation correlation;
        bool one_way = false;
    };
    /// Whether this frame is one more publish of the run, or would be its first.
    [[nodiscard]] bool joins_run(const native::Frame& frame) const noexcept;
    /// With it, as many answers wait for logs as may.
    [[nodiscard]] bool is_run_full() const noexcept;
    /// Appends the run of publishes to one topic that receive() has gathered so far, under one hold of its lock. False:
    /// the topic cannot take them now, and wakes topic_wait_ when it may; then receive() does not take their frames.
    [[nodiscard]] bool append_run();
    [[nodiscard]] bool append_stored_run();
    void forget_run();
    void answer_publishes(std::span<const PendingPublish> publishes, std::span<AppendResult> results);
    void answer_publish(const PendingPublish& publish, const AppendResult& result);

    // --- delivering (deliver.cpp)
    /// True: it stopped at its share of work, and more may be due.
    bool deliver(WriteBatch& batch);
    enum class Turn { more, drained, ended };
    [[nodiscard]] Turn deliver_some(NativeSubscription& subscription, WriteBatch& batch);
    /// Delivers, of what the batch has gathered, the records that a filter lets through.
    void deliver_wanted(NativeSubscription& subscription, std::uint64_t records_max, WriteBatch& batch);
    void count_delivered(NativeSubscription& subscription, std::uint64_t records, std::uint64_t bytes);
    void add_lagged(const NativeSubscription& subscription, const LaggedRange& range, WriteBatch& batch);
    void end_subscription(SubscriptionId id);
    [[nodiscard]] NativeSubscription* find_subscription(std::uint32_t handle);

    const ManagerContext context_;
    bool is_established_ = false;
    bool is_close_unanswered_ = false;
    Correlation close_correlation_{};
    std::vector<std::byte> replies_;
    std::size_t deferred_ = 0;  // answers that are still to come

    std::vector<TopicPtr> opened_;  // a handle is an index into it, plus 1
    std::unordered_map<const TopicController*, std::uint32_t> handles_;
    MemoryCharge opened_charge_;  // for both

    std::unordered_map<std::uint32_t, std::shared_ptr<NativeSubscription>> subscriptions_;  // by SubscriptionId
    std::uint32_t last_subscription_ = 0;
    std::vector<NativeSubscription*> ready_;  // each may have something to read; they take turns
    std::size_t turn_ = 0;
    std::size_t filtered_bytes_ = 0;  // looked at for filters by the current collect()

    std::map<std::uint64_t, std::shared_ptr<WaitingFetch>> fetches_;  // in the order in which they came
    std::uint64_t last_fetch_ = 0;
    std::vector<std::shared_ptr<WaitingFetch>> held_fetches_;  // woken while blocked(): they go on when it is over

    // A run: consecutive Publish frames to one topic, as they lie in the bytes given to receive().
    TopicPtr run_topic_;
    std::vector<Batch> run_batches_;
    std::vector<PendingPublish> run_publishes_;
    std::shared_ptr<TopicWait> topic_wait_;  // null before the first publish to a stored topic
    TopicPtr waited_for_;
};

template <class Request>
tl::expected<NativeManager::Asked<Request>, NativeManager::Refusal> NativeManager::asked_of_topic(
    const native::Frame& frame) const {
    auto topic = opened_topic(frame.header.handle);
    if (!topic) {
        return tl::unexpected<Refusal>(topic.error());
    }
    auto request = Request::decode(frame.body);
    if (!request) {
        return tl::unexpected<Refusal>(request.error());
    }
    for (auto refusal : {check_partition(request->partition), check_expected(request->expected, **topic)}) {
        if (refusal) {
            return tl::unexpected(*std::move(refusal));
        }
    }
    return Asked<Request>{*std::move(topic), *std::move(request)};
}

}  // namespace leveret
