#include "protocol/identity.hpp"

#include <cstring>

namespace leveret {
namespace {

/// How many bytes the well-formed character at the front of `text` takes; 0 where there is none. `text` is not empty.
/// The bounds of the second byte keep out overlong forms (E0, F0), surrogates (ED) and what lies above U+10FFFF (F4).
std::size_t character_bytes(std::string_view text) noexcept {
    const auto byte = [text](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
    const auto continues = [&](std::size_t at) { return at < text.size() && (byte(at) & 0xC0U) == 0x80U; };
    const std::uint8_t first = byte(0);
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xC2 || first > 0xF4 || !continues(1)) {
        return 0;
    }
    if (first < 0xE0) {
        return 2;
    }
    if (first < 0xF0) {
        const bool overlong = first == 0xE0 && byte(1) < 0xA0;
        const bool surrogate = first == 0xED && byte(1) > 0x9F;
        return !overlong && !surrogate && continues(2) ? 3 : 0;
    }
    const bool overlong = first == 0xF0 && byte(1) < 0x90;
    const bool too_high = first == 0xF4 && byte(1) > 0x8F;
    return !overlong && !too_high && continues(2) && continues(3) ? 4 : 0;
}

/// Whether the next 8 bytes are all ASCII, as most names and keys are.
bool starts_with_8_ascii(std::string_view text) noexcept {
    std::uint64_t word;
    if (text.size() < sizeof word) {
        return false;
    }
    std::memcpy(&word, text.data(), sizeof word);
    return (word & 0x8080'8080'8080'8080U) == 0;
}

/// `text` is well-formed UTF-8. C1 controls, U+0080 to U+009F, are C2 80 to C2 9F there.
bool has_control_character(std::string_view text) noexcept {
    bool found = false;
    std::uint8_t before = 0;
    for (const char character : text) {
        const auto byte = static_cast<std::uint8_t>(character);
        found |= byte < 0x20 || byte == 0x7F || (before == 0xC2 && byte < 0xA0);
        before = byte;
    }
    return found;
}

}  // namespace

std::string TopicId::to_string() const {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(2 * bytes.size());
    for (const std::uint8_t byte : bytes) {
        text += digits[byte >> 4U];
        text += digits[byte & 0xFU];
    }
    return text;
}

bool is_valid_name(std::string_view name) noexcept {
    return !name.empty() && name.size() <= name_bytes_max && is_utf8(name) && !has_control_character(name);
}

bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::size_t taken = starts_with_8_ascii(text) ? sizeof(std::uint64_t) : character_bytes(text);
        if (taken == 0) {
            return false;
        }
        text.remove_prefix(taken);
    }
    return true;
}

}  // namespace leveret
