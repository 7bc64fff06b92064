#include "topic_controller/positions.hpp"

#include "protocol/error.hpp"

namespace leveret {

std::error_code Positions::commit(std::string_view name, Offset offset) {
    if (const auto found = offsets_.find(name); found != offsets_.end()) {
        found->second = offset;
        return {};
    }
    if (offsets_.size() >= positions_max_) {
        return Error::too_many_positions;
    }
    constexpr std::size_t node_bytes = 128;  // the map's, with the string in it, as the allocator rounds it
    if (!charge_.resize(charge_.bytes() + node_bytes + name.size())) {
        return Error::memory_full;
    }
    offsets_.emplace(name, offset);
    return {};
}

std::optional<Offset> Positions::find(std::string_view name) const {
    const auto found = offsets_.find(name);
    return found == offsets_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::pair<std::string, Offset>> Positions::all() const {
    return {offsets_.begin(), offsets_.end()};
}

}  // namespace leveret
