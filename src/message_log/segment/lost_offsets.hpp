// Offsets that a repair has given up: a file "<first>-<end>.aside", both numbers of 20 digits, says that the records
// [first, end) are gone and that somebody knows it. It has the bytes that were in their place, if there were any.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "message_log/segment/segment_names.hpp"

namespace leveret {

/// Half-open.
struct OffsetRange {
    Offset first{};
    Offset end{};
    [[nodiscard]] std::uint64_t count() const noexcept { return end.value - first.value; }
    friend auto operator<=>(const OffsetRange&, const OffsetRange&) = default;
};

[[nodiscard]] inline std::string lost_name(const OffsetRange& range) {
    return offset_name(range.first) + '-' + offset_name(range.end) + ".aside";
}

/// Nothing for any other name, such as that of the copy of a torn tail.
[[nodiscard]] inline std::optional<OffsetRange> lost_in_name(std::string_view name) {
    if (name.size() <= offset_digits) {
        return std::nullopt;
    }
    const auto first = base_in_name(name.substr(0, offset_digits + 1), "-");
    const auto end = base_in_name(name.substr(offset_digits + 1), ".aside");
    return first && end && *first < *end ? std::optional(OffsetRange{*first, *end}) : std::nullopt;
}

/// Whether all of `range` is in `lost`, which is in ascending order.
[[nodiscard]] inline bool is_covered(OffsetRange range, const std::vector<OffsetRange>& lost) noexcept {
    for (const OffsetRange& known : lost) {
        if (known.first <= range.first) {
            range.first = std::max(range.first, known.end);
        }
    }
    return range.first >= range.end;
}

}  // namespace leveret
