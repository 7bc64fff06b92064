// What the tools for people find in a partition's files, and what a repair makes of it. Bytes are broken on purpose.
#include <array>

#include <catch2/catch.hpp>

#include "message_log/segment/positions_inspection.hpp"
#include "message_log/segment/segment_dump.hpp"
#include "message_log/segment/segment_repair.hpp"
#include "segment_fixture.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

constexpr Epoch fresh_epoch{1000};

/// A hundred records of 132 bytes, 32 to a segment, and no server.
struct StoppedLog : SegmentFixture {
    StoppedLog() { log().append_many(100, 100); }

    void stop_cleanly() {
        REQUIRE_FALSE(log().close());
        stop_at(Unsynced::kept);
    }
    void stop_abruptly() {
        REQUIRE_FALSE(log().sync());
        stop_at(Unsynced::kept);
    }
    std::string partition() const { return directory().substr(0, directory().size() - 1); }
    PartitionInspection inspect(bool is_in_use = false) {
        auto found = inspect_partition(*files, partition(), {}, is_in_use);
        REQUIRE(found);
        return *found;
    }
    /// Of the findings: "path [first,end) bytes: what".
    std::vector<std::string> told(bool is_in_use = false) {
        std::vector<std::string> texts;
        for (const LogFinding& finding : inspect(is_in_use).findings) {
            std::string text = finding.path.substr(finding.path.rfind('/') + 1);
            if (finding.offsets) {
                text += " [" + std::to_string(finding.offsets->first.value) + ',' +
                        std::to_string(finding.offsets->end.value) + ')';
            }
            if (finding.bytes) {
                text += ' ' + std::to_string(finding.bytes->begin) + '-' + std::to_string(finding.bytes->end);
            }
            texts.push_back(text + ": " + finding.what);
        }
        return texts;
    }
    void repair() {
        RepairSteps steps;
        REQUIRE_FALSE(repair_partition(*files, inspect(), fresh_epoch, steps));
        CHECK_FALSE(steps.empty());
        CHECK(told() == std::vector<std::string>{});
    }
    /// The offsets that a server serves after this, and "[a,b)" for those that it says are lost.
    std::string served() {
        open();
        std::string text;
        for (std::uint64_t from = extent().first.value; from < extent().end.value;) {
            const LogRead read = log().read(from, 1U << 20U);
            if (read.damaged) {
                text += '[' + std::to_string(read.damaged->first.value) + ',' +
                        std::to_string(read.damaged->second.value) + ") ";
            }
            if (read.records > 0) {
                text += std::to_string(read.first.value) + '-' + std::to_string(read.next.value - 1) + ' ';
            }
            from = read.next.value;
        }
        return text;
    }
    Bytes content(const std::string& path) const { return files->disk().content(files->disk().find(path).value()); }
};

using Texts = std::vector<std::string>;

std::string lost(std::uint64_t first, std::uint64_t end) {
    return lost_name({{first}, {end}});
}

}  // namespace

TEST_CASE_METHOD(StoppedLog,
                 "segment inspection: a log that was closed has no findings, and all of its records are seen") {
    stop_cleanly();
    CHECK(told() == Texts{});
    const PartitionInspection found = inspect();
    CHECK(found.records() == 100);
    CHECK(found.bytes() == 100 * 132);
    CHECK(found.segments.size() == 4);
    CHECK(found.end() == Offset{100});
}

TEST_CASE_METHOD(StoppedLog, "segment inspection: a log whose server was killed has no findings, in use or not") {
    stop_abruptly();
    CHECK(told() == Texts{});
    CHECK(told(true) == Texts{});
}

TEST_CASE_METHOD(StoppedLog, "segment inspection: damaged records are found with their place, and taken out") {
    stop_cleanly();
    flip_byte(segment(0), 5 * 132 + 60);
    flip_byte(segment(0), 20 * 132);
    flip_byte(segment(32), 132 + 60);
    CHECK(told() == Texts{"00000000000000000000.log [5,6) 660-792: 1 record cannot be read",
                          "00000000000000000000.log [20,21) 2640-2772: 1 record cannot be read",
                          "00000000000000000032.log [33,34) 132-264: 1 record cannot be read"});
    repair();
    CHECK(size_of(segment(0)) == 5 * 132);
    CHECK(size_of(segment(6)) == 14 * 132);
    CHECK(size_of(segment(21)) == 11 * 132);
    CHECK(size_of(directory() + lost(5, 6)) == 132);
    CHECK(served() == "0-4 [5,6) 6-19 [20,21) 21-31 32-32 [33,34) 34-63 64-95 96-99 ");
    CHECK(opened.recovery.was_closed_cleanly);
    CHECK(opened.recovery.scanned_bytes == 0);
}

TEST_CASE_METHOD(StoppedLog, "segment inspection: what is moved aside is what was there") {
    stop_cleanly();
    flip_byte(segment(32), 60);
    const Bytes before = content(segment(32));
    const std::vector<std::byte> damaged(before.begin(), before.begin() + 132);
    repair();
    const Bytes aside = content(directory() + lost(32, 33));
    CHECK(std::equal(aside.begin(), aside.end(), damaged.begin(), damaged.end()));
    CHECK_FALSE(exists(segment(32)));  // nothing is left before the damage
    CHECK_FALSE(exists(index(32)));
    CHECK(served() == "0-31 [32,33) 33-63 64-95 96-99 ");
}

TEST_CASE_METHOD(StoppedLog, "segment inspection: damage in the last segment goes, and appends go on behind it") {
    for (const bool was_clean : {true, false}) {
        StoppedLog stopped;
        was_clean ? stopped.stop_cleanly() : stopped.stop_abruptly();
        stopped.flip_byte(stopped.segment(96), 132 + 60);
        CHECK(stopped.told() == Texts{"00000000000000000096.log [97,98) 132-264: 1 record cannot be read"});
        stopped.repair();
        CHECK(stopped.served() == "0-31 32-63 64-95 96-96 [97,98) 98-99 ");
        CHECK(stopped.opened.recovery.was_closed_cleanly == was_clean);
        CHECK(stopped.opened.recovery.cut_bytes == 0);
        CHECK(stopped.log().append({"next"}).first == Offset{100});
    }
}

TEST_CASE_METHOD(StoppedLog, "segment inspection: rot at the very end is not taken for a torn tail") {
    stop_abruptly();
    flip_byte(segment(96), 3 * 132 + 60);
    CHECK(told().front() == "00000000000000000096.log [99,100) 396-528: 1 record cannot be read");
    repair();
    CHECK(served() == "0-31 32-63 64-95 96-98 [99,100) ");
    CHECK(log().append({"next"}).first == Offset{100});
}

TEST_CASE_METHOD(StoppedLog, "segment inspection: a torn tail is cut off, and a copy is kept") {
    stop_abruptly();
    const std::array<std::byte, 50> torn{std::byte{1}};
    write_behind(segment(96), torn);
    CHECK(told() == Texts{"00000000000000000096.log 528-578: ends with 50 bytes that no acknowledged record needs: a "
                          "torn write"});
    CHECK(told(true) == Texts{});
    repair();
    CHECK(size_of(directory() + "00000000000000000096-528-578.aside") == 50);
    CHECK(served() == "0-31 32-63 64-95 96-99 ");
    CHECK(opened.recovery.cut_bytes == 0);
    CHECK(log().append({"next"}).first == Offset{100});
}

TEST_CASE_METHOD(StoppedLog, "segment inspection: the beginning of a batch is no batch") {
    stop_abruptly();
    const auto batch = stamped_batch({100}, {"first", "second"});
    write_behind(segment(96), Bytes(batch).first(RecordView(batch.data()).size()));
    CHECK(told().size() == 1);
    repair();
    CHECK(served() == "0-31 32-63 64-95 96-99 ");
}

TEST_CASE_METHOD(StoppedLog, "segment inspection: a batch that rot cuts in two keeps its other records") {
    REQUIRE_FALSE(log().append({"a", "b", "c"}).error);
    stop_cleanly();
    flip_byte(segment(96), 4 * 132 + 33 + 5);  // "b"
    CHECK(told() == Texts{"00000000000000000096.log [101,102) 561-594: 1 record cannot be read"});
    repair();
    CHECK(served() == "0-31 32-63 64-95 96-100 [101,102) 102-102 ");
}

TEST_CASE_METHOD(StoppedLog, "segment inspection: a segment that is missing is told once, and noted") {
    stop_cleanly();
    remove(segment(32));
    CHECK(told() ==
          Texts{"0 [32,64): 32 records are in no file", "00000000000000000032.index: is the index of no segment"});
    repair();
    CHECK(size_of(directory() + lost(32, 64)) == 0);
    CHECK(served() == "0-31 [32,64) 64-95 96-99 ");
}

TEST_CASE_METHOD(StoppedLog, "segment inspection: the last segment is missing") {
    for (const bool was_clean : {true, false}) {
        StoppedLog stopped;
        was_clean ? stopped.stop_cleanly() : stopped.stop_abruptly();
        stopped.remove(stopped.segment(96));
        CHECK(stopped.told().front() == "0 [96,100): 4 records are in no file");
        stopped.repair();
        CHECK(stopped.served() == "0-31 32-63 64-95 [96,100) ");
        CHECK(stopped.log().append({"next"}).first == Offset{100});
    }
}

TEST_CASE_METHOD(StoppedLog, "segment inspection: a segment that was cut short") {
    stop_cleanly();
    truncate(segment(32), 10 * 132 + 7);
    CHECK(told() == Texts{"00000000000000000032.log [42,64) 1320-1327: 22 records cannot be read"});
    repair();
    CHECK(served() == "0-31 32-41 [42,64) 64-95 96-99 ");
}

TEST_CASE_METHOD(StoppedLog, "segment inspection: bytes behind the beginning of the next segment go") {
    stop_cleanly();
    const auto beyond = stamped_batch({32}, {"again"});
    write_behind(segment(0), beyond);
    CHECK(told() == Texts{"00000000000000000000.log 4224-4261: has 37 bytes behind the beginning of the next segment"});
    repair();
    CHECK(served() == "0-31 32-63 64-95 96-99 ");
}

TEST_CASE_METHOD(StoppedLog, "segment inspection: an index that is missing, damaged or lies is made anew") {
    stop_cleanly();
    const auto write_index = [this](std::uint64_t base, const IndexEntry& first, const IndexEntry& last) {
        SegmentIndex wrong;
        wrong.add(first);
        wrong.seal(last);
        REQUIRE_FALSE(replace_file(*files, index(base), wrong.encode({base}, size_of(segment(base)))));
    };
    write_index(0, {{0}, 0, at_microsecond(1)}, {{31}, 31 * 132, at_microsecond(31)});
    flip_byte(index(32), 40);
    write_index(64, {{64}, 0, at_microsecond(64)}, {{94}, 30 * 132, at_microsecond(94)});
    remove(index(96));
    CHECK(told() == Texts{"00000000000000000000.index: does not match the records",
                          "00000000000000000032.index: is damaged, or of another state of the segment",
                          "00000000000000000064.index: does not match the records",
                          "00000000000000000096.index: is missing"});
    repair();
    CHECK(served() == "0-31 32-63 64-95 96-99 ");
    CHECK(opened.recovery.scanned_bytes == 0);
}

TEST_CASE_METHOD(StoppedLog, "segment inspection: partition.meta is damaged or missing") {
    for (const bool is_there : {true, false}) {
        StoppedLog stopped;
        stopped.stop_cleanly();
        if (is_there) {
            stopped.flip_byte(stopped.meta(), 1024 + 30);
            CHECK(stopped.told() == Texts{"partition.meta: has one of its two copies damaged"});
            stopped.flip_byte(stopped.meta(), 1024 + 1536 + 30);
        } else {
            stopped.remove(stopped.meta());
        }
        CHECK_FALSE(stopped.store->open(stopped.topic, {}, stopped.log_settings));
        CHECK(stopped.told().size() == 1);
        stopped.repair();
        CHECK(stopped.exists(stopped.meta() + ".aside") == is_there);
        CHECK(stopped.served() == "0-31 32-63 64-95 96-99 ");
        CHECK(stopped.opened.epochs == std::vector<EpochStart>{{fresh_epoch, {0}}});
    }
}

TEST_CASE_METHOD(StoppedLog, "segment inspection: both marks are damaged: no record is taken for a torn tail") {
    stop_cleanly();
    flip_byte(meta(), 20);
    flip_byte(meta(), 512 + 20);
    flip_byte(segment(96), 132 + 60);
    CHECK(told().size() == 2);
    repair();
    CHECK(served() == "0-31 32-63 64-95 96-96 [97,98) 98-99 ");
}

TEST_CASE_METHOD(StoppedLog, "segment inspection: what lies below the log's start is not missed") {
    REQUIRE_FALSE(log().trim(40));
    SECTION("after a clean stop") {
        stop_cleanly();
    }
    SECTION("after another") {
        stop_abruptly();
    }
    CHECK(told() == Texts{});
    CHECK(inspect().meta.log_start == Offset{40});
    flip_byte(segment(32), 3 * 132 + 60);
    CHECK(told() == Texts{});
    flip_byte(segment(32), 7 * 132 + 60);
    flip_byte(segment(32), 8 * 132 + 60);
    CHECK(told() == Texts{log_name({32}) + " [40,41) 924-1188: 1 record cannot be read"});
    repair();
    CHECK(exists(directory() + lost(40, 41)));
    CHECK(served() == "[40,41) 41-63 64-95 96-99 ");
    CHECK(extent().first == Offset{40});
    CHECK(opened.recovery.damages == 0);
}

TEST_CASE_METHOD(StoppedLog, "segment inspection: the log's start counts as synced where both marks are damaged") {
    REQUIRE_FALSE(log().sync());
    REQUIRE_FALSE(log().trim(98));
    stop_abruptly();
    flip_byte(meta(), 20);
    flip_byte(meta(), slot_position(1) + 20);
    truncate(segment(96), 132 + 40);
    const PartitionInspection found = inspect();
    CHECK(found.continues_at == Offset{98});
    CHECK(found.missing.empty());
    CHECK(found.segments.back().damages.empty());
    CHECK_FALSE(found.segments.back().cut_at);
    repair();
    CHECK(served().empty());
    CHECK(log().append({"more"}).first == Offset{98});
}

TEST_CASE_METHOD(StoppedLog, "segment inspection: what is no file of a log is told, and stays") {
    stop_cleanly();
    REQUIRE_FALSE(replace_file(*files, directory() + "notes.txt", as_bytes("mine")));
    CHECK(told() == Texts{"notes.txt: is no file of a log"});
    RepairSteps steps;
    REQUIRE_FALSE(repair_partition(*files, inspect(), fresh_epoch, steps));
    CHECK(steps.empty());
    CHECK(exists(directory() + "notes.txt"));
}

TEST_CASE_METHOD(StoppedLog, "segment inspection: changes nothing") {
    stop_abruptly();
    flip_byte(segment(0), 60);
    truncate(segment(96), 500);
    const auto names_before = names();
    const std::size_t calls_before = call_count();
    CHECK_FALSE(told().empty());
    CHECK(names() == names_before);
    for (std::size_t i = calls_before; i < call_count(); ++i) {
        CHECK_FALSE(files->operations()[i].changes_disk());
    }
}

TEST_CASE_METHOD(StoppedLog, "segment repair: a crash at any point of it loses nothing that could be read") {
    stop_abruptly();
    REQUIRE_FALSE(
        files->open(meta(), Files::Open::write).value()->sync());  // the mark is on the disk, as after a while
    flip_byte(segment(0), 5 * 132 + 60);
    flip_byte(segment(96), 132 + 60);
    const SimulatedDisk broken = files->disk();
    RepairSteps steps;
    files = std::make_unique<SimulatedFiles>(broken);
    REQUIRE_FALSE(repair_partition(*files, inspect(), fresh_epoch, steps));
    const std::size_t calls = call_count();
    for (std::size_t call = 1; call <= calls; ++call) {
        files = std::make_unique<SimulatedFiles>(broken);
        files->fail({.call = call, .error = std::make_error_code(std::errc::io_error)});
        const auto found = inspect_partition(*files, partition(), {}, false);
        if (found) {
            (void)repair_partition(*files, *found, fresh_epoch, steps);
        }
        stop_at(Unsynced::lost);
        CHECK(served() == "0-4 [5,6) 6-31 32-63 64-95 96-96 [97,98) 98-99 ");
    }
}

TEST_CASE_METHOD(StoppedLog, "segment dump: records of a range, and what is lost between them") {
    stop_cleanly();
    flip_byte(segment(32), 60);
    std::string seen;
    DumpVisitor visitor;
    visitor.on_record = [&](const StoredRecord& stored) {
        seen += std::to_string(stored.record.offset().value) + '@' + std::to_string(stored.position) + ' ';
        return stored.record.offset() < Offset{34};
    };
    visitor.on_lost = [&](const OffsetRange& range, const std::string&, const std::optional<ByteRange>& bytes) {
        seen += '[' + std::to_string(range.first.value) + ',' + std::to_string(range.end.value) + ") ";
        CHECK(bytes == ByteRange{0, 132});
    };
    REQUIRE_FALSE(dump_partition(*files, partition(), {{30}, {60}}, visitor));
    CHECK(seen == "30@3960 31@4092 [32,33) 33@132 34@264 ");
    seen.clear();
    REQUIRE_FALSE(dump_partition(*files, partition(), {{98}, {1000}}, visitor));
    CHECK(seen == "98@264 ");  // the visitor has ended it
}

TEST_CASE_METHOD(StoppedLog, "segment dump: it begins with the log, also within a segment") {
    REQUIRE_FALSE(log().trim(40));
    stop_cleanly();
    flip_byte(segment(32), 60);
    std::string seen;
    DumpVisitor visitor;
    visitor.on_record = [&](const StoredRecord& stored) {
        seen += std::to_string(stored.record.offset().value) + ' ';
        return stored.record.offset() < Offset{42};
    };
    visitor.on_lost = [&](const OffsetRange&, const std::string&, const std::optional<ByteRange>&) { seen += "lost "; };
    REQUIRE_FALSE(dump_partition(*files, partition(), {{0}, {1000}}, visitor));
    CHECK(seen == "40 41 42 ");
}

TEST_CASE_METHOD(StoppedLog, "positions inspection: damage and a torn end are told, and mended") {
    const std::string path = directory() + "positions";
    auto file = PositionsFile::open(*files, path);
    REQUIRE(file);
    const std::vector<std::pair<std::string, Offset>> saved{{"a", {1}}, {"b", {2}}, {"c", {300}}};
    REQUIRE_FALSE(file->save(saved, true));
    stop_cleanly();
    CHECK(inspect_positions(*files, path, Offset{300}).findings.empty());
    CHECK(inspect_positions(*files, path, Offset{100}).findings.size() == 1);
    CHECK(inspect_positions(*files, directory() + "none", Offset{100}).findings.empty());
    flip_byte(path, 8 + 15 + 5);
    const std::array<std::byte, 6> torn{std::byte{7}};
    for (const bool is_torn : {false, true}) {
        if (is_torn) {
            write_behind(path, torn);
        }
        const PositionsInspection found = inspect_positions(*files, path, Offset{300});
        CHECK(found.findings.size() == 1);
        CHECK(found.has_torn_end == is_torn);
        RepairSteps steps;
        REQUIRE_FALSE(repair_positions(*files, path, found, steps));
        const PositionsInspection after = inspect_positions(*files, path, Offset{300});
        CHECK(after.findings.empty());
        CHECK(after.positions == PositionsFile::Positions{{"a", {1}}, {"c", {300}}});
    }
    CHECK(exists(path + ".aside"));
    CHECK(exists(path + "-2.aside"));
    flip_byte(path, 0);
    RepairSteps steps;
    REQUIRE_FALSE(repair_positions(*files, path, inspect_positions(*files, path, {}), steps));
    CHECK_FALSE(exists(path));
}
