// The beginning of a segment log that lies within a segment: durable before it is shown, and nothing below it missed.
#include <algorithm>

#include <catch2/catch.hpp>

#include "message_log/segment/partition_meta.hpp"
#include "segment_fixture.hpp"

using namespace leveret;
using namespace leveret::test;

using Sync = MessageLog::Sync;

namespace {

/// A hundred records of 132 bytes, 32 to a segment, that begin at `start`; the process has ended.
struct TrimmedLog : SegmentFixture {
    void begin_at(std::uint64_t start) {
        log().append_many(100, 100);
        REQUIRE(extent().first_segment_end == Offset{32});
        REQUIRE_FALSE(log().sync());
        REQUIRE_FALSE(log().trim(start));
        stop_at(Unsynced::kept);
    }
    void flip_record(std::uint64_t base, std::uint64_t offset) { flip_byte(segment(base), (offset - base) * 132 + 60); }
    /// So that nobody knows what was synced.
    void flip_slots() {
        flip_byte(meta(), slot_position(0) + 20);
        flip_byte(meta(), slot_position(1) + 20);
    }
    void check_nothing_is_missed(std::uint64_t start) {
        CHECK(opened.recovery.damages == 0);
        CHECK(extent().first == Offset{start});
        CHECK(extent().end == Offset{100});
        CHECK(log().text_from(0).find('[') == std::string::npos);
        CHECK(counters->log_damages.value() == 0);
    }
};

}  // namespace

TEST_CASE_METHOD(SegmentFixture,
                 "segment trim: within a segment no file goes, and the beginning survives a power cut") {
    log().append_many(100, 100);
    REQUIRE_FALSE(log().sync());
    const std::vector<std::string> before = names();
    REQUIRE_FALSE(log().trim(5));
    CHECK(names() == before);
    crash(Unsynced::lost);
    CHECK(opened.recovery.damages == 0);
    CHECK(extent().first == Offset{5});
    CHECK(extent().end == Offset{100});
    CHECK(log().read(0).first == Offset{5});
}

TEST_CASE_METHOD(SegmentFixture, "segment trim: the beginning moves before the segments below it are removed") {
    log().append_many(100, 100);
    const std::size_t before = call_count();
    REQUIRE_FALSE(log().trim(40));
    const auto kinds = calls(before);
    const auto renamed = std::find(kinds.begin(), kinds.end(), Kind::rename);
    const auto removed = std::find(kinds.begin(), kinds.end(), Kind::remove);
    CHECK(renamed < removed);
    CHECK(removed != kinds.end());
    CHECK_FALSE(exists(segment(0)));
    CHECK(exists(segment(32)));
    crash(Unsynced::lost);
    CHECK(extent().first == Offset{40});
    CHECK_FALSE(exists(segment(0)));  // its name came back with the crash, and went again
}

TEST_CASE_METHOD(SegmentFixture, "segment trim: records are synced before the log begins behind them") {
    for (int i = 0; i < 10; ++i) {
        REQUIRE_FALSE(log().append({std::to_string(i)}, Sync::no).error);
    }
    REQUIRE(extent().synced == Offset{0});
    const std::size_t before = call_count();
    REQUIRE_FALSE(log().trim(7));
    const auto kinds = calls(before);
    CHECK(std::find(kinds.begin(), kinds.end(), Kind::sync) < std::find(kinds.begin(), kinds.end(), Kind::rename));
    crash(Unsynced::lost);
    CHECK(extent().first == Offset{7});
    CHECK(log().text_from(0) == "7 8 9 ");
    CHECK(log().append({"10"}).first == Offset{10});
}

TEST_CASE_METHOD(SegmentFixture, "segment trim: what is synced already is not synced again") {
    log().append_many(10, 100, Sync::yes);
    const std::size_t before = call_count();
    REQUIRE_FALSE(log().trim(7));
    CHECK(calls(before, ".log").empty());
    const std::size_t after = call_count();
    REQUIRE_FALSE(log().trim(7));
    CHECK(calls(after).empty());
}

TEST_CASE_METHOD(SegmentFixture, "segment trim: on a full disk it is told, and nothing has changed") {
    log().append_many(10, 100, Sync::yes);
    files->disk().capacity_bytes = 1;
    CHECK(log().trim(5) == Error::disk_full);
    CHECK(extent().first == Offset{0});
    CHECK(log().read(0).first == Offset{0});
    files->disk().capacity_bytes = SimulatedDisk::unlimited;
    CHECK_FALSE(log().trim(5));
    crash(Unsynced::lost);
    CHECK(extent().first == Offset{5});
    CHECK(log().append({"more"}).first == Offset{10});
}

TEST_CASE_METHOD(TrimmedLog, "segment trim: damage below the beginning is none, in a sealed segment") {
    begin_at(40);
    flip_record(32, 35);
    remove(index(32));  // so that the start reads all of it
    open();
    check_nothing_is_missed(40);
    CHECK(log().find_time(0) == 40);
}

TEST_CASE_METHOD(TrimmedLog, "segment trim: damage below the beginning is none, in the last segment") {
    begin_at(98);
    flip_record(96, 96);
    flip_record(96, 97);
    open();
    check_nothing_is_missed(98);
    CHECK(opened.recovery.cut_bytes == 0);
    CHECK(log().append({"more"}).first == Offset{100});
}

TEST_CASE_METHOD(TrimmedLog, "segment trim: of damage that reaches beyond the beginning, what is beyond is told") {
    begin_at(98);
    flip_record(96, 97);
    flip_record(96, 98);
    open();
    CHECK(opened.recovery.damages == 1);
    CHECK(has_finding("offset 98 of orders cannot be read"));
    CHECK(log().text_from(0).starts_with("[98,99) "));
}

TEST_CASE_METHOD(TrimmedLog, "segment trim: where nobody knows what was synced, everything below the beginning was") {
    begin_at(98);
    flip_slots();
    flip_record(96, 97);
    open();
    check_nothing_is_missed(98);
    CHECK(opened.recovery.cut_bytes == 0);
}

TEST_CASE_METHOD(TrimmedLog, "segment trim: a log never ends before it begins, and gives no offset out twice") {
    begin_at(98);
    flip_slots();
    SECTION("a file cut short") {
        truncate(segment(96), 40);
    }
    SECTION("a file cut short between records") {
        truncate(segment(96), 132);
    }
    SECTION("a last segment that is gone") {
        remove(segment(96));
    }
    SECTION("all segments gone") {
        for (const std::uint64_t base : {64U, 96U}) {
            if (exists(segment(base))) {
                remove(segment(base));
            }
        }
    }
    open();
    CHECK(opened.recovery.damages == 0);
    CHECK(extent().first == Offset{98});
    CHECK(extent().end == Offset{98});
    CHECK(log().append({"more"}).first == Offset{98});
    crash(Unsynced::lost);
    CHECK(log().text_from(0) == "more ");
}

TEST_CASE_METHOD(SegmentFixture, "segment trim: a beginning within a batch of which the end is gone") {
    REQUIRE_FALSE(log().append({"a", "b", "c", "d"}).error);
    REQUIRE_FALSE(log().trim(2));
    stop_at(Unsynced::kept);
    flip_byte(meta(), slot_position(0) + 20);
    flip_byte(meta(), slot_position(1) + 20);
    truncate(segment(0), 99);
    open();
    CHECK(extent().first == Offset{2});
    CHECK(extent().end == Offset{2});
    CHECK(log().append({"e"}).first == Offset{2});
    CHECK(log().text_from(0) == "e ");
}

TEST_CASE_METHOD(TrimmedLog, "segment trim: a first segment that disappears is told, and ends every search") {
    begin_at(5);
    open();
    remove(segment(0));
    std::vector<std::byte> memory(1000);
    CHECK(log().read_into(0, memory).error() == std::errc::no_such_file_or_directory);
    const auto found =
        log().answer_to<Result<Offset>>([&](auto done) { opened.log->find_time(at_microsecond(0), done); });
    CHECK(found.error() == std::errc::no_such_file_or_directory);
    stop_at(Unsynced::kept);
    open();
    CHECK(log().text_from(0).starts_with("[5,32) "));
    CHECK(log().find_time(0) == 32);
}
