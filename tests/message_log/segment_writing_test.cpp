// How a segment log writes: which calls, in which order, and what becomes of it when one fails.
#include <algorithm>

#include <catch2/catch.hpp>

#include "segment_fixture.hpp"

using namespace leveret;
using namespace leveret::test;

using Kind = Operation::Kind;
using Sync = MessageLog::Sync;

namespace {

/// What is said to the log while it has not run yet.
struct Together {
    explicit Together(SegmentFixture& its_fixture) : fixture(its_fixture) {}
    SegmentFixture& fixture;
    std::vector<std::shared_ptr<std::vector<std::byte>>> batches{};
    std::vector<std::error_code> errors{};

    void append(const std::vector<std::string>& payloads, Sync sync) {
        batches.push_back(fixture.log().next_batch(payloads));
        const Bytes run = *batches.back();
        fixture.opened.log->append({&run, 1}, sync, [this](const auto& done) { errors.push_back(done.error); });
    }
};

std::size_t count_of(const std::vector<Kind>& kinds, Kind kind) {
    return static_cast<std::size_t>(std::count(kinds.begin(), kinds.end(), kind));
}

}  // namespace

TEST_CASE_METHOD(SegmentFixture, "segment log: a synced append is a write, a sync and a slot") {
    REQUIRE_FALSE(log().append({"first"}).error);
    REQUIRE_FALSE(log().reserve(64));
    const std::size_t before = call_count();
    Together together(*this);
    together.append({"a", "b"}, Sync::yes);
    run();
    CHECK(calls(before) == std::vector{Kind::write, Kind::sync, Kind::write});
    const auto& operations = files->operations();
    CHECK(operations[before].path == segment(0));
    CHECK(operations[before + 1].path == segment(0));
    CHECK(operations[before + 2].path == meta());
    CHECK(operations[before + 2].bytes == 64);
}

TEST_CASE_METHOD(SegmentFixture, "segment log: appends that wait together share one write and one sync") {
    REQUIRE_FALSE(log().reserve(4096));
    REQUIRE_FALSE(log().sync());
    Together together(*this);
    const std::size_t before = call_count();
    for (int i = 0; i < 10; ++i) {
        together.append({"x"}, i == 4 ? Sync::yes : Sync::no);
    }
    run();
    CHECK(count_of(calls(before, ".log"), Kind::write) == 1);
    CHECK(count_of(calls(before, ".log"), Kind::sync) == 1);
    CHECK(together.errors == std::vector<std::error_code>(10));
    CHECK(extent().synced == Offset{10});
}

TEST_CASE_METHOD(SegmentFixture, "segment log: an append that asks for no sync gets none") {
    const std::size_t before = call_count();
    REQUIRE_FALSE(log().append({"a"}, Sync::no).error);
    CHECK(count_of(calls(before), Kind::sync) == 0);
    CHECK(extent().synced == Offset{0});
    CHECK(extent().end == Offset{1});
}

TEST_CASE_METHOD(SegmentFixture, "segment log: a sync with nothing to sync touches no file") {
    REQUIRE_FALSE(log().append({"a"}, Sync::yes).error);
    const std::size_t before = call_count();
    REQUIRE_FALSE(log().sync());
    CHECK(call_count() == before);
}

TEST_CASE_METHOD(SegmentFixture,
                 "segment log: a full segment is synced and named durably before the next one is used") {
    log().append_many(30, 100);
    const std::size_t before = call_count();
    REQUIRE(extent().segments == 1);
    log().append_many(10, 100);
    REQUIRE(extent().segments == 2);
    const auto& all = files->operations();
    const auto first_call = [&](Kind kind, const std::string& path) {
        const auto found = std::find_if(all.begin() + static_cast<std::ptrdiff_t>(before), all.end(),
                                        [&](const Operation& call) { return call.kind == kind && call.path == path; });
        return found - all.begin();
    };
    const std::string next = segment(extent().first_segment_end.value);
    CHECK(first_call(Kind::sync, segment(0)) < first_call(Kind::open, next));
    CHECK(first_call(Kind::open, next) <
          first_call(Kind::sync_directory, directory().substr(0, directory().size() - 1)));
    CHECK(first_call(Kind::sync_directory, directory().substr(0, directory().size() - 1)) <
          first_call(Kind::write, next));
    CHECK(exists(index(0)));
    CHECK(size_of(segment(0)) >= small_segment_bytes);
}

TEST_CASE_METHOD(SegmentFixture, "segment log: a large backlog is spread over segments of about the size asked for") {
    REQUIRE_FALSE(log().reserve(40'000));
    Together together(*this);
    for (int i = 0; i < 200; ++i) {
        together.append({std::string(100, 'x')}, Sync::no);
    }
    run();
    CHECK(extent().segments >= 5);
    CHECK(extent().first_segment_bytes < small_segment_bytes + 200);
    CHECK(log().text_from(0).size() == 200 * 101);
}

TEST_CASE_METHOD(SegmentFixture,
                 "segment log: after a failed sync nothing is acknowledged and nothing is tried again") {
    REQUIRE_FALSE(log().append({"a"}, Sync::yes).error);
    files->fail({.kind = Kind::sync, .path_part = ".log", .error = std::make_error_code(std::errc::io_error)});
    CHECK(log().append({"b"}, Sync::yes).error == Error::log_failed);
    const std::size_t before = call_count();
    CHECK(log().sync() == Error::log_failed);
    CHECK(log().reserve(10) == Error::log_failed);
    CHECK(log().trim(1) == Error::log_failed);
    CHECK(call_count() == before);
    CHECK(counters->logs_failed.value() == 1);
    CHECK(has_finding("the log of orders has stopped"));
    CHECK(log().text_from(0).starts_with("a "));
    CHECK(log().close() == Error::log_failed);
}

TEST_CASE_METHOD(SegmentFixture,
                 "segment log: a failed write stops the log, and what was synced is there at the next start") {
    REQUIRE_FALSE(log().append({"a"}, Sync::yes).error);
    files->fail({.kind = Kind::write, .path_part = ".log", .error = std::make_error_code(std::errc::io_error)});
    CHECK(log().append({"b"}, Sync::no).error == Error::log_failed);
    crash(Unsynced::lost);
    CHECK(log().text_from(0) == "a ");
    CHECK_FALSE(log().append({"c"}, Sync::yes).error);
}

TEST_CASE_METHOD(SegmentFixture,
                 "segment log: of appends that wait together only those without a sync outlive its failure") {
    REQUIRE_FALSE(log().reserve(4096));
    Together together(*this);
    together.append({"a"}, Sync::no);
    together.append({"b"}, Sync::yes);
    together.append({"c"}, Sync::no);
    files->fail({.kind = Kind::sync, .path_part = ".log", .error = std::make_error_code(std::errc::io_error)});
    run();
    CHECK(together.errors == std::vector<std::error_code>{{}, Error::log_failed, Error::log_failed});
}

TEST_CASE_METHOD(SegmentFixture, "segment log: a signal and a short count are not failures") {
    for (const Kind kind : {Kind::write, Kind::sync, Kind::reserve, Kind::read}) {
        files->fail({.kind = kind, .path_part = ".log", .error = std::make_error_code(std::errc::interrupted)});
        CHECK_FALSE(log().append({"a", "b", "c"}, Sync::yes).error);
        CHECK(log().text_from(extent().end.value - 3) == "a b c ");
    }
    for (const Kind kind : {Kind::write, Kind::read}) {
        files->fail({.kind = kind, .path_part = ".log"});
        CHECK_FALSE(log().append({"a", "b", "c"}, Sync::yes).error);
        CHECK(log().text_from(extent().end.value - 3) == "a b c ");
    }
}

TEST_CASE_METHOD(SegmentFixture, "segment log: a failed read is told, and the next one may succeed") {
    REQUIRE_FALSE(log().append({"a"}).error);
    files->fail({.kind = Kind::read, .path_part = ".log", .error = std::make_error_code(std::errc::io_error)});
    std::vector<std::byte> memory(100);
    CHECK(log().read_into(0, memory).error() == std::errc::io_error);
    CHECK(log().text_from(0) == "a ");
    CHECK_FALSE(log().append({"b"}).error);
}

TEST_CASE_METHOD(SegmentFixture, "segment log: reading on costs one read of the file") {
    log().append_many(30, 100);
    REQUIRE(log().read(0, 700).next == Offset{5});
    for (std::uint64_t from = 5; from < 25; from += 5) {
        const std::size_t before = call_count();
        CHECK(log().read(from, 700).next == Offset{from + 5});
        CHECK(calls(before) == std::vector{Kind::read});
    }
}

TEST_CASE_METHOD(SegmentFixture, "segment log: a trim moves the beginning before it removes files") {
    log().append_many(100, 100);
    const std::uint64_t cut = extent().first_segment_end.value;
    const std::size_t before = call_count();
    REQUIRE_FALSE(log().trim(cut));
    const auto kinds = calls(before);
    const auto renamed = std::find(kinds.begin(), kinds.end(), Kind::rename);
    const auto removed = std::find(kinds.begin(), kinds.end(), Kind::remove);
    CHECK(renamed < removed);
    CHECK(removed != kinds.end());
    CHECK_FALSE(exists(segment(0)));
    CHECK_FALSE(exists(index(0)));
    crash(Unsynced::lost);
    CHECK(extent().first == Offset{cut});
    CHECK(log().read(0).first == Offset{cut});
    CHECK(opened.recovery.damages == 0);
    // The names came back with the crash, and went again.
    CHECK_FALSE(exists(segment(0)));
}

TEST_CASE_METHOD(SegmentFixture, "segment log: a log that is let go of in the middle of its work harms nobody") {
    REQUIRE_FALSE(log().reserve(4096));
    const auto batch = log().next_batch({"a"});
    const Bytes run_of_bytes = *batch;
    bool is_answered = false;
    opened.log->append({&run_of_bytes, 1}, Sync::yes, [&](const auto&) { is_answered = true; });
    opened.log.reset();
    run();
    CHECK(is_answered);
}

TEST_CASE_METHOD(SegmentFixture, "segment store: a partition is created once, and opened only where there is one") {
    CHECK(store->create(topic, {}, {}).error() == std::errc::file_exists);
    CHECK(store->open(topic, {3}, {}).error() == std::errc::no_such_file_or_directory);
    const auto other = store->create(topic, {3}, {.epoch = {9}});
    REQUIRE(other);
    CHECK(other->epochs == std::vector<EpochStart>{{{9}, {0}}});
}

TEST_CASE_METHOD(SegmentFixture, "segment store: a removed topic leaves nothing of its partitions") {
    REQUIRE_FALSE(log().append({"a"}).error);
    REQUIRE_FALSE(log().close());
    REQUIRE_FALSE(store->remove(topic));
    CHECK_FALSE(exists(directory().substr(0, directory().size() - 1)));
    CHECK_FALSE(store->remove(topic));
    CHECK(store->create(topic, {}, {}));
}

TEST_CASE_METHOD(SegmentFixture, "segment store: records whose partition.meta is gone are not overwritten") {
    REQUIRE_FALSE(log().append({"a"}).error);
    stop_at(Unsynced::kept);
    remove(meta());
    CHECK(store->create(topic, {}, {}).error() == Error::bad_log);
    CHECK(size_of(segment(0)) == 33);
}

TEST_CASE("segment store: the boot id is this machine's, and the same each time") {
    CHECK(read_boot_id() == read_boot_id());
    CHECK(read_boot_id() != BootId{});
}
