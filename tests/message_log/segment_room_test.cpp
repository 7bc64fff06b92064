// Room on the disk is taken before it is needed.
#include <catch2/catch.hpp>

#include "segment_fixture.hpp"

using namespace leveret;
using namespace leveret::test;

using Kind = Operation::Kind;
using Sync = MessageLog::Sync;

namespace {

constexpr std::uint64_t chunk_bytes = 64U << 10U;

}  // namespace

TEST_CASE_METHOD(SegmentFixture, "segment room: most requests are granted at once") {
    REQUIRE_FALSE(log().reserve(1000));
    const std::size_t before = call_count();
    for (int i = 0; i < 20; ++i) {
        CHECK(opened.log->reserve(1000, [](std::error_code) { FAIL("granted and answered"); }));
    }
    CHECK(call_count() == before);
}

TEST_CASE_METHOD(SegmentFixture, "segment room: the next chunk is taken in the background when half of one is left") {
    REQUIRE_FALSE(log().reserve(1000));
    REQUIRE(opened.log->reserve(chunk_bytes / 2 + 1, [](std::error_code) {}));
    const std::size_t before = call_count();
    run();
    CHECK(calls(before) == std::vector{Kind::reserve});
    CHECK(opened.log->reserve(chunk_bytes / 2 + 1000, [](std::error_code) {}));
}

TEST_CASE_METHOD(SegmentFixture, "segment room: a full disk is told before anything is written, and breaks nothing") {
    REQUIRE_FALSE(log().append({"a"}, Sync::yes).error);
    files->disk().capacity_bytes = 100'000;
    CHECK(log().reserve(200'000) == Error::disk_full);
    CHECK(counters->logs_failed.value() == 0);
    CHECK_FALSE(log().append({"b"}, Sync::yes).error);
    files->disk().capacity_bytes = SimulatedDisk::unlimited;
    CHECK_FALSE(log().reserve(200'000));
}

TEST_CASE_METHOD(SegmentFixture, "segment room: what is too small for a chunk may still do for a batch") {
    files->disk().capacity_bytes = 4096 + 8192;  // partition.meta, and this
    CHECK_FALSE(log().reserve(3000));
    CHECK_FALSE(log().reserve(5000));
    CHECK(log().reserve(500) == Error::disk_full);
}

TEST_CASE_METHOD(SegmentFixture, "segment room: one that is refused does not take others with it") {
    files->disk().capacity_bytes = 4096 + 4096;
    std::vector<std::error_code> answers;
    const auto note = [&](std::error_code error) { answers.push_back(error); };
    CHECK_FALSE(opened.log->reserve(1000, note));
    CHECK_FALSE(opened.log->reserve(50'000, note));
    CHECK_FALSE(opened.log->reserve(1500, note));
    run();
    CHECK(answers == std::vector<std::error_code>{{}, Error::disk_full, {}});
}

TEST_CASE_METHOD(SegmentFixture, "segment room: what was granted can be written however full the disk is then") {
    REQUIRE_FALSE(log().append({"a"}).error);
    REQUIRE_FALSE(log().reserve(30'000));
    files->disk().capacity_bytes = 0;
    for (int i = 0; i < 20; ++i) {
        const auto batch = log().next_batch({std::string(1400, 'x')});
        const Bytes run_of_bytes = *batch;
        const auto appended = log().answer_to<MessageLog::Appended>([&](auto done) {
            opened.log->append({&run_of_bytes, 1}, Sync::yes, done);
        });
        REQUIRE_FALSE(appended.error);
    }
    // It wanted another segment, and stayed where the room was.
    CHECK(extent().segments == 1);
    CHECK(log().reserve(100'000) == Error::disk_full);
    files->disk().capacity_bytes = SimulatedDisk::unlimited;
    log().append_many(60, 2000, Sync::yes);
    CHECK(extent().segments > 1);
    crash(Unsynced::lost);
    CHECK(opened.recovery.damages == 0);
    CHECK(extent().end == Offset{81});
}

TEST_CASE_METHOD(SegmentFixture, "segment room: a roll carries over what was promised") {
    REQUIRE_FALSE(log().append({std::string(5000, 'x')}).error);
    REQUIRE_FALSE(log().reserve(150'000));
    REQUIRE_FALSE(log().append({"a"}).error);
    REQUIRE(extent().segments == 2);
    files->disk().capacity_bytes = 0;
    const auto batch = log().next_batch({std::string(150'000 - 32, 'x')});
    const Bytes run_of_bytes = *batch;
    const auto appended = log().answer_to<MessageLog::Appended>([&](auto done) {
        opened.log->append({&run_of_bytes, 1}, Sync::yes, done);
    });
    CHECK_FALSE(appended.error);
}

TEST_CASE_METHOD(SegmentFixture,
                 "segment room: room that was not used is given back when a segment is sealed or closed") {
    files->disk().capacity_bytes = 1U << 20U;
    log().append_many(60, 100);
    REQUIRE(extent().segments == 2);
    REQUIRE_FALSE(log().close());
    const SimulatedDisk& disk = files->disk();
    for (const std::uint64_t base : {std::uint64_t{0}, extent().first_segment_end.value}) {
        const NodeId file = disk.find(segment(base)).value();
        CHECK(disk.room_at(file, disk.content(file).size()) < disk.free_bytes() + 4096);
    }
}

TEST_CASE_METHOD(SegmentFixture, "segment room: where too many files are open, room is refused, and the log goes on") {
    reopen_after_close();
    const auto full =
        make_error_code(GENERATE(std::errc::too_many_files_open, std::errc::too_many_files_open_in_system));
    files->fail({.kind = Kind::open, .error = full, .then = full});  // for a chunk, and for this alone
    CHECK(log().reserve(1000) == Error::topic_busy);
    CHECK_FALSE(log().reserve(1000));
    CHECK_FALSE(log().append({"a"}, Sync::yes).error);
    CHECK(counters->logs_failed.value() == 0);
}

TEST_CASE_METHOD(SegmentFixture, "segment room: an append waits until its files can be opened, whichever that is") {
    struct Opening {
        const char* path;
        std::uint64_t call;
        Sync sync;
    };
    // To take the clean mark away, to write, and for the slot after the sync.
    const auto opening =
        GENERATE(Opening{"partition.meta", 1, Sync::no}, Opening{"partition.meta", 1, Sync::yes},
                 Opening{".log", 1, Sync::no}, Opening{".log", 1, Sync::yes}, Opening{"partition.meta", 2, Sync::yes});
    settings.open_files_max = 1;
    reopen_after_close();
    files->fail({.call = opening.call,
                 .kind = Kind::open,
                 .path_part = opening.path,
                 .error = make_error_code(std::errc::too_many_files_open),
                 .then = make_error_code(std::errc::too_many_files_open_in_system)});
    const auto batch = log().next_batch({"a"});
    const Bytes run_of_bytes = *batch;
    const auto appended = log().answer_to<MessageLog::Appended>([&](auto done) {
        opened.log->append({&run_of_bytes, 1}, opening.sync, done);
    });
    CHECK(files->failed_call());
    CHECK_FALSE(appended.error);
    CHECK_FALSE(log().append({"b"}, Sync::yes).error);
    CHECK(counters->logs_failed.value() == 0);
    crash(Unsynced::lost);
    CHECK(extent().end == Offset{2});
    CHECK(opened.recovery.damages == 0);
}

TEST_CASE_METHOD(SegmentFixture, "segment room: however many appends wait, one timer tries again") {
    const auto full = make_error_code(std::errc::too_many_files_open);
    std::vector<std::size_t> handlers;
    for (const int appends : {1, 2}) {
        reopen_after_close();
        files->fail({.kind = Kind::open, .error = full, .then = appends == 2 ? full : std::error_code()});
        for (int i = 0; i < appends; ++i) {
            const auto batch = log().next_batch({"a"});
            const Bytes run_of_bytes = *batch;
            opened.log->append({&run_of_bytes, 1}, Sync::yes, [batch](const MessageLog::Appended&) {});
            poll();
        }
        handlers.push_back(run());
    }
    CHECK(handlers.front() > 0);
    CHECK(handlers.front() == handlers.back());
}

TEST_CASE_METHOD(SegmentFixture,
                 "segment room: a log whose files cannot be opened closes without its mark, and has not failed") {
    settings.open_files_max = 1;
    reopen_after_close();
    REQUIRE_FALSE(log().append({"a"}, Sync::no).error);
    files->fail(
        {.kind = Kind::open, .path_part = "partition.meta", .error = make_error_code(std::errc::too_many_files_open)});
    CHECK(log().close() == Error::topic_busy);
    CHECK(files->failed_call());
    CHECK(counters->logs_failed.value() == 0);
    CHECK(has_finding("could not be closed cleanly"));
    crash(Unsynced::kept);
    CHECK(extent().end == Offset{1});
    CHECK(opened.recovery.findings.empty());
}
