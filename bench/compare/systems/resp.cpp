#include "systems/resp.hpp"

#include <stdexcept>

namespace leveret::compare::resp {
namespace {

void append_text(std::vector<std::byte>& out, std::string_view text) {
    const Bytes bytes = as_bytes(text);
    out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

void append_command(std::vector<std::byte>& out, std::span<const Bytes> arguments) {
    append_text(out, '*' + std::to_string(arguments.size()) + "\r\n");
    for (const Bytes argument : arguments) {
        append_text(out, '$' + std::to_string(argument.size()) + "\r\n");
        out.insert(out.end(), argument.begin(), argument.end());
        append_text(out, "\r\n");
    }
}

void Reader::throw_unexpected() const {
    const std::string_view left = bytes_.substr(at_);
    throw std::runtime_error("redis: unexpected answer: " + std::string(left.substr(0, left.find('\r'))));
}

}  // namespace leveret::compare::resp
