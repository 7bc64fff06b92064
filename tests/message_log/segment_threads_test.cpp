// Appends, reads, trims and a small file cache on several threads at once.
#include <atomic>
#include <future>
#include <stdexcept>

#include <asio/thread_pool.hpp>
#include <catch2/catch.hpp>

#include "log_driver.hpp"
#include "message_log/segment/segment_store.hpp"
#include "temporary_directory.hpp"

using namespace leveret;
using namespace leveret::test;

using Sync = MessageLog::Sync;

namespace {

constexpr std::uint64_t batches = 300;

/// Catch's own checks are for one thread.
void must(bool holds) {
    if (!holds) {
        throw std::logic_error("a thread found what must not be");
    }
}

/// What every reader has to find: what was read and what was trimmed make up what was appended.
struct Reader {
    MessageLog& log;
    std::vector<std::byte> memory = std::vector<std::byte>(2000);
    std::uint64_t next = 0;
    std::uint64_t read = 0;
    std::uint64_t skipped = 0;

    void read_to(std::uint64_t end) {
        while (next < end) {
            std::promise<LogRead> answered;
            log.read({next}, memory, [&](const Result<LogRead>& got) { answered.set_value(got.value()); });
            const LogRead got = answered.get_future().get();
            must(!got.damaged);
            skipped += got.records > 0 ? got.first.value - next : 0;
            read += got.records;
            next = got.next.value;
        }
    }
};

void append_all(MessageLog& log) {
    std::atomic<std::uint64_t> answered = 0;
    std::vector<std::vector<std::byte>> kept;
    kept.reserve(batches);
    for (std::uint64_t i = 0; i < batches; ++i) {
        kept.push_back(stamped_batch({2 * i}, {std::string(50, 'a'), std::string(50, 'b')}));
        std::promise<std::error_code> granted;
        if (!log.reserve(kept.back().size(), [&](std::error_code error) { granted.set_value(error); })) {
            must(!granted.get_future().get());
        }
        const Bytes run = kept.back();
        log.append({&run, 1}, i % 7 == 0 ? Sync::yes : Sync::no,
                   [&](const MessageLog::Appended& appended) { answered += appended.error ? 0 : 1; });
        if (i % 50 == 49) {
            log.trim({i}, [](std::error_code) {});
        }
    }
    std::promise<std::error_code> synced;
    log.sync([&](std::error_code error) { synced.set_value(error); });
    must(!synced.get_future().get());
    must(answered == batches);
}

}  // namespace

TEST_CASE("segment log: what several threads append, read and trim at once adds up") {
    constexpr std::size_t log_count = 3;
    TemporaryDirectory directory;
    const auto files = make_posix_files(directory.path());
    Counters counters;
    asio::thread_pool pool(3);
    const auto store = make_segment_store(*files, {pool.get_executor(), pool.get_executor()}, counters,
                                          {.segment_bytes = 4096, .open_files_max = 3});
    std::vector<std::unique_ptr<MessageLog>> logs;
    std::vector<std::future<void>> work;
    std::vector<Reader> readers;
    for (std::uint8_t i = 0; i < log_count; ++i) {
        logs.push_back(std::move(store->create({{i, 1}}, {}, {}).value().log));
        readers.push_back({*logs.back()});
    }
    for (std::size_t i = 0; i < log_count; ++i) {
        work.push_back(std::async(std::launch::async, [&, i] { append_all(*logs[i]); }));
        work.push_back(std::async(std::launch::async, [&, i] { readers[i].read_to(2 * batches); }));
    }
    for (std::future<void>& part : work) {
        part.get();
    }
    for (const Reader& reader : readers) {
        CHECK(reader.read + reader.skipped == 2 * batches);
    }
    for (const auto& log : logs) {
        CHECK(log->extent().synced == Offset{2 * batches});
        std::promise<std::error_code> closed;
        log->close([&](std::error_code error) { closed.set_value(error); });
        CHECK_FALSE(closed.get_future().get());
    }
    pool.join();
    CHECK(counters.logs_failed.value() == 0);
}
