// What the files of one partition are called.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/identity.hpp"

namespace leveret {

inline constexpr std::size_t offset_digits = 20;

/// 20 decimal digits, so that names and offsets have one order.
[[nodiscard]] inline std::string offset_name(Offset offset) {
    const std::string digits = std::to_string(offset.value);
    return std::string(offset_digits - digits.size(), '0') + digits;
}
[[nodiscard]] inline std::string log_name(Offset base) {
    return offset_name(base) + ".log";
}
[[nodiscard]] inline std::string index_name(Offset base) {
    return offset_name(base) + ".index";
}
inline constexpr std::string_view meta_name = "partition.meta";

/// The base offset in "<20 digits><suffix>"; nothing for any other name.
[[nodiscard]] inline std::optional<Offset> base_in_name(std::string_view name, std::string_view suffix) {
    if (name.size() != offset_digits + suffix.size() || !name.ends_with(suffix)) {
        return std::nullopt;
    }
    Offset base;
    for (const char digit : name.substr(0, offset_digits)) {
        if (digit < '0' || digit > '9') {
            return std::nullopt;
        }
        base.value = base.value * 10 + static_cast<std::uint64_t>(digit - '0');
    }
    return offset_name(base) == name.substr(0, offset_digits) ? std::optional(base) : std::nullopt;
}

}  // namespace leveret
