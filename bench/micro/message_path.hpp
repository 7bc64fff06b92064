// The ways of a message whose instructions bench/check.sh counts.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>

namespace leveret::bench {

/// A broker or a client in one thread, in virtual time and from one seed, without sockets: the same messages take the
/// same instructions. Messages carry a payload of 128 bytes.
class MessagePath {
  public:
    MessagePath() = default;
    MessagePath(const MessagePath&) = delete;
    MessagePath& operator=(const MessagePath&) = delete;
    virtual ~MessagePath() = default;

    /// Pushes messages_per_round() messages all the way through.
    virtual void round() = 0;
    [[nodiscard]] virtual std::uint64_t messages_per_round() const noexcept = 0;
    /// How many have come out at the other end in all rounds.
    [[nodiscard]] virtual std::uint64_t messages_arrived() const = 0;
};

struct Scenario {
    std::string_view name;
    std::unique_ptr<MessagePath> (*make)();
    /// Until buffers and windows are full and everything that is used again has been used once.
    std::uint64_t warm_up_messages = 0;
    /// Enough that what happens once in many messages, as a new block, counts with its share.
    std::uint64_t messages = 0;
};

[[nodiscard]] std::span<const Scenario> broker_scenarios() noexcept;
[[nodiscard]] std::span<const Scenario> client_scenarios() noexcept;

}  // namespace leveret::bench
