// The zaichik dialect's own way to read: one record outstanding, and the next only after a Commit. Beside it, an echo
// of as many bytes.
#pragma once

#include "run.hpp"

namespace leveret::compare {

/// A topic that retains everything is filled first; then a subscriber reads all of it. A latency is the time from one
/// delivery to the next; processor time counts publishing, too. The server stays on one processor, the client on
/// another.
[[nodiscard]] RunResult run_zaichik_stream();
/// An epoll echo of frames as long as a delivery there.
[[nodiscard]] RunResult run_echo_stream();

}  // namespace leveret::compare
