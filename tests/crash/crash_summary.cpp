#include <algorithm>

#include <fmt/format.h>

#include "crash/crash_rounds.hpp"

namespace leveret::test {

namespace {

std::string median_and_most(std::vector<std::chrono::microseconds> times) {
    if (times.empty()) {
        return "none";
    }
    std::sort(times.begin(), times.end());
    return fmt::format("{:.1f}/{:.1f}", static_cast<double>(times[times.size() / 2].count()) / 1000,
                       static_cast<double>(times.back().count()) / 1000);
}

}  // namespace

std::string CrashSummary::line(const CrashOptions& options) const {
    return fmt::format(
        "store={} durability={} seed={} rounds={} | kills: acknowledgements={} microseconds={} stopping={} "
        "starting={} stopped_before={} | records: acknowledged={} of_them_removed_by_retention={} recovered={} "
        "delivered={} duplicates_dropped={} | batches: unanswered={} of_them_found={} refused={} | commits={} "
        "tails_cut={} data_mib={:.1f} log_verify=\"{}\" | ms median/most: first_answer={} ready={} | problems={}",
        name_of(options.store), name_of(options.durability), options.seed, rounds, kills.after_acknowledgements,
        kills.after_microseconds, kills.while_stopping, kills.while_starting, kills.stopped_before,
        records.acknowledged_records, records.removed_records, records.recovered_records, delivered_records,
        records.duplicates_dropped, records.unanswered_batches, records.unanswered_found, records.refused_batches,
        commits_acknowledged, tails_cut, static_cast<double>(data_bytes) / (1U << 20U), files_verified,
        median_and_most(first_answers), median_and_most(ready), problems.size());
}

}  // namespace leveret::test
