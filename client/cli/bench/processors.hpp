// Which processor a process runs on.
#pragma once

#include <optional>
#include <system_error>

namespace leveret::cli {

/// Pins the calling thread, and the threads and processes it starts from then on.
[[nodiscard]] std::error_code pin_this_thread(unsigned processor) noexcept;

/// Pins every thread that process `pid` has now.
[[nodiscard]] std::error_code pin_process(int pid, unsigned processor);

}  // namespace leveret::cli
