// A broker's hour on a disk, cut off after each single operation of it.
#include <limits>
#include <set>

#include <catch2/catch.hpp>

#include "message_log/segment/segment_names.hpp"
#include "restart.hpp"
#include "sampling.hpp"
#include "workload.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

struct Recorded {
    History history{};
    std::vector<Operation> operations{};
    std::vector<Workload::Failure> failures{};
    std::vector<std::string> wrongs{};
};

/// The same for each test, so it is made once.
const Recorded& recorded() {
    static const Recorded result = [] {
        Recorded made;
        StoredLogs logs({}, 1);
        Workload workload(logs, made.history);
        workload.run();
        made.operations = logs.files.operations();
        made.failures = workload.failures();
        made.wrongs = workload.wrongs();
        return made;
    }();
    return result;
}

std::string name_of(Operation::Kind kind) {
    static const std::vector<std::string> names{"open",     "read",           "write", "sync",      "truncate",
                                                "reserve",  "size",           "close", "rename",    "remove",
                                                "make_dir", "sync_directory", "list",  "free_bytes"};
    return names.at(static_cast<std::size_t>(kind));
}

/// Calls `look` with the disk as each operation that can change it has left it; before the first, too.
template <class Look>
void for_each_crash_point(Look look) {
    SimulatedDisk disk;
    Moment moment = 0;
    look(disk, moment, std::string("before everything"));
    for (const Operation& operation : recorded().operations) {
        disk.apply(operation);
        ++moment;
        if (operation.changes_disk() && moment % one_in == 0) {
            look(disk, moment,
                 "after operation " + std::to_string(moment) + ", " + name_of(operation.kind) + " " + operation.path);
        }
    }
}

/// All crash points with these choices; the first troubles, in words.
std::vector<std::string> troubles_with(const std::vector<Crash>& crashes) {
    std::vector<std::string> troubles;
    for_each_crash_point([&](const SimulatedDisk& disk, Moment moment, const std::string& where) {
        for (const Crash& crash : crashes) {
            const Restart restart{
                .disk = disk.after(crash), .moment = moment, .had_power = crash.unsynced == Unsynced::kept};
            if (const auto trouble = trouble_after(restart, recorded().history); !trouble.empty()) {
                troubles.push_back(where + " (seed " + std::to_string(crash.seed) + "): " + trouble);
            }
        }
    });
    const std::size_t count = troubles.size();
    troubles.resize(std::min<std::size_t>(count, 5));
    if (count > troubles.size()) {
        troubles.push_back("... and " + std::to_string(count - troubles.size()) + " more");
    }
    return troubles;
}

/// As many choices for each crash point: the seeds differ.
std::vector<Crash> choices(Unsynced unsynced, std::size_t sector_bytes, std::uint32_t count) {
    std::vector<Crash> result;
    for (std::uint32_t seed = 1; seed <= count; ++seed) {
        result.push_back({.unsynced = unsynced, .sector_bytes = sector_bytes, .seed = seed});
    }
    return result;
}

using Troubles = std::vector<std::string>;

}  // namespace

TEST_CASE("Crash points: without a crash, every step of the workload succeeds") {
    CHECK(recorded().wrongs == Troubles{});
    for (const auto& failure : recorded().failures) {
        UNSCOPED_INFO(failure.topic << ": " << failure.step << ": " << failure.error.message());
    }
    CHECK(recorded().failures.empty());
}

TEST_CASE("Crash points: the workload rolls segments, trims them and syncs often enough to be worth cutting") {
    std::size_t created = 0;
    std::size_t removed = 0;
    std::size_t synced = 0;
    for (const Operation& operation : recorded().operations) {
        const bool is_segment = operation.path.ends_with(".log");
        created += is_segment && operation.kind == Operation::Kind::open && operation.changes_disk() ? 1 : 0;
        removed += is_segment && operation.kind == Operation::Kind::remove ? 1 : 0;
        synced += is_segment && operation.kind == Operation::Kind::sync ? 1 : 0;
    }
    CHECK(created >= 12);
    CHECK(removed >= 4);
    CHECK(synced >= 30);
}

TEST_CASE("Crash points: the workload trims within segments, sealed ones and the last, synced or not") {
    std::set<std::uint64_t> bases;
    for (const Operation& operation : recorded().operations) {
        const std::string name = operation.path.substr(operation.path.rfind('/') + 1);
        if (const auto base = base_in_name(name, ".log")) {
            bases.insert(base->value);
        }
    }
    std::size_t within = 0;
    std::size_t unsynced = 0;
    for (const auto& [name, topic] : recorded().history.topics) {
        for (const auto& [moment, start] : topic.trimmed.asked.steps()) {
            CHECK(topic.trimmed.answered.was(start, std::numeric_limits<Moment>::max()));
            within += bases.contains(start) ? 0 : 1;
            unsynced += start > topic.synced.at(moment) ? 1 : 0;
        }
    }
    CHECK(within >= 3);
    CHECK(unsynced >= 1);
}

TEST_CASE("Crash points: a file with unsynced records is not closed") {
    SimulatedDisk disk;
    for (const Operation& operation : recorded().operations) {
        if (operation.kind == Operation::Kind::close && operation.path.ends_with(".log")) {
            INFO(operation.path);
            CHECK_FALSE(disk.has_unsynced_writes(operation.node));
        }
        disk.apply(operation);
    }
}

TEST_CASE("Crash points: when the process ends, everything that was acknowledged is there") {
    CHECK(troubles_with({{.unsynced = Unsynced::kept}}) == Troubles{});
}

TEST_CASE("Crash points: when everything unsynced is lost, what was synced is there") {
    CHECK(troubles_with({{.unsynced = Unsynced::lost}}) == Troubles{});
}

TEST_CASE("Crash points: when the last write is torn, what was synced is there and no part of a batch is") {
    CHECK(troubles_with(choices(Unsynced::torn, 512, 2)) == Troubles{});
    CHECK(troubles_with(choices(Unsynced::torn, 4096, 1)) == Troubles{});
}

TEST_CASE("Crash points: when unsynced sectors and names are kept in any order, what was synced is there") {
    CHECK(troubles_with(choices(Unsynced::reordered, 512, 2)) == Troubles{});
    CHECK(troubles_with(choices(Unsynced::reordered, 4096, 2)) == Troubles{});
}
