#include "topic_controller/positions.hpp"

#include <algorithm>

#include "protocol/error.hpp"

namespace leveret {
namespace {

/// The map's node, with the string in it, as the allocator rounds it.
std::uint64_t charged_bytes_of(std::string_view name) noexcept {
    constexpr std::uint64_t node_bytes = 128;
    return node_bytes + name.size();
}

}  // namespace

std::error_code Positions::commit(std::string_view name, Offset offset) {
    if (const auto found = offsets_.find(name); found != offsets_.end()) {
        found->second = offset;
        return {};
    }
    if (offsets_.size() >= positions_max_) {
        return Error::too_many_positions;
    }
    if (!charge_.resize(charge_.bytes() + charged_bytes_of(name))) {
        return Error::memory_full;
    }
    offsets_.emplace(name, offset);
    return {};
}

void Positions::restore(std::string_view name, std::optional<Offset> offset) {
    const auto found = offsets_.find(name);
    const bool is_known = found != offsets_.end();
    if (offset && is_known) {
        found->second = *offset;
    } else if (offset) {
        (void)charge_.resize(charge_.bytes() + charged_bytes_of(name));
        offsets_.emplace(name, *offset);
    } else if (is_known) {
        offsets_.erase(found);
        (void)charge_.resize(charge_.bytes() - std::min(charge_.bytes(), charged_bytes_of(name)));
    }
}

std::optional<Offset> Positions::find(std::string_view name) const {
    const auto found = offsets_.find(name);
    return found == offsets_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::pair<std::string, Offset>> Positions::all() const {
    return {offsets_.begin(), offsets_.end()};
}

}  // namespace leveret
