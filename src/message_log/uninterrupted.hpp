// Signals may end a system call early with EINTR: nothing has failed then, and it is called again.
#pragma once

#include <system_error>

#include "protocol/error.hpp"

namespace leveret {

[[nodiscard]] inline bool is_interrupted(const std::error_code& error) noexcept {
    return error == std::errc::interrupted;
}
template <class T>
[[nodiscard]] bool is_interrupted(const Result<T>& result) noexcept {
    return !result && is_interrupted(result.error());
}

/// What `call` answers, an error code or a Result, once no signal has come between.
template <class Call>
[[nodiscard]] auto uninterrupted(Call call) {
    auto outcome = call();
    while (is_interrupted(outcome)) {
        outcome = call();
    }
    return outcome;
}

}  // namespace leveret
