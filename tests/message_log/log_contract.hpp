// What every MessageLog promises, whatever it keeps its records in: log_contract_test.cpp has the promises, and the
// list of the logs that are held to them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "message_log/message_log.hpp"

namespace leveret::test {

/// One log and what it stands on. Its segments, or what counts as such, are to be of about contract_segment_bytes where
/// that can be chosen.
class LogUnderTest {
  public:
    virtual ~LogUnderTest() = default;
    [[nodiscard]] virtual MessageLog& log() = 0;
    /// Carries out everything that the log has under way.
    virtual void run() = 0;
    /// The same records, opened anew, after the log has been closed. The log before is gone.
    virtual void reopen() = 0;
};

inline constexpr std::uint64_t contract_segment_bytes = 4096;

struct LogKind {
    std::string name;
    std::function<std::unique_ptr<LogUnderTest>()> make;  ///< with a new, empty log
    bool has_small_segments = true;                       ///< of contract_segment_bytes
};

[[nodiscard]] LogKind segment_log_kind();
[[nodiscard]] LogKind memory_log_kind();
[[nodiscard]] LogKind rocksdb_log_kind();

}  // namespace leveret::test
