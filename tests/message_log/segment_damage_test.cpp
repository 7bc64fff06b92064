// Damage that is found while reading.
#include <catch2/catch.hpp>

#include "segment_fixture.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

/// A hundred records of 132 bytes in several segments, closed; rot comes while nobody looks.
struct RottenLog : SegmentFixture {
    std::uint64_t per_segment = 0;

    RottenLog() {
        log().append_many(100, 100);
        per_segment = extent().first_segment_end.value;
        REQUIRE(per_segment == 32);
        REQUIRE_FALSE(log().close());
        stop_at(Unsynced::kept);
    }
    std::string lost_ranges() {
        std::string ranges;
        const std::string text = log().text_from(0, 1000);
        for (std::size_t at = text.find('['); at != std::string::npos; at = text.find('[', at + 1)) {
            ranges += text.substr(at, text.find(')', at) - at + 2);
        }
        return ranges;
    }
};

}  // namespace

TEST_CASE_METHOD(RottenLog, "segment damage: a damaged record is skipped and told, the others are served") {
    flip_byte(segment(0), 5 * 132 + 60);
    flip_byte(segment(32), 132 + 1);  // a size
    open();
    CHECK(opened.recovery.was_closed_cleanly);
    CHECK(lost_ranges() == "[5,6) [33,34) ");
    CHECK(counters->log_damages.value() == 2);
    REQUIRE(findings.size() == 2);
    CHECK(findings[0].find(segment(0) + " is damaged at byte 660") != std::string::npos);
    CHECK(findings[0].find("leveret log repair --data-dir /data --topic orders") != std::string::npos);
    CHECK(lost_ranges() == "[5,6) [33,34) ");
    CHECK(counters->log_damages.value() == 2);
    CHECK(findings.size() == 2);
}

TEST_CASE_METHOD(RottenLog, "segment damage: a read that begins in the damage or next to it is right") {
    for (const std::uint64_t at : {5U, 6U, 7U}) {
        flip_byte(segment(0), at * 132);
    }
    open();
    CHECK(log().read(4, 200).next == Offset{5});
    for (const std::uint64_t from : {5U, 6U, 7U}) {
        const LogRead read = log().read(from, 500);
        REQUIRE(read.damaged);
        CHECK(*read.damaged == std::pair(Offset{from}, Offset{8}));
        CHECK(read.first == Offset{8});
        CHECK(read.records == 3);
        CHECK(read.next == Offset{11});
    }
    CHECK(log().read(8, 500).first == Offset{8});
    CHECK_FALSE(log().read(8, 500).damaged);
    CHECK(counters->log_damages.value() == 1);
    CHECK(has_finding("offsets 5 to 7 (3 records) of orders cannot be read"));
    CHECK(has_finding("Readers skip them."));
}

TEST_CASE_METHOD(RottenLog, "segment damage: the last record of a sealed segment, and of the log") {
    flip_byte(segment(0), 31 * 132 + 50);
    flip_byte(segment(96), 3 * 132 + 50);
    open();
    CHECK(lost_ranges() == "[31,32) [99,100) ");
    CHECK(log().read(99).next == Offset{100});
    CHECK(log().read(99).records == 0);
}

TEST_CASE_METHOD(RottenLog, "segment damage: a sealed segment that was cut short loses its end alone") {
    truncate(segment(32), 132 * 10 + 7);
    open();
    CHECK(lost_ranges() == "[42,64) ");
    CHECK(log().read(63, 500).damaged == std::pair(Offset{63}, Offset{64}));
    CHECK(log().read(64, 500).first == Offset{64});
    CHECK(log().find_time(50) == 64);
}

TEST_CASE_METHOD(RottenLog, "segment damage: a search by time goes around damage") {
    flip_byte(segment(0), 7 * 132 + 16);
    open();
    CHECK(log().find_time(7) == 8);
    CHECK(log().find_time(8) == 8);
    CHECK(log().find_time(3) == 3);
}

TEST_CASE_METHOD(RottenLog, "segment damage: a size that claims too much does not make the reader ask for memory") {
    std::uint32_t claimed = 3900;
    const auto file = files->open(segment(0), Files::Open::write).value();
    const Bytes run = std::as_bytes(std::span(&claimed, 1));
    REQUIRE_FALSE(write_all(*file, 132, {&run, 1}));
    REQUIRE_FALSE(file->sync());
    open();
    const LogRead read = log().read(1, 500);
    CHECK(read.damaged == std::pair(Offset{1}, Offset{2}));
    CHECK(read.first == Offset{2});
    CHECK(read.records == 3);
}

TEST_CASE_METHOD(RottenLog, "segment damage: an index that lies costs time, not records") {
    // Rot behind the start's back: the index was good when the log was opened.
    open();
    flip_byte(index(0), 50);
    CHECK(log().read(20, 500).first == Offset{20});
    CHECK(log().read(31, 500).first == Offset{31});
    CHECK(counters->log_damages.value() == 0);
}
