#include "protocol/hex.hpp"

#include <cctype>
#include <stdexcept>

namespace leveret::test {
namespace {

constexpr std::string_view digits = "0123456789abcdef";

std::size_t digit_value(char digit) {
    const std::size_t value = digits.find(static_cast<char>(std::tolower(static_cast<unsigned char>(digit))));
    if (value == std::string_view::npos) {
        throw std::invalid_argument("not a hexadecimal digit");
    }
    return value;
}

}  // namespace

std::vector<std::byte> from_hex(std::string_view text) {
    std::string packed;
    for (const char character : text) {
        if (std::isspace(static_cast<unsigned char>(character)) == 0) {
            packed += character;
        }
    }
    if (packed.size() % 2 != 0) {
        throw std::invalid_argument("half a byte");
    }
    std::vector<std::byte> bytes;
    for (std::size_t at = 0; at < packed.size(); at += 2) {
        bytes.push_back(static_cast<std::byte>(digit_value(packed[at]) * 16 + digit_value(packed[at + 1])));
    }
    return bytes;
}

std::string to_hex(Bytes bytes) {
    std::string text;
    for (const std::byte byte : bytes) {
        const auto value = std::to_integer<unsigned>(byte);
        text += digits[value / 16];
        text += digits[value % 16];
    }
    return text;
}

}  // namespace leveret::test
