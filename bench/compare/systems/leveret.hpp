// Leveret's two raw protocols, for systems/leveret.cpp.
#pragma once

#include <memory>

#include "raw.hpp"
#include "run.hpp"

namespace leveret::compare {

/// The native dialect; publishes one-way, `frame_bytes` of records to a frame.
[[nodiscard]] std::unique_ptr<RawProtocol> make_native_protocol(const Work& work);
/// The zaichik dialect, which has one record outstanding per connection: take() answers each with a Commit.
[[nodiscard]] std::unique_ptr<RawProtocol> make_zaichik_protocol(const Work& work);

/// For a run with a compaction window, while it is full: its keys, and what each costs.
void look_at_window(std::uint16_t port, RunResult& result);

}  // namespace leveret::compare
