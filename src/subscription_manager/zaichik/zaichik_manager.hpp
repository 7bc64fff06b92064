// The zaichik dialect's SubscriptionManager: one record outstanding per connection, Commit asks for the next, and
// nothing but Publish frames is ever sent.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/zaichik.hpp"
#include "subscription_manager/subscription_manager.hpp"
#include "subscription_manager/topic_wait.hpp"

namespace leveret {

/// Strand: connection. Bad input closes the connection, for this dialect cannot carry errors.
class ZaichikManager final : public SubscriptionManager {
  public:
    explicit ZaichikManager(ManagerContext context);
    ~ZaichikManager() override;

    [[nodiscard]] std::size_t receive(Bytes bytes) override;
    bool collect(WriteBatch& batch) override;
    void shrink() override;
    void let_go_of_what_was_read() override;
    [[nodiscard]] bool blocked() const noexcept override { return is_waiting(topic_wait_); }
    [[nodiscard]] bool has_too_many_answers() const noexcept override { return false; }  // it has none
    [[nodiscard]] bool awaits_answers() const noexcept override { return is_waiting(topic_wait_); }
    void close(std::error_code reason) override;
    [[nodiscard]] bool is_established() const noexcept override { return true; }

  private:
    class TopicStream;
    class AppendOutcome;

    /// Each says false where it has to wait, and has done nothing.
    [[nodiscard]] bool carry_out(const zaichik::CreateTopic& command);
    [[nodiscard]] bool carry_out(const zaichik::Publish& command);
    [[nodiscard]] bool carry_out(const zaichik::Subscribe& command);
    [[nodiscard]] bool carry_out(const zaichik::Unsubscribe& command);
    [[nodiscard]] bool carry_out(const zaichik::CloseConnection& command);
    [[nodiscard]] bool carry_out(const zaichik::Commit& command);

    /// Appends the run of publishes to one topic that receive() has gathered so far. False: the topic cannot take them
    /// now, they stay here, and topic_wait_ is woken when it may.
    [[nodiscard]] bool append_run();
    [[nodiscard]] bool append_to_stored(std::span<const Batch> batches);
    /// Delivers one record of `stream` and takes the credit; false where it has none.
    [[nodiscard]] bool deliver_one(TopicStream& stream, WriteBatch& batch);
    void remove_stream(std::string_view topic);

    const ManagerContext context_;
    std::unordered_map<std::string, std::shared_ptr<TopicStream>> streams_;
    std::vector<TopicStream*> ready_;  // each may have something to read; they take turns
    std::size_t turn_ = 0;
    bool may_deliver_ = false;  // the one credit of the connection

    // A run: consecutive publishes to one topic, laid out as records back to back.
    TopicPtr run_topic_;
    std::vector<std::byte> run_records_;
    std::vector<std::size_t> run_sizes_;
    std::shared_ptr<TopicWait> topic_wait_;  // null before the first publish to a stored topic
};

}  // namespace leveret
