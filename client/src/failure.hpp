// Making and passing on what went wrong.
#pragma once

#include <string>

#include "leveret/client.hpp"

namespace leveret::client_side {

/// A code with its own sentence.
[[nodiscard]] inline Failure failure_of(std::error_code code) {
    return {.code = code, .text = code.message()};
}
[[nodiscard]] inline Failure failure_of(Error code) {
    return failure_of(make_error_code(code));
}
[[nodiscard]] inline Failure failure_of(Error code, std::string text) {
    return {.code = make_error_code(code), .text = std::move(text)};
}
/// "127.0.0.1:8889", "[::1]:8889".
[[nodiscard]] inline std::string endpoint_text(const std::string& host, std::uint16_t port) {
    const bool is_v6 = host.find(':') != std::string::npos;
    return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}
/// For a connection that could not be made: its text says where to.
[[nodiscard]] inline Failure no_answer_from(const std::string& endpoint, Failure why) {
    why.text = "no answer from " + endpoint + ": " + why.text;
    return why;
}
/// For a Result or Outcome that is one: `return unexpected(…)`.
[[nodiscard]] inline tl::unexpected<Failure> unexpected(Failure failure) {
    return tl::unexpected<Failure>(std::move(failure));
}

}  // namespace leveret::client_side
