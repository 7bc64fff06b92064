// Bytes as tests and documents write them, and back.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/record.hpp"

namespace leveret::test {

/// "01 fF" or "01ff" as bytes; throws std::invalid_argument for anything that is not pairs of digits.
[[nodiscard]] std::vector<std::byte> from_hex(std::string_view text);
/// Lower case, without spaces.
[[nodiscard]] std::string to_hex(Bytes bytes);

}  // namespace leveret::test
