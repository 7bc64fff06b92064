// What the processes of a run do, each until the run is over. Called in a child process; a failure is thrown.
#pragma once

#include "run.hpp"
#include "shared_run.hpp"

namespace leveret::compare {

void publish_in_lane(const RunPlan& plan, const RunSettings& settings, std::uint16_t port, std::size_t lane,
                     SharedRun& shared);
void subscribe_in_lane(const RunPlan& plan, std::uint16_t port, std::size_t lane, SharedRun& shared);
/// Publishes and subscribes in one process, one message at a time.
void make_round_trips(const RunPlan& plan, std::uint16_t port, SharedRun& shared);

/// Publishes and counts the answers, at most Work::outstanding at a time. The plan's system is a StoredSystem.
void publish_for_answers(const RunPlan& plan, std::uint16_t port, SharedRun& shared);
/// The same, one at a time, each with the time that its answer took.
void time_answers(const RunPlan& plan, std::uint16_t port, SharedRun& shared);

/// Reports readiness and waits for the start.
void get_ready(SharedRun& shared);

/// The topics of one lane are its own.
[[nodiscard]] Work work_of_lane(const RunPlan& plan, std::size_t lane);

}  // namespace leveret::compare
