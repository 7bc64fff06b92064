#include "protocol/wire.hpp"

#include <algorithm>
#include <limits>

namespace leveret {

void WireWriter::short_text(std::string_view text) {
    constexpr std::size_t text_bytes_max = std::numeric_limits<std::uint16_t>::max();
    text = text.substr(0, text_bytes_max);
    number(static_cast<std::uint16_t>(text.size()));
    bytes(as_bytes(text));
}

}  // namespace leveret
