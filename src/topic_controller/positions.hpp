// The named positions of a topic: how far each consumer has come.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "environment/memory_budget.hpp"
#include "protocol/identity.hpp"

namespace leveret {

/// Not thread-safe: used under the topic's mutex.
class Positions {
  public:
    Positions(MemoryBudget& budget, std::size_t positions_max) noexcept
        : charge_(budget), positions_max_(positions_max) {}

    /// Says that everything below `offset` is done. Errors: too_many_positions, memory_full.
    [[nodiscard]] std::error_code commit(std::string_view name, Offset offset);
    /// As it is on disk, or was before a commit that is taken back; nothing: there is none of that name. No bound
    /// refuses it; where the budget is full it is not charged.
    void restore(std::string_view name, std::optional<Offset> offset);
    [[nodiscard]] std::optional<Offset> find(std::string_view name) const;
    /// All of them in the order of their names.
    [[nodiscard]] std::vector<std::pair<std::string, Offset>> all() const;
    [[nodiscard]] std::uint64_t charged_bytes() const noexcept { return charge_.bytes(); }

  private:
    MemoryCharge charge_;
    const std::size_t positions_max_;
    std::map<std::string, Offset, std::less<>> offsets_;
};

}  // namespace leveret
