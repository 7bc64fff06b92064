// The promises of MessageLog, held against every kind of log. A new kind: a file of its own that makes it, and a line
// in all_kinds().
#include "log_contract.hpp"

#include <algorithm>

#include <catch2/catch.hpp>

#include "log_driver.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

std::vector<LogKind> all_kinds() {
    return {
        segment_log_kind(),
        memory_log_kind(),
        rocksdb_log_kind(),
    };
}

/// Runs `promise` on a new log of every kind.
template <class Promise>
void every_log(Promise promise) {
    for (const LogKind& kind : all_kinds()) {
        INFO("kept in " << kind.name);
        const auto subject = kind.make();
        LogDriver driver(subject->log(), [&] { subject->run(); });
        promise(*subject, driver);
    }
}

/// The same, for logs whose segments are small.
template <class Promise>
void every_log_with_small_segments(Promise promise) {
    for (const LogKind& kind : all_kinds()) {
        if (kind.has_small_segments) {
            INFO("kept in " << kind.name);
            const auto subject = kind.make();
            LogDriver driver(subject->log(), [&] { subject->run(); });
            promise(*subject, driver);
        }
    }
}

LogDriver reopened(LogUnderTest& subject, LogDriver& driver) {
    REQUIRE_FALSE(driver.close());
    subject.reopen();
    return {subject.log(), [&subject] { subject.run(); }};
}

}  // namespace

TEST_CASE("MessageLog: a new log is empty") {
    every_log([](LogUnderTest& subject, LogDriver& driver) {
        const LogExtent extent = subject.log().extent();
        CHECK(extent.first == Offset{0});
        CHECK(extent.end == Offset{0});
        CHECK(extent.bytes == 0);
        CHECK(extent.segments == 1);
        CHECK_FALSE(extent.first_segment_last);
        CHECK_FALSE(extent.last_timestamp);
        CHECK(driver.read(0).records == 0);
        CHECK(driver.find_time(0) == 0);
    });
}

TEST_CASE("MessageLog: what was appended is read back in order") {
    every_log([](LogUnderTest& subject, LogDriver& driver) {
        CHECK(driver.append({"a", "b"}).first == Offset{0});
        CHECK(driver.append({"c"}).first == Offset{2});
        CHECK(driver.text_from(0) == "a b c ");
        CHECK(driver.text_from(1) == "b c ");
        CHECK(subject.log().extent().end == Offset{3});
        CHECK(subject.log().extent().last_timestamp == at_microsecond(2));
    });
}

TEST_CASE("MessageLog: a read tells what it found and where to read on") {
    every_log([](LogUnderTest&, LogDriver& driver) {
        CHECK_FALSE(driver.append({"a", "b", "c"}).error);
        const LogRead all = driver.read(1);
        CHECK(all.first == Offset{1});
        CHECK(all.next == Offset{3});
        CHECK(all.records == 2);
        CHECK(all.bytes == 2 * 33);
        CHECK_FALSE(all.damaged);
        const LogRead nothing = driver.read(3);
        CHECK(nothing.records == 0);
        CHECK(nothing.bytes == 0);
        CHECK(nothing.next == Offset{3});
    });
}

TEST_CASE("MessageLog: a read takes whole records only, and says when the first is too large") {
    every_log([](LogUnderTest&, LogDriver& driver) {
        CHECK_FALSE(driver.append({"a", "b", std::string(1000, 'c')}).error);
        CHECK(driver.read(0, 70).records == 2);
        CHECK(driver.read(0, 1000).next == Offset{2});
        const LogRead too_large = driver.read(2, 1031);
        CHECK(too_large.bytes == 0);
        CHECK(too_large.next == Offset{2});
        CHECK_FALSE(too_large.damaged);
        CHECK(driver.read(2, 10).bytes == 0);
        CHECK(driver.read(2, 1032).records == 1);
    });
}

TEST_CASE("MessageLog: a batch in several runs of memory is one append") {
    every_log([](LogUnderTest& subject, LogDriver& driver) {
        const auto first = driver.next_batch({"a", "b"});
        const auto second = driver.next_batch({"c"});
        REQUIRE_FALSE(driver.reserve(first->size() + second->size()));
        const std::vector<Bytes> runs{*first, *second};
        const auto appended = driver.answer_to<MessageLog::Appended>(
            [&](auto done) { subject.log().append(runs, MessageLog::Sync::yes, done); });
        CHECK_FALSE(appended.error);
        CHECK(driver.text_from(0) == "a b c ");
    });
}

TEST_CASE("MessageLog: appends under way are carried out and answered in order") {
    every_log([](LogUnderTest& subject, LogDriver& driver) {
        std::vector<std::uint64_t> answered;
        std::vector<std::shared_ptr<std::vector<std::byte>>> batches;
        REQUIRE_FALSE(driver.reserve(4096));
        for (int i = 0; i < 20; ++i) {
            batches.push_back(driver.next_batch({"x"}));
            const Bytes run = *batches.back();
            const auto sync = i % 3 == 0 ? MessageLog::Sync::yes : MessageLog::Sync::no;
            subject.log().append({&run, 1}, sync, [&](const MessageLog::Appended& appended) {
                CHECK_FALSE(appended.error);
                answered.push_back(appended.first.value);
            });
        }
        subject.run();
        CHECK(answered.size() == 20);
        CHECK(std::is_sorted(answered.begin(), answered.end()));
        CHECK(subject.log().extent().end == Offset{20});
    });
}

TEST_CASE("MessageLog: what was answered as synced is synced, and everything before it") {
    every_log([](LogUnderTest& subject, LogDriver& driver) {
        CHECK_FALSE(driver.append({"a"}, MessageLog::Sync::no).error);
        CHECK_FALSE(driver.append({"b"}, MessageLog::Sync::yes).error);
        CHECK(subject.log().extent().synced == Offset{2});
        CHECK_FALSE(driver.append({"c"}, MessageLog::Sync::no).error);
        CHECK_FALSE(driver.sync());
        CHECK(subject.log().extent().synced == Offset{3});
    });
}

TEST_CASE("MessageLog: records survive a close") {
    every_log([](LogUnderTest& subject, LogDriver& driver) {
        CHECK_FALSE(driver.append({"a", "b"}, MessageLog::Sync::no).error);
        LogDriver again = reopened(subject, driver);
        CHECK(again.text_from(0) == "a b ");
        CHECK(again.append({"c"}).first == Offset{2});
        CHECK(again.text_from(0) == "a b c ");
        CHECK(subject.log().extent().last_timestamp == at_microsecond(2));
    });
}

TEST_CASE("MessageLog: a time finds the first record stamped at or after it") {
    every_log([](LogUnderTest& subject, LogDriver& driver) {
        driver.append_many(300, 100);
        for (const std::int64_t time : {0, 1, 37, 38, 150, 299}) {
            CHECK(driver.find_time(time) == static_cast<std::uint64_t>(time));
        }
        CHECK(driver.find_time(-5) == 0);
        CHECK(driver.find_time(300) == 300);
        LogDriver again = reopened(subject, driver);
        CHECK(again.find_time(222) == 222);
    });
}

TEST_CASE("MessageLog: every offset of a long log can be read from") {
    every_log([](LogUnderTest& subject, LogDriver& driver) {
        driver.append_many(300, 100);
        for (std::uint64_t from = 0; from < 300; from += 7) {
            const LogRead read = driver.read(from, 500);
            CHECK(read.first == Offset{from});
            CHECK(read.records > 0);
        }
        LogDriver again = reopened(subject, driver);
        for (std::uint64_t from = 300; from-- > 0;) {
            CHECK(again.read(from, 500).first == Offset{from});
        }
    });
}

TEST_CASE("MessageLog: a trim removes whole segments, and readers begin behind them") {
    every_log_with_small_segments([](LogUnderTest& subject, LogDriver& driver) {
        driver.append_many(300, 100);
        const LogExtent before = subject.log().extent();
        REQUIRE(before.segments > 3);
        CHECK(before.first_segment_last ==
              at_microsecond(static_cast<std::int64_t>(before.first_segment_end.value) - 1));
        CHECK_FALSE(driver.trim(before.first_segment_end.value - 1));
        CHECK(subject.log().extent().segments == before.segments);
        CHECK(subject.log().extent().bytes == before.bytes);
        CHECK_FALSE(driver.trim(before.first_segment_end.value));
        const LogExtent after = subject.log().extent();
        CHECK(after.segments == before.segments - 1);
        CHECK(after.first == before.first_segment_end);
        CHECK(after.bytes == before.bytes - before.first_segment_bytes);
        CHECK(driver.read(0, 500).first == after.first);
        CHECK_FALSE(driver.read(0, 500).damaged);
        CHECK(driver.find_time(0) == after.first.value);
    });
}

TEST_CASE("MessageLog: a trim to the middle of a segment is exact, and what it counts are whole segments") {
    every_log_with_small_segments([](LogUnderTest& subject, LogDriver& driver) {
        driver.append_many(300, 100);
        const LogExtent before = subject.log().extent();
        const std::uint64_t start = before.first_segment_end.value + 5;
        CHECK_FALSE(driver.trim(start));
        const LogExtent after = subject.log().extent();
        const auto check = [&](LogDriver& reader) {
            const LogExtent now = subject.log().extent();
            CHECK(now.first == Offset{start});
            CHECK(now.end == Offset{300});
            CHECK(now.segments == before.segments - 1);
            CHECK(now.bytes == before.bytes - before.first_segment_bytes);
            CHECK(now.first_segment_end > now.first);
            CHECK(now.first_segment_end == after.first_segment_end);
            CHECK(now.first_segment_bytes == after.first_segment_bytes);
            CHECK(now.first_segment_last == at_microsecond(static_cast<std::int64_t>(now.first_segment_end.value) - 1));
            for (const std::uint64_t from : {std::uint64_t{0}, start - 1, start}) {
                const LogRead read = reader.read(from, 500);
                CHECK(read.first == Offset{start});
                CHECK(read.records > 0);
                CHECK_FALSE(read.damaged);
            }
            CHECK(reader.read(start + 1, 500).first == Offset{start + 1});
        };
        check(driver);
        LogDriver again = reopened(subject, driver);
        check(again);
        CHECK_FALSE(again.trim(after.first_segment_end.value));
        CHECK(subject.log().extent().segments == after.segments - 1);
        CHECK(subject.log().extent().bytes == after.bytes - after.first_segment_bytes);
    });
}

TEST_CASE("MessageLog: a time before the beginning finds the beginning, also within a segment") {
    every_log([](LogUnderTest& subject, LogDriver& driver) {
        driver.append_many(300, 100);
        CHECK_FALSE(driver.trim(50));
        const auto check = [](LogDriver& reader) {
            for (const std::int64_t time : {-5, 0, 33, 49, 50}) {
                CHECK(reader.find_time(time) == 50);
            }
            CHECK(reader.find_time(51) == 51);
            CHECK(reader.find_time(299) == 299);
            CHECK(reader.find_time(300) == 300);
        };
        check(driver);
        LogDriver again = reopened(subject, driver);
        check(again);
    });
}

TEST_CASE("MessageLog: the beginning moves forward only, and appends go on behind the end") {
    every_log([](LogUnderTest& subject, LogDriver& driver) {
        CHECK_FALSE(driver.append({"a", "b", "c"}, MessageLog::Sync::no).error);
        CHECK_FALSE(driver.trim(2));
        CHECK_FALSE(driver.trim(1));
        CHECK_FALSE(driver.trim(0));
        CHECK(subject.log().extent().first == Offset{2});
        CHECK(driver.append({"d"}).first == Offset{3});
        CHECK(driver.text_from(0) == "c d ");
        LogDriver again = reopened(subject, driver);
        CHECK(again.text_from(0) == "c d ");
        CHECK_FALSE(again.trim(1));
        CHECK(subject.log().extent().first == Offset{2});
        CHECK_FALSE(again.trim(3));
        CHECK(again.append({"e"}).first == Offset{4});
        CHECK(again.text_from(0) == "d e ");
    });
}

TEST_CASE("MessageLog: a log can be trimmed record by record, until nothing is left of it") {
    every_log_with_small_segments([](LogUnderTest& subject, LogDriver& driver) {
        driver.append_many(70, 100);
        for (std::uint64_t start = 1; start <= 70; ++start) {
            REQUIRE_FALSE(driver.trim(start));
            REQUIRE(subject.log().extent().first == Offset{start});
            REQUIRE(driver.read(0, 140).first == Offset{start});
        }
        CHECK(subject.log().extent().segments == 1);
        CHECK(subject.log().extent().bytes == 0);
        LogDriver again = reopened(subject, driver);
        CHECK(subject.log().extent().first == Offset{70});
        CHECK(again.append({"a"}).first == Offset{70});
        CHECK(again.text_from(0) == "a ");
    });
}

TEST_CASE("MessageLog: a trim beyond the end leaves one segment, empty, and offsets go on") {
    every_log_with_small_segments([](LogUnderTest& subject, LogDriver& driver) {
        driver.append_many(300, 100);
        CHECK_FALSE(driver.trim(1000));
        CHECK(subject.log().extent().segments == 1);
        CHECK(subject.log().extent().first == Offset{300});
        CHECK(subject.log().extent().bytes == 0);
        CHECK_FALSE(subject.log().extent().first_segment_last);
        LogDriver again = reopened(subject, driver);
        CHECK(subject.log().extent().end == Offset{300});
        CHECK(subject.log().extent().segments == 1);
        CHECK(again.append({"a"}).first == Offset{300});
    });
}

TEST_CASE("MessageLog: room that was given back can be taken again") {
    every_log([](LogUnderTest& subject, LogDriver& driver) {
        for (int i = 0; i < 100; ++i) {
            REQUIRE_FALSE(driver.reserve(1U << 20U));
            subject.log().unreserve(1U << 20U);
        }
        CHECK_FALSE(driver.append({"a"}).error);
    });
}

TEST_CASE("MessageLog: after a close every call fails") {
    every_log([](LogUnderTest& subject, LogDriver& driver) {
        CHECK_FALSE(driver.append({"a"}).error);
        CHECK_FALSE(driver.close());
        CHECK(driver.reserve(10) == Error::log_failed);
        CHECK(driver.sync() == Error::log_failed);
        CHECK(driver.trim(1) == Error::log_failed);
        CHECK(driver.close() == Error::log_failed);
        std::vector<std::byte> memory(100);
        CHECK(driver.read_into(0, memory).error() == Error::log_failed);
        const auto batch = driver.next_batch({"b"});
        const Bytes run = *batch;
        const auto appended = driver.answer_to<MessageLog::Appended>([&](auto done) {
            subject.log().append({&run, 1}, MessageLog::Sync::no, done);
        });
        CHECK(appended.error == Error::log_failed);
    });
}

TEST_CASE("MessageLog: a close comes after everything that was promised before it") {
    every_log([](LogUnderTest& subject, LogDriver& driver) {
        REQUIRE_FALSE(driver.reserve(4096));
        std::string order;
        const auto batch = driver.next_batch({"a"});
        const Bytes run = *batch;
        std::vector<std::byte> memory(100);
        subject.log().append({&run, 1}, MessageLog::Sync::yes, [&](const auto& appended) {
            CHECK_FALSE(appended.error);
            order += "append ";
        });
        subject.log().read({0}, memory, [&](const auto&) { order += "read "; });
        subject.log().find_time(at_microsecond(0), [&](const auto&) { order += "find "; });
        subject.log().close([&](std::error_code error) {
            CHECK_FALSE(error);
            order += "close";
        });
        subject.run();
        CHECK(order.ends_with(" close"));
        CHECK(order.size() == std::string("append read find close").size());
    });
}
