// Little-endian numbers at fixed places, for the files whose heads are tables.
#pragma once

#include <bit>
#include <concepts>
#include <cstring>
#include <span>

#include "protocol/record.hpp"

namespace leveret {

static_assert(std::endian::native == std::endian::little, "the files are little-endian and so must be the machine");

template <std::integral T>
void put_field(std::span<std::byte> bytes, std::size_t at, T value) noexcept {
    std::memcpy(bytes.subspan(at, sizeof value).data(), &value, sizeof value);
}
template <std::integral T>
[[nodiscard]] T field(Bytes bytes, std::size_t at) noexcept {
    T value;
    std::memcpy(&value, bytes.subspan(at, sizeof value).data(), sizeof value);
    return value;
}

}  // namespace leveret
