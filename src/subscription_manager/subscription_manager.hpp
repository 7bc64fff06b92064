// One per connection, on its strand: carries out the client's commands and multiplexes everything it subscribed to into
// what is written next. Knows no sockets: bytes come in through receive(), go out through collect().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <asio/any_io_executor.hpp>

#include "environment/environment.hpp"
#include "protocol/error.hpp"
#include "protocol/record.hpp"
#include "subscription_manager/wake_list.hpp"
#include "subscription_manager/write_batch.hpp"
#include "topic_registry/topic_registry.hpp"

namespace leveret {

/// What an operator allows clients to do.
struct Permissions {
    bool delete_topics = false;      ///< else not_allowed
    bool auto_create_topics = true;  ///< native dialect; else unknown_topic
};

/// What a manager needs of its connection and broker. The references outlive it.
struct ManagerContext {
    const Environment& environment;
    TopicRegistry& registry;
    const Permissions& permissions;
    std::shared_ptr<WakeList> wake_list;
    asio::any_io_executor strand;
    std::uint64_t connection_id = 0;
    std::string peer;  ///< for logs
};

/// What a subscription takes apart from its object and what that points to: entries in the tables of its connection, of
/// the topic that it waits for and of who is to be woken, and the allocator's share.
inline constexpr std::size_t subscription_overhead_bytes = 160;

/// Makes `charge` cover `bytes` of what a connection has asked for. Where the budget has no room topics lose their
/// oldest blocks. False: memory_full, which is counted, and nothing has changed.
[[nodiscard]] bool charge_for_client(const ManagerContext& context, MemoryCharge& charge, std::uint64_t bytes);

/// Strand: connection, all of it.
class SubscriptionManager {
  public:
    virtual ~SubscriptionManager() = default;

    /// Carries out every whole frame at the front of `bytes` and says how many bytes that took. Stops early when it is
    /// closing() or blocked().
    [[nodiscard]] virtual std::size_t receive(Bytes bytes) = 0;
    /// Adds answers, then deliveries, to `batch`, fairly between topics, until it is full or nothing is due. True: it
    /// stopped for the sake of other connections, with an empty batch perhaps, and more may be due.
    virtual bool collect(WriteBatch& batch) = 0;
    /// The connection is about to wait: gives memory back that only traffic needs.
    virtual void shrink() = 0;
    /// No further command is carried out for now: answers wait in such a number that they have to be collected first,
    /// or a topic takes no records at the moment.
    [[nodiscard]] virtual bool blocked() const noexcept = 0;
    /// The former of the two: it is for the client to end it.
    [[nodiscard]] virtual bool has_too_many_answers() const noexcept = 0;
    /// Commands have been carried out whose answers are still to come from elsewhere.
    [[nodiscard]] virtual bool awaits_answers() const noexcept = 0;
    /// The client takes no more answers: those that wait for others to be taken first are not given any more.
    virtual void give_up_answers() {}
    /// The client takes nothing for a while: what logs have read for it is let go of, so that others can read theirs.
    virtual void let_go_of_what_was_read() = 0;
    /// Set once the connection is to be closed after what is due has been written; no command is carried out any more.
    /// The code is empty where the client asked for it.
    [[nodiscard]] const std::optional<std::error_code>& closing() const noexcept { return closing_; }
    /// The server stops, or the client is gone: no command is carried out any more. What only waited for more to come
    /// is answered with what is there.
    virtual void close(std::error_code reason) = 0;
    /// The opening exchange is over.
    [[nodiscard]] virtual bool is_established() const noexcept = 0;

  protected:
    std::optional<std::error_code> closing_;
};

/// What a connection's first bytes decide.
/// Returns nothing while `bytes` are too few to tell. `*opening_bytes` is how many of them only say which dialect it
/// is. Errors: unknown_dialect.
[[nodiscard]] Result<std::unique_ptr<SubscriptionManager>> make_subscription_manager(Bytes bytes,
                                                                                     const ManagerContext& context,
                                                                                     std::size_t* opening_bytes);

}  // namespace leveret
