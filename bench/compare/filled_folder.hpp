// Records that are stored before anything is measured.
#pragma once

#include "run.hpp"
#include "server_process.hpp"
#include "stored_system.hpp"

namespace leveret::compare {

/// The topic of filled_folder(): 128 bytes a record, answered when written to the system.
[[nodiscard]] Work filled_work();
/// A folder in which a server of this system has stored RunSettings::replay_records and was stopped. The first call
/// fills it; it goes at the end of the program.
[[nodiscard]] const std::filesystem::path& filled_folder(const StoredSystem& system, const RunSettings& settings);

/// Publishes as many records to each of the topics, one topic after the other, and waits for all answers.
void fill_topics(const StoredSystem& system, std::uint16_t port, const Work& work, std::uint64_t records_per_topic);
/// Has the system write what it holds back, so that it does not do so while something is measured.
void write_back();
/// Returns as soon as the server says that it has at least `expected` records; how many it says. Throws where it ends,
/// or does not say so in time.
std::uint64_t wait_for_stored_records(const StoredSystem& system, const ServerProcess& server, const Work& work,
                                      std::uint64_t expected);

}  // namespace leveret::compare
