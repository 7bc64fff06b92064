#include "message_log/memory_log.hpp"

#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <catch2/catch.hpp>

using namespace leveret;

namespace {

using namespace std::chrono_literals;

struct MemoryLogFixture {
    MemoryLog log{{.segment_bytes = 100}};
    std::vector<std::string> answers;  ///< in the order of the callbacks
    std::vector<std::vector<std::byte>> written;

    /// The next record, with its offset as microseconds.
    Bytes record(std::string_view payload) {
        const RecordDraft draft{.payload = as_bytes(payload)};
        std::vector<std::byte>& bytes = written.emplace_back(record_bytes(draft));
        write_record(bytes.data(), draft, false);
        const Offset offset = log.extent().end;
        stamp_record(bytes.data(), offset, Timestamp(std::chrono::microseconds(offset.value)));
        return bytes;
    }
    void append(std::string_view payload, MessageLog::Sync sync = MessageLog::Sync::no) {
        const Bytes run = record(payload);
        log.append({&run, 1}, sync, [this](const MessageLog::Appended& appended) {
            answers.push_back(appended.error ? appended.error.message() : std::to_string(appended.first.value));
        });
    }
    MessageLog::Done answered() {
        return [this](std::error_code error) { answers.push_back(error ? error.message() : "done"); };
    }
    LogRead read(Offset from) {
        std::vector<std::byte> into(1000);
        LogRead found;
        log.read(from, into, [&](const Result<LogRead>& read) { found = read.value(); });
        return found;
    }
};

std::string sentence(Error error) {
    return make_error_code(error).message();
}

}  // namespace

TEST_CASE_METHOD(MemoryLogFixture, "MemoryLog: without an executor it answers before the call returns") {
    append("a");
    CHECK(answers == std::vector<std::string>{"0"});
    CHECK(read({0}).records == 1);
}

TEST_CASE_METHOD(MemoryLogFixture, "MemoryLog: answers that are held come when they are let go, in their order") {
    log.hold();
    append("a");
    append("b");
    log.sync(answered());
    CHECK(answers.empty());
    CHECK(log.held() == 3);
    log.release();
    CHECK(answers == std::vector<std::string>{"0"});
    log.release_all();
    CHECK(answers == std::vector<std::string>{"0", "1", "done"});
    append("c");
    CHECK(answers.size() == 4);
}

TEST_CASE_METHOD(MemoryLogFixture, "MemoryLog: a failed append keeps nothing and stops the log, but not its readers") {
    append("a");
    log.fail_next_append();
    append("b");
    append("c");
    log.sync(answered());
    log.trim({1}, answered());
    CHECK_FALSE(log.reserve(1, answered()));
    const std::string failed = sentence(Error::log_failed);
    CHECK(answers == std::vector<std::string>{"0", failed, failed, failed, failed, failed});
    CHECK(log.extent().end == Offset{1});
    CHECK(read({0}).records == 1);
}

TEST_CASE_METHOD(MemoryLogFixture,
                 "MemoryLog: room that is not there is refused, and used up or given back otherwise") {
    log.set_room(10);
    CHECK(log.reserve(6, answered()));
    CHECK_FALSE(log.reserve(5, answered()));
    CHECK(answers == std::vector{sentence(Error::disk_full)});
    log.unreserve(1);
    CHECK(log.reserve(5, answered()));
}

TEST_CASE_METHOD(MemoryLogFixture, "MemoryLog: room can take its time") {
    log.set_reserve_asks(true);
    log.hold();
    CHECK_FALSE(log.reserve(5, answered()));
    CHECK(answers.empty());
    log.release();
    CHECK(answers == std::vector<std::string>{"done"});
}

TEST_CASE_METHOD(MemoryLogFixture, "MemoryLog: damage is told in front of the records behind it") {
    for (int i = 0; i < 4; ++i) {
        append("a");
    }
    log.damage({1});
    log.damage({2});
    CHECK(read({0}).records == 1);
    CHECK_FALSE(read({0}).damaged);
    const LogRead after = read({1});
    CHECK(after.damaged == std::pair{Offset{1}, Offset{3}});
    CHECK(after.first == Offset{3});
    CHECK(after.next == Offset{4});
    log.damage({3});
    CHECK(read({3}).damaged == std::pair{Offset{3}, Offset{4}});
    CHECK(read({3}).next == Offset{4});
}

TEST_CASE("MemoryLog: with an executor it answers there") {
    asio::io_context context;
    MemoryLog log({.executor = context.get_executor()});
    bool was_answered = false;
    log.sync([&](std::error_code) { was_answered = true; });
    CHECK_FALSE(was_answered);
    context.run();
    CHECK(was_answered);
}

TEST_CASE("MemoryLogStore: an unclean stop raises the epoch where readers see unsynced records") {
    MemoryLogStore store({});
    const LogSettings settings{.shows_unsynced = GENERATE(true, false), .epoch = {3}};
    REQUIRE(store.create({}, {}, settings));
    const auto opened = store.open({}, {}, settings);
    REQUIRE(opened);
    CHECK_FALSE(opened->recovery.was_closed_cleanly);
    CHECK(opened->epochs.back().epoch == Epoch{settings.shows_unsynced ? 4U : 3U});
}
