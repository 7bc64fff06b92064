// What a start finds after a stop or a crash.
#include <catch2/catch.hpp>

#include "segment_fixture.hpp"

using namespace leveret;
using namespace leveret::test;

using Kind = Operation::Kind;
using Sync = MessageLog::Sync;

namespace {

std::vector<std::byte> joined(const std::vector<std::byte>& a, const std::vector<std::byte>& b) {
    std::vector<std::byte> both = a;
    both.insert(both.end(), b.begin(), b.end());
    return both;
}

}  // namespace

TEST_CASE_METHOD(SegmentFixture, "segment recovery: after a clean stop no record is read") {
    log().append_many(100, 100);
    reopen_after_close();
    CHECK(opened.recovery.was_closed_cleanly);
    CHECK(opened.recovery.scanned_bytes == 0);
    for (const Operation& call : files->operations()) {
        CHECK_FALSE((call.kind == Kind::read && call.path.ends_with(".log")));
    }
    CHECK(extent().end == Offset{100});
    CHECK(extent().synced == Offset{100});
    CHECK(extent().last_timestamp == at_microsecond(99));
    CHECK(log().read(50, 500).first == Offset{50});
}

TEST_CASE_METHOD(SegmentFixture, "segment recovery: a clean start writes nothing before the first append") {
    log().append_many(3, 100);
    reopen_after_close();
    log().text_from(0);
    for (const Operation& call : files->operations()) {
        CHECK_FALSE((call.kind == Kind::write || call.kind == Kind::sync));
    }
    reopen_after_close();
    CHECK(opened.recovery.was_closed_cleanly);
}

TEST_CASE_METHOD(SegmentFixture, "segment recovery: the mark of a clean stop goes, durably, before the first append") {
    REQUIRE_FALSE(log().append({"a"}).error);
    reopen_after_close();
    REQUIRE_FALSE(log().append({"b"}, Sync::no).error);
    crash(Unsynced::lost);
    CHECK_FALSE(opened.recovery.was_closed_cleanly);
    CHECK(log().text_from(0) == "a ");
}

TEST_CASE_METHOD(SegmentFixture,
                 "segment recovery: the mark of a clean stop does not count for a file of another size") {
    REQUIRE_FALSE(log().append({"a", "b"}).error);
    REQUIRE_FALSE(log().close());
    stop_at(Unsynced::lost);
    write_behind(segment(0), as_bytes("rubbish"));
    open();
    CHECK_FALSE(opened.recovery.was_closed_cleanly);
    CHECK(opened.recovery.cut_bytes == 7);
    CHECK(log().text_from(0) == "a b ");
    crash(Unsynced::lost);
    CHECK_FALSE(opened.recovery.was_closed_cleanly);
}

TEST_CASE_METHOD(SegmentFixture, "segment recovery: a clean stop stays one where its index is lost") {
    REQUIRE_FALSE(log().append({"a", "b"}).error);
    REQUIRE_FALSE(log().close());
    stop_at(Unsynced::lost);
    REQUIRE_FALSE(exists(index(0)));
    open();
    CHECK(opened.recovery.was_closed_cleanly);
    CHECK(opened.recovery.scanned_bytes == 66);
    CHECK(log().text_from(0) == "a b ");
    REQUIRE_FALSE(log().append({"c"}, Sync::no).error);
    crash(Unsynced::kept);
    CHECK_FALSE(opened.recovery.was_closed_cleanly);
    CHECK(log().text_from(0) == "a b c ");
}

TEST_CASE_METHOD(SegmentFixture, "segment recovery: the end of the process loses nothing that was written") {
    log().append_many(100, 100, Sync::no);
    crash(Unsynced::kept);
    CHECK_FALSE(opened.recovery.was_closed_cleanly);
    CHECK(opened.recovery.cut_bytes == 0);
    CHECK(opened.recovery.damages == 0);
    CHECK(extent().end == Offset{100});
    CHECK(extent().synced == Offset{100});
    CHECK(log().append({"a"}).first == Offset{100});
    // What the process before had not synced, this one has.
    crash(Unsynced::lost);
    CHECK(extent().end == Offset{101});
}

TEST_CASE_METHOD(SegmentFixture, "segment recovery: what was written and never reached the disk is written again") {
    REQUIRE_FALSE(log().append({"a"}, Sync::yes).error);
    REQUIRE_FALSE(log().append({"b"}, Sync::no).error);
    // Its write-back failed, and the error went with the process: the pages look clean, a new sync claims success.
    files->fail_write_back(segment(0));
    crash(Unsynced::kept);
    CHECK(log().text_from(0) == "a b ");
    CHECK(extent().synced == Offset{2});
    crash(Unsynced::lost);
    CHECK(log().text_from(0) == "a b ");
}

TEST_CASE_METHOD(SegmentFixture, "segment recovery: a power cut loses what was not synced, and no more") {
    REQUIRE_FALSE(log().append({"a", "b"}, Sync::yes).error);
    REQUIRE_FALSE(log().append({"c"}, Sync::no).error);
    crash(Unsynced::lost);
    CHECK(log().text_from(0) == "a b ");
    CHECK(log().append({"d"}).first == Offset{2});
}

TEST_CASE_METHOD(SegmentFixture, "segment recovery: a torn tail is cut before anything is appended") {
    REQUIRE_FALSE(log().append({"a"}).error);
    stop_at(Unsynced::lost);
    const auto torn = stamped_batch({1}, {"torn"});
    write_behind(segment(0), Bytes(torn).first(20));
    open();
    CHECK(opened.recovery.cut_bytes == 20);
    CHECK(opened.recovery.kept_aside_bytes == 0);
    CHECK(opened.recovery.damages == 0);
    CHECK(counters->log_tails_cut.value() == 1);
    CHECK(counters->log_damages.value() == 0);
    CHECK(size_of(segment(0)) == 33);
    CHECK_FALSE(log().append({"b"}).error);
    crash(Unsynced::lost);
    CHECK(log().text_from(0) == "a b ");
}

TEST_CASE_METHOD(SegmentFixture, "segment recovery: a batch without its end is cut whole") {
    REQUIRE_FALSE(log().append({"a"}).error);
    stop_at(Unsynced::lost);
    const auto batch = stamped_batch({1}, {"b", "c", "d"});
    write_behind(segment(0), Bytes(batch).first(66));
    open();
    CHECK(opened.recovery.cut_bytes == 66);
    CHECK(log().text_from(0) == "a ");
    CHECK(log().append({"e"}).first == Offset{1});
}

TEST_CASE_METHOD(SegmentFixture, "segment recovery: a cut that has whole records in it is kept aside") {
    REQUIRE_FALSE(log().append({"a"}).error);
    stop_at(Unsynced::lost);
    auto lost = stamped_batch({1}, {"lost"});
    lost[34] ^= std::byte{1};
    const auto bytes = joined(lost, stamped_batch({2}, {"whole"}));
    write_behind(segment(0), bytes);
    open();
    CHECK(opened.recovery.cut_bytes == bytes.size());
    CHECK(opened.recovery.kept_aside_bytes == bytes.size());
    CHECK(log().text_from(0) == "a ");
    const std::string aside = directory() + offset_name({0}) + "-33-" + std::to_string(33 + bytes.size()) + ".aside";
    REQUIRE(exists(aside));
    CHECK(files->disk().content(files->disk().find(aside).value()) == bytes);
    crash(Unsynced::lost);
    CHECK(exists(aside));
}

TEST_CASE_METHOD(SegmentFixture, "segment recovery: a flipped bit below the synced offset is rot, and stays") {
    REQUIRE_FALSE(log().append({"a", "b", "c"}).error);
    REQUIRE_FALSE(log().append({"d"}).error);
    stop_at(Unsynced::kept);
    flip_byte(segment(0), 33 + 32);
    open();
    CHECK(opened.recovery.cut_bytes == 0);
    CHECK(opened.recovery.damages == 1);
    CHECK(counters->log_damages.value() == 1);
    CHECK(has_finding("offset 1 of orders cannot be read: /data/" + segment(0) + " is damaged at byte 33"));
    CHECK(has_finding(
        "Readers skip it. Stop the server, then: leveret log repair --data-dir /data --topic orders --apply"));
    CHECK(log().text_from(0) == "a [1,2) c d ");
    CHECK(log().append({"e"}).first == Offset{4});
    CHECK(log().text_from(0) == "a [1,2) c d e ");
    CHECK(counters->log_damages.value() == 1);
}

TEST_CASE_METHOD(SegmentFixture, "segment recovery: rot at the end gives no offset out twice") {
    REQUIRE_FALSE(log().append({"a"}).error);
    REQUIRE_FALSE(log().append({"b"}).error);
    stop_at(Unsynced::kept);
    SECTION("a flipped bit") {
        flip_byte(segment(0), 65);
    }
    SECTION("a file cut short") {
        truncate(segment(0), 40);
    }
    SECTION("a file cut short between records") {
        truncate(segment(0), 33);
    }
    open();
    CHECK(opened.recovery.damages == 1);
    CHECK(opened.recovery.cut_bytes == 0);
    CHECK(extent().end == Offset{2});
    CHECK(log().append({"c"}).first == Offset{2});
    CHECK(log().text_from(0) == "a [1,2) c ");
    crash(Unsynced::lost);
    CHECK(log().text_from(0) == "a [1,2) c ");
    CHECK(log().append({"d"}).first == Offset{3});
}

TEST_CASE_METHOD(SegmentFixture, "segment recovery: rot at the end with a torn tail behind it") {
    REQUIRE_FALSE(log().append({"a"}).error);
    REQUIRE_FALSE(log().append({"b"}).error);
    stop_at(Unsynced::kept);
    flip_byte(segment(0), 65);
    write_behind(segment(0), Bytes(stamped_batch({2}, {"torn"})).first(25));
    open();
    CHECK(log().append({"c"}).first == Offset{2});
    CHECK(log().text_from(0) == "a [1,2) c ");
}

TEST_CASE_METHOD(SegmentFixture, "segment recovery: a batch that rot has cut in two keeps its other records") {
    REQUIRE_FALSE(log().append({"a", "b", "c"}).error);
    stop_at(Unsynced::kept);
    truncate(segment(0), 66);
    open();
    CHECK(opened.recovery.cut_bytes == 0);
    CHECK(log().text_from(0) == "a b [2,3) ");
}

TEST_CASE_METHOD(SegmentFixture, "segment recovery: a missing index is made again") {
    log().append_many(100, 100);
    REQUIRE(extent().segments > 2);
    stop_at(Unsynced::kept);
    SECTION("it is gone") {
        remove(index(0));
    }
    SECTION("it is damaged") {
        flip_byte(index(0), 40);
    }
    SECTION("it is short") {
        truncate(index(0), 50);
    }
    SECTION("it is empty") {
        truncate(index(0), 0);
    }
    open();
    CHECK(opened.recovery.damages == 0);
    CHECK(opened.recovery.findings.empty());
    CHECK(log().read(20, 500).first == Offset{20});
    CHECK(size_of(index(0)) > 32);
    const auto end = extent().first_segment_end;
    crash(Unsynced::kept);
    CHECK(extent().first_segment_end == end);
}

TEST_CASE_METHOD(SegmentFixture, "segment recovery: a missing segment is a range of lost records") {
    log().append_many(150, 100);
    REQUIRE(extent().segments > 3);
    const std::uint64_t second = extent().first_segment_end.value;
    stop_at(Unsynced::kept);
    SECTION("in the middle") {
        remove(segment(second));
        open();
        CHECK(opened.recovery.damages == 1);
        CHECK(has_finding("is missing"));
        const std::uint64_t third = second * 2;
        const std::string lost = '[' + std::to_string(second) + ',' + std::to_string(third) + ')';
        CHECK(log().text_from(0).find(lost) != std::string::npos);
        CHECK(log().find_time(static_cast<std::int64_t>(second)) == third);
    }
    SECTION("the first") {
        remove(segment(0));
        open();
        CHECK(opened.recovery.damages == 1);
        CHECK(log().text_from(0).starts_with("[0," + std::to_string(second) + ')'));
        CHECK(log().read(second + 1, 500).first.value == second + 1);
    }
    CHECK(log().append({"a"}).first == Offset{150});
}

TEST_CASE_METHOD(SegmentFixture, "segment recovery: a missing last segment gives no offset out twice") {
    log().append_many(100, 100, Sync::yes);
    std::uint64_t last = 0;
    for (const std::string& name : names()) {
        last = std::max(last, base_in_name(name, ".log").value_or(Offset{}).value);
    }
    stop_at(Unsynced::kept);
    remove(segment(last));
    open();
    CHECK(opened.recovery.damages == 1);
    CHECK(extent().end == Offset{100});
    CHECK(log().append({"a"}).first == Offset{100});
    CHECK(log().text_from(last) == '[' + std::to_string(last) + ",100) a ");
}

TEST_CASE_METHOD(SegmentFixture, "segment recovery: a log that has lost all its segments goes on") {
    log().append_many(10, 100, Sync::yes);
    stop_at(Unsynced::kept);
    remove(segment(0));
    open();
    CHECK(opened.recovery.damages == 1);
    CHECK(log().append({"a"}).first == Offset{10});
    crash(Unsynced::lost);
    CHECK(log().text_from(0) == "[0,10) a ");
}

TEST_CASE_METHOD(SegmentFixture, "segment recovery: files that are not understood stay, and are told of") {
    stop_at(Unsynced::lost);
    for (const char* name : {"notes.txt", "partition.meta.new", "00000000000000000000.index.new"}) {
        REQUIRE(files->open(directory() + name, Files::Open::create));
    }
    open();
    CHECK(has_finding("notes.txt"));
    CHECK(opened.recovery.findings.size() == 1);
    CHECK(names() == std::vector<std::string>{"00000000000000000000.log", "notes.txt", "partition.meta"});
}

TEST_CASE_METHOD(SegmentFixture, "segment recovery: a segment that was begun and never used does no harm") {
    log().append_many(45, 100, Sync::no);
    REQUIRE(extent().segments == 2);
    const std::uint64_t next = extent().first_segment_end.value;
    stop_at(Unsynced::lost);
    REQUIRE(size_of(segment(next)) == 0);
    open();
    CHECK(extent().end == Offset{next});
    CHECK(log().append({"a"}).first == Offset{next});
    crash(Unsynced::lost);
    CHECK(opened.recovery.damages == 0);
    CHECK(extent().end == Offset{next + 1});
}

TEST_CASE_METHOD(SegmentFixture, "segment recovery: partition.meta is mended from its copy, and not guessed at") {
    REQUIRE_FALSE(log().append({"a"}).error);
    stop_at(Unsynced::kept);
    const std::uint64_t at = GENERATE(1024U + 30U, 2560U + 30U);
    flip_byte(meta(), at);
    open();
    CHECK(has_finding("its other copy has mended it"));
    CHECK(log().text_from(0) == "a ");
    crash(Unsynced::lost);
    CHECK_FALSE(has_finding("its other copy has mended it"));
    stop_at(Unsynced::lost);
    SECTION("both copies are damaged") {
        flip_byte(meta(), 1024 + 30);
        flip_byte(meta(), 2560 + 30);
    }
    SECTION("it is cut short") {
        truncate(meta(), 4000);
    }
    CHECK(store->open(topic, {}, {}).error() == Error::bad_log);
}

TEST_CASE_METHOD(SegmentFixture,
                 "segment recovery: without a synced slot whole records are kept, and people are told") {
    REQUIRE_FALSE(log().append({"a", "b"}).error);
    stop_at(Unsynced::lost);
    flip_byte(meta(), 20);
    flip_byte(meta(), 512 + 20);
    open();
    CHECK(has_finding("both synced slots"));
    CHECK(log().text_from(0) == "a b ");
}

TEST_CASE_METHOD(SegmentFixture, "segment epochs: raised where records were shown that a power cut may have taken") {
    log_settings.shows_unsynced = true;
    REQUIRE_FALSE(log().append({"a"}, Sync::yes).error);
    REQUIRE_FALSE(log().append({"b"}, Sync::no).error);
    reboot();
    crash(Unsynced::lost);
    CHECK(opened.epochs == std::vector<EpochStart>{{{1}, {0}}, {{2}, {1}}});
    reopen_after_close();
    CHECK(opened.epochs == std::vector<EpochStart>{{{1}, {0}}, {{2}, {1}}});
    log_settings.epoch = {50};
    REQUIRE_FALSE(log().append({"b"}, Sync::yes).error);
    reboot();
    crash(Unsynced::lost);
    CHECK(opened.epochs.back() == EpochStart{{50}, {2}});
}

TEST_CASE_METHOD(SegmentFixture, "segment epochs: not raised where nothing that was shown can be gone") {
    REQUIRE_FALSE(log().append({"a"}, Sync::no).error);
    SECTION("the same boot: what was written is there") {
        log_settings.shows_unsynced = true;
        crash(Unsynced::kept);
    }
    SECTION("a log that shows only what is synced") {
        reboot();
        crash(Unsynced::lost);
    }
    SECTION("a clean stop before the boot") {
        log_settings.shows_unsynced = true;
        REQUIRE_FALSE(log().close());
        reboot();
        crash(Unsynced::lost);
    }
    CHECK(opened.epochs == std::vector<EpochStart>{{{1}, {0}}});
}

TEST_CASE_METHOD(SegmentFixture, "segment epochs: the boot that wrote last counts, not the one that created") {
    log_settings.shows_unsynced = true;
    REQUIRE_FALSE(log().close());
    reboot();
    crash(Unsynced::lost);
    REQUIRE_FALSE(log().append({"a"}, Sync::no).error);
    crash(Unsynced::kept);
    CHECK(opened.epochs.size() == 1);
    REQUIRE_FALSE(log().append({"b"}, Sync::no).error);
    reboot();
    crash(Unsynced::lost);
    CHECK(opened.epochs.size() == 2);
}
