// Reading and writing little-endian fields; both dialects are built on these two.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/record.hpp"

namespace leveret {

static_assert(std::endian::native == std::endian::little, "the wire is little-endian and so must be the machine");

/// Takes fields off the front of some bytes. A read past the end gives zero or empty and is remembered: ask ok() once,
/// after the last field. Never allocates by a length that the bytes declare.
class WireReader {
  public:
    explicit WireReader(Bytes bytes) noexcept : bytes_(bytes) {}

    template <std::integral T>
    T number() noexcept {
        T value{};
        if (const Bytes field = take(sizeof(T)); !field.empty()) {
            std::memcpy(&value, field.data(), sizeof value);
        }
        return value;
    }
    /// The next `count` bytes; empty, and not ok, where there are fewer.
    Bytes take(std::size_t count) noexcept {
        if (count > bytes_.size()) {
            refuse();
            return {};
        }
        const Bytes taken = bytes_.first(count);
        bytes_ = bytes_.subspan(count);
        return taken;
    }
    /// Remembers that a field was there and held a value that is none: not ok from now on.
    void refuse() noexcept {
        ok_ = false;
        bytes_ = {};
    }
    /// A length of 2 bytes, then that many bytes.
    std::string_view short_text() noexcept { return as_text(take(number<std::uint16_t>())); }
    /// Everything that is left.
    Bytes rest() noexcept { return take(bytes_.size()); }

    [[nodiscard]] std::size_t left() const noexcept { return bytes_.size(); }
    [[nodiscard]] bool ok() const noexcept { return ok_; }
    /// ok() and nothing left over.
    [[nodiscard]] bool finished() const noexcept { return ok_ && bytes_.empty(); }

  private:
    Bytes bytes_;
    bool ok_ = true;
};

/// Appends fields to a vector that the caller owns.
class WireWriter {
  public:
    explicit WireWriter(std::vector<std::byte>& out) noexcept : out_(out) {}

    template <std::integral T>
    void number(T value) {
        bytes(std::as_bytes(std::span(&value, 1)));
    }
    void bytes(Bytes bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
    /// A length of 2 bytes, then the text; at most 65,535 bytes of it.
    void short_text(std::string_view text);

  private:
    std::vector<std::byte>& out_;
};

}  // namespace leveret
