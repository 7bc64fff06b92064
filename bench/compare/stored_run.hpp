// Runs on data that outlives its server: reading it again, reading it while others publish, starting on it.
#pragma once

#include "run.hpp"
#include "stored_system.hpp"

namespace leveret::compare {

/// One subscriber reads RunSettings::replay_records from the first on, from a server that has just been started on
/// them: nothing of them is in its memory, but all in the system's.
[[nodiscard]] RunResult measure_replay(const StoredSystem& system, const RunSettings& settings);

/// Latency of one live subscriber at a modest rate on that topic. With `beside_replay`, another subscriber reads the
/// same topic from its beginning meanwhile, again and again.
[[nodiscard]] RunResult measure_live(const StoredSystem& system, bool beside_replay, const RunSettings& settings);

/// How long a server takes to answer with RunSettings::recovery_bytes in `topics` topics, after it was stopped and
/// after it was killed. Fails where a record is gone then.
[[nodiscard]] RunResult measure_recovery(const StoredSystem& system, std::size_t topics, const RunSettings& settings);

/// Resident memory for each of `topics` topics that have been published to and are idle; and after a restart.
[[nodiscard]] RunResult measure_stored_topics(const StoredSystem& system, std::size_t topics,
                                              const RunSettings& settings);

}  // namespace leveret::compare
