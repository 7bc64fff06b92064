// A short append is carried out by the thread that brings it, where that thread may be kept; nothing else is.
#include <catch2/catch.hpp>

#include "environment/thread_lender.hpp"
#include "segment_fixture.hpp"

using namespace leveret;
using namespace leveret::test;

using Sync = MessageLog::Sync;

namespace {

struct BorrowingFixture : SegmentFixture {
    ManualClock clock;
    ThreadLender lender{clock};

    BorrowingFixture() {
        REQUIRE_FALSE(log().append({"first"}).error);
        { const ThreadLender::Scope scope(lender, 1); }
        clock.advance(ThreadLender::alone_for);
    }
    /// Whether it has been answered before the log's own thread has run.
    bool is_answered_at_once(const std::string& payload) {
        const auto batch = log().next_batch({payload});
        REQUIRE_FALSE(log().reserve(batch->size()));
        const ThreadLender::Scope scope(lender, 1);
        return begin(batch);
    }
    bool begin(const std::shared_ptr<std::vector<std::byte>>& batch, Sync sync = Sync::yes) {
        const Bytes run_of_records = *batch;
        const auto answered = std::make_shared<bool>(false);
        opened.log->append({&run_of_records, 1}, sync, [batch, answered](const MessageLog::Appended& done) {
            CHECK_FALSE(done.error);
            *answered = true;
        });
        return *answered;
    }
};

}  // namespace

TEST_CASE_METHOD(BorrowingFixture,
                 "segment log: a short append is written and synced by a thread that may be borrowed") {
    CHECK(is_answered_at_once("second"));
    CHECK(extent().synced == Offset{2});
    crash(Unsynced::lost);
    CHECK(log().text_from(0) == "first second ");
}

TEST_CASE_METHOD(BorrowingFixture, "segment log: a long append is left to the log's own threads") {
    CHECK_FALSE(is_answered_at_once(std::string(17U << 10U, 'x')));
    run();
    CHECK(extent().synced == Offset{2});
}

TEST_CASE_METHOD(BorrowingFixture,
                 "segment log: beside other connections a thread is borrowed for a write alone, not for a sync") {
    const auto batch = log().next_batch({"second"});
    REQUIRE_FALSE(log().reserve(batch->size()));
    {
        const ThreadLender::Scope scope(lender, 2);
        CHECK(begin(batch, Sync::no));
    }
    CHECK(extent().synced == Offset{1});
    const auto synced = log().next_batch({"third"});
    REQUIRE_FALSE(log().reserve(synced->size()));
    {
        const ThreadLender::Scope scope(lender, 3);
        CHECK_FALSE(begin(synced, Sync::yes));
    }
    run();
    CHECK(extent().synced == Offset{3});
}

TEST_CASE_METHOD(BorrowingFixture, "segment log: beside other connections no thread is borrowed to begin a new file") {
    const std::uint64_t segments = extent().segments;
    for (bool is_new_file = false; !is_new_file;) {
        const auto batch = log().next_batch({std::string(512, 'x')});
        REQUIRE_FALSE(log().reserve(batch->size()));
        bool is_written_at_once = false;
        {
            const ThreadLender::Scope scope(lender, 2);
            is_written_at_once = begin(batch, Sync::no);
        }
        run();
        is_new_file = extent().segments > segments;
        CHECK(is_written_at_once != is_new_file);
    }
}

TEST_CASE_METHOD(BorrowingFixture, "segment log: nothing but an append is carried out by who asks for it") {
    bool is_synced = false;
    {
        const ThreadLender::Scope scope(lender, 1);
        opened.log->sync([&](std::error_code error) { is_synced = !error; });
    }
    CHECK_FALSE(is_synced);
    run();
    CHECK(is_synced);
}

TEST_CASE_METHOD(BorrowingFixture, "segment log: behind an append that is under way nothing is borrowed") {
    const auto other = log().next_batch({"second"});
    REQUIRE_FALSE(log().reserve(other->size()));
    CHECK_FALSE(begin(other));
    const auto batch = log().next_batch({"third"});
    {
        const ThreadLender::Scope scope(lender, 1);
        CHECK_FALSE(begin(batch));
    }
    run();
    CHECK(log().text_from(0) == "first second third ");
}
