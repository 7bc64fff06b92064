// Disks that are full, and write-back that fails while nobody waits for it.
#include <algorithm>
#include <limits>

#include <catch2/catch.hpp>

#include "restart.hpp"
#include "workload.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

using Kind = Operation::Kind;
using Sync = MessageLog::Sync;

/// Twenty topics with a log each: far more files than the store may have open.
class ManyTopics {
  public:
    ManyTopics() {
        REQUIRE_FALSE(logs_.catalogue.prepare());
        for (std::size_t i = 0; i < 20; ++i) {
            names_.push_back("topic-" + std::to_string(10 + i));
            workload_.create(names_.back(), false);
        }
        REQUIRE(workload_.failures().empty());
    }
    ~ManyTopics() {
        for (const std::string& name : names_) {
            workload_.close(name);
        }
    }
    ManyTopics(const ManyTopics&) = delete;
    ManyTopics& operator=(const ManyTopics&) = delete;

    void append_to_each(Sync sync) {
        for (const std::string& name : names_) {
            workload_.append(name, {100, 100}, sync);
        }
    }
    [[nodiscard]] std::string segment_of(const std::string& name) const {
        return TopicCatalogue::directory_of(history_.topics.at(name).id) + "/0/00000000000000000000.log";
    }
    /// The disk after a power cut, looked at by a new server.
    [[nodiscard]] std::string trouble_after_power_cut() {
        return trouble_after({.disk = logs_.files.disk().after({.unsynced = Unsynced::lost}),
                              .moment = logs_.files.operations().size(),
                              .had_power = false},
                             history_);
    }
    [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
    [[nodiscard]] StoredLogs& logs() { return logs_; }
    [[nodiscard]] Workload& workload() { return workload_; }

  private:
    History history_;
    StoredLogs logs_{{}, 1};
    Workload workload_{logs_, history_};
    std::vector<std::string> names_;
};

}  // namespace

TEST_CASE("Failing disk: write-back that failed in the background is told by the next sync of that log alone") {
    ManyTopics topics;
    topics.append_to_each(Sync::no);
    const std::string& unlucky = topics.names().back();
    topics.logs().files.fail_write_back(topics.segment_of(unlucky));
    topics.append_to_each(Sync::yes);
    REQUIRE(topics.workload().failures().size() == 1);
    CHECK(topics.workload().failures().front().topic == unlucky);
    CHECK(topics.workload().failures().front().error == Error::log_failed);
    CHECK(topics.trouble_after_power_cut().empty());
}

TEST_CASE("Failing disk: a file is synced by the descriptor that wrote it, however many files want to be open") {
    ManyTopics topics;
    topics.append_to_each(Sync::no);
    const std::string& unlucky = topics.names().front();
    const NodeId segment = topics.logs().files.disk().find(topics.segment_of(unlucky)).value();
    if (topics.logs().files.disk().has_unsynced_writes(segment)) {
        topics.logs().files.fail_write_back(topics.segment_of(unlucky));
        topics.append_to_each(Sync::no);
        topics.append_to_each(Sync::yes);
        REQUIRE_FALSE(topics.workload().failures().empty());
        CHECK(topics.workload().failures().front().topic == unlucky);
    }
    CHECK(topics.trouble_after_power_cut().empty());
}

TEST_CASE("Failing disk: a failed sync is never tried again") {
    ManyTopics topics;
    const std::string& unlucky = topics.names().front();
    const std::string segment = topics.segment_of(unlucky);
    topics.logs().files.fail(
        {.kind = Kind::sync, .path_part = segment, .error = std::make_error_code(std::errc::io_error)});
    const Moment before = topics.logs().files.operations().size();
    topics.append_to_each(Sync::yes);
    topics.workload().sync(unlucky);
    topics.append_to_each(Sync::yes);
    topics.workload().close(unlucky);
    const auto& operations = topics.logs().files.operations();
    CHECK(std::count_if(operations.begin() + static_cast<std::ptrdiff_t>(before), operations.end(),
                        [&](const Operation& operation) {
                            return operation.path == segment && operation.kind == Kind::sync;
                        }) == 1);
    CHECK(topics.logs().counters.logs_failed.value() == 1);
    CHECK(topics.workload().wrongs().empty());
    CHECK(topics.trouble_after_power_cut().empty());
}

namespace {

std::uint64_t used_bytes(const SimulatedDisk& disk) {
    SimulatedDisk limited = disk;
    limited.capacity_bytes = std::uint64_t{1} << 40U;
    return limited.capacity_bytes - limited.free_bytes();
}

/// Only a full disk is told, and only by those who ask for room: what was granted does not fail.
void check_failures(const Workload& workload) {
    for (const auto& failure : workload.failures()) {
        INFO(failure.step << ": " << failure.error.message());
        CHECK(failure.step == "reserve");
        CHECK(failure.error == Error::disk_full);
    }
    CHECK(workload.wrongs() == std::vector<std::string>{});
}

/// Appends until there is no room any more, or often enough.
void fill(Workload& workload, Sync sync) {
    const std::size_t failures = workload.failures().size();
    for (std::size_t round = 0; round < 60 && workload.failures().size() == failures; ++round) {
        workload.append("orders", {700, 700, 100 * (round % 7)}, sync);
    }
}

/// After all that any history has.
constexpr Moment always = std::numeric_limits<Moment>::max();

std::string trouble_after_power_cut(StoredLogs& logs, const History& history) {
    SimulatedDisk disk = logs.files.disk().after({.unsynced = Unsynced::lost});
    disk.capacity_bytes = SimulatedDisk::unlimited;
    return trouble_after({.disk = std::move(disk), .moment = always, .had_power = false}, history);
}

}  // namespace

TEST_CASE("Failing disk: on a disk that is full nothing breaks, and a trim makes room again") {
    for (std::uint64_t left = 0; left < 150'000; left += 1500) {
        INFO("filled with " << left << " bytes left");
        History history;
        StoredLogs logs({}, 1);
        Workload workload(logs, history);
        REQUIRE_FALSE(logs.catalogue.prepare());
        workload.create("orders", false);
        fill(workload, Sync::yes);
        logs.files.disk().capacity_bytes = used_bytes(logs.files.disk()) + left;
        while (logs.files.disk().free_bytes() > 4000 && workload.failures().empty()) {
            fill(workload, Sync::no);
        }
        fill(workload, Sync::yes);
        REQUIRE(workload.failures().size() > 0);
        const std::size_t failures = workload.failures().size();
        workload.trim("orders", Offset{150});
        workload.append("orders", {700, 700}, Sync::yes);
        CHECK(workload.failures().size() == failures);
        check_failures(workload);
        workload.close("orders");
        CHECK(trouble_after_power_cut(logs, history) == "");
    }
}

TEST_CASE("Failing disk: a log that is opened on a full disk takes no records, and does when there is room") {
    for (std::uint64_t left = 0; left < 10'000; left += 500) {
        INFO("opened with " << left << " bytes left");
        History history;
        StoredLogs before({}, 1);
        Workload first(before, history);
        REQUIRE_FALSE(before.catalogue.prepare());
        first.create("orders", false);
        fill(first, Sync::yes);
        first.close("orders");
        SimulatedDisk disk = before.files.disk();
        disk.capacity_bytes = used_bytes(disk) + left;
        StoredLogs logs(std::move(disk), 2);
        Workload workload(logs, history);
        workload.open_again("orders");
        fill(workload, Sync::yes);
        check_failures(workload);
        logs.files.disk().capacity_bytes = SimulatedDisk::unlimited;
        workload.append("orders", {700, 700}, Sync::yes);
        check_failures(workload);
        workload.close("orders");
        CHECK(trouble_after_power_cut(logs, history) == "");
    }
}

TEST_CASE("Failing disk: a segment that could not be begun for want of room hides nothing of the one before") {
    History history;
    StoredLogs logs({}, 1);
    Workload workload(logs, history);
    REQUIRE_FALSE(logs.catalogue.prepare());
    workload.create("orders", false);
    workload.append("orders", {3000}, Sync::yes);
    logs.files.disk().capacity_bytes = used_bytes(logs.files.disk()) + 2 * SimulatedDisk::block_bytes;
    for (int round = 0; round < 4; ++round) {
        workload.append("orders", {1000, 500}, Sync::yes);
    }
    SECTION("after a clean stop") {
        workload.close("orders");
    }
    SECTION("after the end of the process") {}
    check_failures(workload);
    for (const Unsynced unsynced : {Unsynced::torn, Unsynced::reordered}) {
        for (std::uint32_t seed = 0; seed < 50; ++seed) {
            SimulatedDisk disk = logs.files.disk().after({.unsynced = unsynced, .seed = seed});
            disk.capacity_bytes = SimulatedDisk::unlimited;
            CHECK(trouble_after({.disk = std::move(disk), .moment = always, .had_power = false}, history) == "");
        }
    }
    workload.close("orders");
}
