// What an io thread does between two events.
#pragma once

#include <chrono>

#include <asio/io_context.hpp>

namespace leveret {

/// Runs `context` on this thread until it stops or nothing is left to be done. After an event it looks for `busy_poll`
/// whether there is another before it sleeps, and lets everybody else who wants its processor have it meanwhile: to be
/// woken costs more than most requests (docs/performance.md). 0 where other threads run `context`, too: one that sleeps
/// in it would take the events.
void run_io_thread(asio::io_context& context, std::chrono::microseconds busy_poll);

}  // namespace leveret
