// Where ids, hash keys and jitter come from: a seed in tests, the operating system otherwise.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "protocol/identity.hpp"

namespace leveret {

/// Thread-safe.
class Random {
  public:
    virtual ~Random() = default;
    [[nodiscard]] virtual std::uint64_t next() noexcept = 0;
    /// A random topic id; never all zero.
    [[nodiscard]] TopicId topic_id() noexcept;
};

/// From `seed` the same numbers every time; without one, seeded by the operating system.
[[nodiscard]] std::unique_ptr<Random> make_random(std::optional<std::uint64_t> seed = {});

}  // namespace leveret
