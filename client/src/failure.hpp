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
/// For a Result or Outcome that is one: `return unexpected(…)`.
[[nodiscard]] inline tl::unexpected<Failure> unexpected(Failure failure) {
    return tl::unexpected<Failure>(std::move(failure));
}

}  // namespace leveret::client_side
