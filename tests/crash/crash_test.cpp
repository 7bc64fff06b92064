// kill -9, the short version; run.sh has the long one.
#include <cstdlib>
#include <filesystem>

#include <catch2/catch.hpp>

#include "crash/crash_rounds.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

/// A data directory for one test. What it says has the seed: run.sh repeats the rounds and keeps the directory.
class CrashDirectory {
  public:
    CrashDirectory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "leveret-crash-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    CrashDirectory(const CrashDirectory&) = delete;
    CrashDirectory& operator=(const CrashDirectory&) = delete;
    ~CrashDirectory() { std::filesystem::remove_all(path_); }

    /// What went wrong, a line each, and the summary line as a warning, which is printed.
    std::string problems_of(Store store, Durability durability, std::uint64_t rounds) {
        const CrashOptions options{
            .data_dir = path_, .store = store, .durability = durability, .seed = 1, .rounds = rounds};
        const CrashSummary summary = CrashRounds(options).run();
        WARN(summary.line(options));
        std::string all;
        for (const std::string& text : summary.problems) {
            all += text + '\n';
        }
        REQUIRE((!all.empty() || summary.records.acknowledged_records > 0));
        return all;
    }

  private:
    std::string path_;
};

}  // namespace

TEST_CASE_METHOD(CrashDirectory, "Crash: with durability sync a killed server keeps what it promised") {
    CHECK(problems_of(Store::file, Durability::sync, 30).empty());
}

TEST_CASE_METHOD(CrashDirectory, "Crash: with durability interval a killed server keeps what it promised") {
    CHECK(problems_of(Store::file, Durability::interval, 5).empty());
}

TEST_CASE_METHOD(CrashDirectory, "Crash: with durability os a killed server keeps what it promised") {
    CHECK(problems_of(Store::file, Durability::os, 5).empty());
}

TEST_CASE_METHOD(CrashDirectory, "Crash: in RocksDB a killed server keeps what it promised") {
    CHECK(problems_of(Store::rocksdb, Durability::sync, 5).empty());
}
