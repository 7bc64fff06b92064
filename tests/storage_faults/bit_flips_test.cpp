// One bit of what is stored is another one: it is found, or it makes no difference; and what it did not hit is served.
#include <algorithm>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "sampling.hpp"
#include "workload.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

struct TopicSeen {
    std::optional<StoredTopic> listed{};
    PositionsFile::Positions positions{};
    std::error_code open_error{};
    std::uint64_t first = 0;
    std::uint64_t end = 0;
    std::vector<EpochStart> epochs{};
    std::set<std::uint64_t> served{};
    std::vector<std::uint64_t> found_times{};
    friend bool operator==(const TopicSeen&, const TopicSeen&) = default;
};

/// What a start and a reader see of a disk.
struct Seen {
    std::map<std::string, TopicSeen> topics{};
    bool is_noticed = false;  ///< something has been found, counted or refused
    bool has_wrong_record = false;
};

void look_at_log(StoredLogs& logs, const TopicHistory& history, TopicSeen& topic, Seen& seen) {
    const LogSettings settings{.shows_unsynced = history.shows_unsynced, .epoch = Epoch{1}};
    const auto opened = logs.store().open(history.id, PartitionId{0}, settings);
    if (!opened) {
        topic.open_error = opened.error();
        seen.is_noticed = true;
        return;
    }
    MessageLog& log = *opened->log;
    topic.first = log.extent().first.value;
    topic.end = log.extent().end.value;
    topic.epochs = opened->epochs;
    for (std::uint64_t at = topic.first; at <= topic.end; at += 7) {
        const auto found = logs.find_time(log, BatchBook::time_of(at));
        topic.found_times.push_back(found ? found->value : 0);
    }
    const auto read = logs.read_back(log);
    std::uint64_t last = 0;
    for (const RecordView record : Records(read.bytes)) {
        const std::uint64_t offset = record.offset().value;
        const bool is_right = offset < history.batches.end() && (topic.served.empty() || offset > last) &&
                              std::ranges::equal(record.bytes(), history.batches.record(offset));
        seen.has_wrong_record = seen.has_wrong_record || !is_right;
        topic.served.insert(offset);
        last = offset;
    }
    const LogRecovery& recovery = opened->recovery;
    seen.is_noticed = seen.is_noticed || read.error || !read.damaged.empty() || recovery.cut_bytes > 0 ||
                      recovery.damages > 0 || !recovery.findings.empty();
    static_cast<void>(logs.close(log));
}

Seen look_at(SimulatedDisk disk, const History& history) {
    Seen seen;
    StoredLogs logs(std::move(disk), 1);
    const auto prepared = logs.catalogue.prepare();
    const auto loaded = logs.catalogue.load();
    seen.is_noticed = prepared || !loaded || !loaded->findings.empty();
    for (const auto& [name, topic_history] : history.topics) {
        TopicSeen& topic = seen.topics[name];
        for (const StoredTopic& listed : loaded->topics) {
            if (listed.id == topic_history.id) {
                topic.listed = listed;
            }
        }
        if (const auto positions = PositionsFile::open(logs.files, positions_path(topic_history.id))) {
            topic.positions = positions->positions();
            seen.is_noticed = seen.is_noticed || positions->damaged_entries() > 0;
        } else {
            seen.is_noticed = true;
        }
        look_at_log(logs, topic_history, topic, seen);
    }
    seen.is_noticed = seen.is_noticed || !logs.findings.empty() || logs.counters.log_damages.value() > 0 ||
                      logs.counters.log_tails_cut.value() > 0;
    return seen;
}

/// A small state to spoil: two topics, several segments, positions.
struct Stored {
    History history{};
    SimulatedDisk disk{};
};

Stored stored(bool stops_cleanly) {
    Stored result;
    StoredLogs logs({}, 1);
    Workload workload(logs, result.history);
    REQUIRE_FALSE(logs.catalogue.prepare());
    for (const char* name : {"orders", "ticks"}) {
        workload.create(name, false);
        for (std::size_t round = 0; round < 6; ++round) {
            workload.append(name, {100 + 150 * round, 20, 3}, MessageLog::Sync::yes);
            workload.append(name, {500}, MessageLog::Sync::no);
        }
        workload.sync(name);
        workload.commit(name, Offset{5}, true);
        workload.commit(name, Offset{6}, true);
    }
    workload.trim("orders", Offset{9});
    if (!stops_cleanly) {
        result.disk = logs.files.disk().after({.unsynced = Unsynced::kept});
    }
    workload.close("orders");
    workload.close("ticks");
    REQUIRE(workload.failures().empty());
    if (stops_cleanly) {
        result.disk = logs.files.disk().after({.unsynced = Unsynced::kept});
    }
    return result;
}

/// The record in a segment file that has this byte.
std::optional<std::uint64_t> record_at(const SimulatedDisk& disk, const std::string& path, std::uint64_t byte) {
    const auto& content = disk.content(*disk.find(path));
    for (const RecordView record : Records(content)) {
        const auto begin = static_cast<std::uint64_t>(record.bytes().data() - content.data());
        if (byte >= begin && byte < begin + record.size()) {
            return record.offset().value;
        }
    }
    return std::nullopt;
}

struct Flip {
    std::string path;
    std::uint64_t bit;
};

std::string words(const Flip& flip) {
    return "bit " + std::to_string(flip.bit % 8) + " of byte " + std::to_string(flip.bit / 8) + " in " + flip.path;
}

/// What is wrong about `seen` where `whole` was seen before the flip; empty if nothing is.
std::string judge(const Stored& stored, const Flip& flip, const Seen& seen, const Seen& whole) {
    if (seen.has_wrong_record) {
        return "a record that was never appended";
    }
    if (!seen.is_noticed) {
        return seen.topics == whole.topics ? "" : "a difference that nobody has told of";
    }
    for (const auto& [name, topic] : whole.topics) {
        const TopicSeen& now = seen.topics.at(name);
        const bool is_hit = flip.path.starts_with(TopicCatalogue::directory_of(stored.history.topics.at(name).id));
        if (!is_hit && !(now == topic) && flip.path != "leveret.json") {
            return "another topic, " + name + ", is not as it was";
        }
        if (now.open_error) {
            return "it does not open";
        }
        std::vector<std::uint64_t> missing;
        std::ranges::set_difference(topic.served, now.served, std::back_inserter(missing));
        if (is_hit && flip.path.ends_with(".log")) {
            std::erase(missing, record_at(stored.disk, flip.path, flip.bit / 8));
        }
        if (!missing.empty()) {
            return std::to_string(missing.size()) + " records that were not hit are not served, from " +
                   std::to_string(missing.front());
        }
    }
    return "";
}

struct Tally {
    std::size_t noticed = 0;
    std::size_t harmless = 0;
    std::vector<std::string> troubles{};
};

Tally flip_bits(const Stored& stored, std::size_t count, std::uint32_t seed) {
    Tally tally;
    std::mt19937 random(seed);
    const Seen whole = look_at(stored.disk, stored.history);
    CHECK_FALSE(whole.is_noticed);
    CHECK_FALSE(whole.has_wrong_record);
    std::vector<Flip> places;
    for (const std::string& path : stored.disk.file_paths()) {
        places.push_back({path, stored.disk.content(*stored.disk.find(path)).size() * 8});
    }
    std::erase_if(places, [](const Flip& place) { return place.bit == 0; });
    CHECK(places.size() >= 12);
    while (tally.noticed + tally.harmless < count) {
        const Flip& place = places[random() % places.size()];
        const Flip flip{place.path, random() % place.bit};
        SimulatedDisk disk = stored.disk;
        disk.flip_bit(flip.path, flip.bit);
        std::string trouble;
        Seen seen;
        try {
            seen = look_at(std::move(disk), stored.history);
            trouble = judge(stored, flip, seen, whole);
        } catch (const std::exception& error) {
            trouble = error.what();
        }
        ++(seen.is_noticed ? tally.noticed : tally.harmless);
        if (!trouble.empty()) {
            tally.troubles.push_back(words(flip) + ": " + trouble);
        }
    }
    const std::size_t found = tally.troubles.size();
    if (found > 8) {
        tally.troubles.resize(8);
        tally.troubles.push_back("of " + std::to_string(found));
    }
    return tally;
}

}  // namespace

TEST_CASE("Bit flips: after a clean stop, each of 5,000 is found or harmless, and what it did not hit is served") {
    const Tally tally = flip_bits(stored(true), 5000 / one_in, 1);
    CHECK(tally.troubles == std::vector<std::string>{});
    CHECK(tally.noticed > 1000 / one_in);
    CHECK(tally.harmless > 100 / one_in);
}

TEST_CASE(
    "Bit flips: after the end of the process, each of 5,000 is found or harmless, and what it did not hit is served") {
    const Tally tally = flip_bits(stored(false), 5000 / one_in, 2);
    CHECK(tally.troubles == std::vector<std::string>{});
    CHECK(tally.noticed > 1000 / one_in);
    CHECK(tally.harmless > 100 / one_in);
}
