#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>
#include <catch2/catch.hpp>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <sys/resource.h>

#include "log_driver.hpp"
#include "message_log/rocksdb/rocksdb_format.hpp"
#include "message_log/rocksdb/rocksdb_store.hpp"
#include "temporary_directory.hpp"

using namespace leveret;
using namespace leveret::test;
namespace fs = std::filesystem;

namespace {

using Sync = MessageLog::Sync;

TopicId topic_id(std::uint8_t byte) {
    TopicId id;
    id.bytes.fill(byte);
    return id;
}

/// A store and one log of it, whose work is done whenever run() is called.
struct RocksDbFixture {
    TemporaryDirectory directory;
    std::string database = directory.path() + "/rocksdb";
    asio::io_context io;
    Counters counters;
    RocksDbStoreSettings settings;
    LogSettings log_settings{.shows_unsynced = true, .epoch = {1}};
    TopicId topic = topic_id(7);
    std::vector<std::string> findings;
    std::unique_ptr<LogStore> store;
    OpenedLog opened;
    std::optional<LogDriver> driver;

    RocksDbFixture() {
        settings.boot_id = {1};
        settings.on_finding = [this](const std::string& finding) { findings.push_back(finding); };
    }

    void run() {
        io.restart();
        io.run();
    }
    [[nodiscard]] Result<std::unique_ptr<LogStore>> try_open_store() {
        return open_rocksdb_store(database, {io.get_executor(), io.get_executor()}, counters, settings);
    }
    void use(Result<OpenedLog> log) {
        REQUIRE(log);
        opened = *std::move(log);
        driver.emplace(*opened.log, [this] { run(); });
    }
    void create() {
        store = try_open_store().value();
        use(store->create(topic, {}, log_settings));
    }
    void open() {
        store = try_open_store().value();
        use(store->open(topic, {}, log_settings));
    }
    void stop() {
        REQUIRE_FALSE(driver->close());
        crash();
    }
    /// As when the process ends without a word: what was written stays.
    void crash() {
        opened.log.reset();
        store.reset();
    }
    OpenedLog create_other(const TopicId& id, PartitionId partition) {
        return store->create(id, partition, log_settings).value();
    }
    LogDriver drive(const OpenedLog& log) {
        return {*log.log, [this] { run(); }};
    }
    void append_numbers(int count) {
        for (int i = 0; i < count; ++i) {
            REQUIRE_FALSE(driver->append({std::to_string(extent().end.value)}, Sync::no).error);
        }
    }
    LogExtent extent() const { return opened.log->extent(); }

    /// Changes the database behind the store's back.
    void change_database(const std::function<void(rocksdb::DB&)>& change) const {
        std::vector<rocksdb::ColumnFamilyHandle*> families;
        rocksdb::DB* opened_db = nullptr;
        rocksdb::ColumnFamilyOptions options;
        options.compression = rocksdb::kNoCompression;
        REQUIRE(rocksdb::DB::Open({}, database, {{"default", options}, {"meta", options}}, &families, &opened_db).ok());
        const std::unique_ptr<rocksdb::DB> db(opened_db);
        change(*db);
        for (rocksdb::ColumnFamilyHandle* family : families) {
            (void)db->DestroyColumnFamilyHandle(family);
        }
    }
    std::string record_key(std::uint64_t offset) const {
        const auto key = PartitionKeys(topic, {}).record({offset});
        return {key.data(), key.size()};
    }
    std::vector<fs::path> files_with(const std::string& extension) const {
        std::vector<fs::path> found;
        for (const auto& entry : fs::directory_iterator(database)) {
            if (entry.path().extension() == extension && entry.file_size() > 0) {
                found.push_back(entry.path());
            }
        }
        return found;
    }
};

void flip_bit(const fs::path& path, std::streamoff at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const auto byte = static_cast<char>(file.get() ^ 1);
    file.seekp(at);
    file.put(byte);
    REQUIRE(file.good());
}

/// While it lives, no file can grow: every write fails.
class FullFiles {
  public:
    FullFiles() : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
        const rlimit none{0, before_.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &none) == 0);
    }
    ~FullFiles() {
        (void)::setrlimit(RLIMIT_FSIZE, &before_);
        (void)std::signal(SIGXFSZ, handler_);
    }
    FullFiles(const FullFiles&) = delete;
    FullFiles& operator=(const FullFiles&) = delete;

  private:
    void (*handler_)(int);
    rlimit before_{};
};

}  // namespace

TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: neighbours by topic and partition are told apart") {
    create();
    const OpenedLog next = create_other(topic, {1});
    const OpenedLog last = create_other(topic_id(0xFF), {~0U});
    LogDriver next_driver = drive(next);
    LogDriver last_driver = drive(last);
    REQUIRE_FALSE(driver->append({"a"}).error);
    REQUIRE_FALSE(next_driver.append({"b", "c"}).error);
    REQUIRE_FALSE(last_driver.append({"d"}).error);
    CHECK(driver->text_from(0) == "a ");
    CHECK(next_driver.text_from(0) == "b c ");
    CHECK(last_driver.text_from(0) == "d ");
    CHECK(driver->find_time(5) == 1);
}

TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: a clean stop is seen at the next start, and only then") {
    create();
    append_numbers(3);
    stop();
    open();
    CHECK(opened.recovery.was_closed_cleanly);
    CHECK(driver->text_from(0) == "0 1 2 ");
    append_numbers(1);
    crash();
    open();
    CHECK_FALSE(opened.recovery.was_closed_cleanly);
    CHECK(driver->text_from(0) == "0 1 2 3 ");
}

TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: what was appended without a sync survives the end of the process") {
    create();
    append_numbers(20);
    const LogExtent before = extent();
    crash();
    open();
    CHECK(extent().end == before.end);
    CHECK(extent().synced == before.end);
    CHECK(extent().bytes == before.bytes);
    CHECK(extent().last_timestamp == before.last_timestamp);
    CHECK(driver->text_from(18) == "18 19 ");
}

TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: a torn write-ahead log shows a batch whole or not at all") {
    create();
    REQUIRE_FALSE(driver->append({"kept"}).error);
    const fs::path log = files_with(".log").front();
    const auto kept_bytes = fs::file_size(log);
    REQUIRE_FALSE(driver->append({"torn", "torn", "torn"}, Sync::no).error);
    const auto all_bytes = fs::file_size(log);
    REQUIRE(all_bytes > kept_bytes + 3 * 36);
    crash();
    const fs::path original = directory.path() + "/original";
    fs::copy(database, original);
    for (auto bytes = all_bytes; bytes >= kept_bytes; bytes -= 16) {
        fs::remove_all(database);
        fs::copy(original, database);
        fs::resize_file(log, bytes);
        open();
        REQUIRE(driver->text_from(0) == (bytes == all_bytes ? "kept torn torn torn " : "kept "));
        REQUIRE_FALSE(driver->append({"new"}).error);
        REQUIRE(driver->text_from(extent().end.value - 1) == "new ");
        stop();
    }
}

TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: appends that wait are one write with one sync, whatever their topics") {
    create();
    const OpenedLog other = create_other(topic_id(8), {});
    LogDriver other_driver = drive(other);
    const auto mine = driver->next_batch({"a", "b"});
    const auto others = other_driver.next_batch({"c"});
    const Bytes my_run = *mine;
    const Bytes other_run = *others;
    const std::uint64_t syncs_before = counters.log_syncs.value();
    int answers = 0;
    const auto appended = [&](const MessageLog::Appended& answer) { answers += answer.error ? 0 : 1; };
    opened.log->append({&my_run, 1}, Sync::yes, appended);
    other.log->append({&other_run, 1}, Sync::yes, appended);
    opened.log->sync([&](std::error_code error) { answers += error ? 0 : 1; });
    CHECK(extent().end == Offset{0});
    run();
    CHECK(answers == 3);
    CHECK(counters.log_syncs.value() == syncs_before + 1);
    CHECK(extent().synced == Offset{2});
    CHECK(other.log->extent().synced == Offset{1});
}

TEST_CASE_METHOD(RocksDbFixture,
                 "RocksDB log: the first append is synced, for the mark of the stop before it, and what asks for it") {
    create();
    append_numbers(1);
    CHECK(extent().synced == Offset{1});
    append_numbers(1);
    CHECK(extent().synced == Offset{1});
    const std::uint64_t syncs_before = counters.log_syncs.value();
    REQUIRE_FALSE(driver->append({"2"}, Sync::yes).error);
    CHECK(counters.log_syncs.value() == syncs_before + 1);
    CHECK(extent().synced == Offset{3});
}

TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: parts are counted as they are written, and found again") {
    settings.part_bytes = 99;
    create();
    append_numbers(7);
    const auto check = [this] {
        CHECK(extent().segments == 3);
        CHECK(extent().first_segment_end == Offset{3});
        CHECK(extent().first_segment_bytes == 99);
        CHECK(extent().first_segment_last == at_microsecond(2));
        CHECK(extent().bytes == 7 * 33);
    };
    check();
    crash();
    open();
    check();
    stop();
    open();
    check();
}

TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: what was trimmed is gone from the database, and is no damage") {
    settings.part_bytes = 99;
    create();
    append_numbers(7);
    REQUIRE_FALSE(driver->trim(6));
    CHECK(driver->text_from(0) == "6 ");
    crash();
    open();
    CHECK(extent().first == Offset{6});
    CHECK(extent().end == Offset{7});
    CHECK(driver->text_from(0) == "6 ");
    CHECK(counters.log_damages.value() == 0);
    stop();
    change_database([this](rocksdb::DB& db) {
        std::string value;
        CHECK(db.Get({}, record_key(5), &value).IsNotFound());
        CHECK(db.Get({}, record_key(6), &value).ok());
    });
}

TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: a beginning within a part survives the end of the process") {
    create();
    append_numbers(7);
    REQUIRE_FALSE(driver->trim(5));
    crash();
    open();
    CHECK(extent().first == Offset{5});
    CHECK(extent().end == Offset{7});
    CHECK(extent().bytes == 7 * 33);
    CHECK(driver->text_from(0) == "5 6 ");
    REQUIRE_FALSE(driver->trim(7));
    crash();
    open();
    CHECK(extent().first == Offset{7});
    CHECK(extent().bytes == 0);
    append_numbers(1);
    CHECK(driver->text_from(0) == "7 ");
    CHECK(counters.log_damages.value() == 0);
}

TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: a trim frees the files of what it removes at once") {
    settings.part_bytes = std::uint64_t{1} << 20U;
    create();
    driver->append_many(40, 100'000);
    stop();
    change_database([](rocksdb::DB& db) { REQUIRE(db.CompactRange({}, nullptr, nullptr).ok()); });
    const auto table_bytes = [this] {
        std::uintmax_t bytes = 0;
        for (const fs::path& path : files_with(".sst")) {
            bytes += fs::file_size(path);
        }
        return bytes;
    };
    open();
    REQUIRE(table_bytes() > 4'000'000);
    const std::string last(2 << 20, 'x');
    REQUIRE_FALSE(driver->append({last}).error);
    REQUIRE_FALSE(driver->append({"last"}).error);
    REQUIRE_FALSE(driver->trim(41));
    CHECK(table_bytes() < 1'000'000);
    CHECK(driver->text_from(0) == "last ");
}

TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: an unclean start on another boot raises the epoch at the end") {
    using Epochs = std::vector<EpochStart>;
    create();
    append_numbers(3);
    crash();
    open();
    CHECK(opened.epochs == Epochs{{{1}, {0}}});  // the same boot: nothing that was written is lost
    append_numbers(1);
    crash();
    settings.boot_id = {2};
    open();
    CHECK(opened.epochs == Epochs{{{1}, {0}}, {{2}, {4}}});
    append_numbers(1);
    stop();
    settings.boot_id = {3};
    open();
    CHECK(opened.epochs.back().epoch == Epoch{2});  // a clean stop
    append_numbers(1);
    crash();
    settings.boot_id = {4};
    log_settings = {.shows_unsynced = true, .epoch = {9}};
    open();
    CHECK(opened.epochs == Epochs{{{1}, {0}}, {{2}, {4}}, {{9}, {6}}});
}

TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: where readers see synced records only, the epoch stays") {
    log_settings.shows_unsynced = false;
    create();
    append_numbers(1);
    crash();
    settings.boot_id = {2};
    open();
    CHECK(opened.epochs.size() == 1);
}

TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: a log is created once and opened only if it was") {
    create();
    CHECK(store->create(topic, {}, log_settings).error() == std::errc::file_exists);
    CHECK(store->open(topic, {1}, log_settings).error() == std::errc::no_such_file_or_directory);
    CHECK(store->open(topic_id(9), {}, log_settings).error() == std::errc::no_such_file_or_directory);
}

TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: removing a topic takes all its partitions and no other topic") {
    create();
    append_numbers(3);
    {
        const OpenedLog other = create_other(topic_id(0xFF), {~0U});
        LogDriver other_driver = drive(other);
        REQUIRE_FALSE(other_driver.append({"other"}).error);
        REQUIRE_FALSE(other_driver.close());
    }
    REQUIRE_FALSE(store->remove(topic_id(0xFF)));
    CHECK(store->open(topic_id(0xFF), {~0U}, log_settings).error() == std::errc::no_such_file_or_directory);
    CHECK(driver->text_from(0) == "0 1 2 ");
    const OpenedLog again = create_other(topic_id(0xFF), {~0U});
    CHECK(again.log->extent().end == Offset{0});
    CHECK(drive(again).text_from(0).empty());
}

TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: room is granted as long as the disk has more than the margin") {
    create();
    REQUIRE_FALSE(driver->reserve(1000));
    // Granted without a look at the disk.
    CHECK(opened.log->reserve(1000, [](std::error_code) { FAIL("was granted already"); }));
    CHECK(driver->reserve(~std::uint64_t{0} / 2) == Error::disk_full);
    CHECK_FALSE(driver->append({"nothing is broken"}).error);
    stop();
    settings.room_margin_bytes = ~std::uint64_t{0};
    open();
    CHECK(driver->reserve(1) == Error::disk_full);
}

TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: after a failed write all logs have stopped, and can still be read") {
    create();
    const OpenedLog other = create_other(topic_id(8), {});
    LogDriver other_driver = drive(other);
    append_numbers(2);
    {
        const FullFiles full;
        CHECK(driver->append({"lost"}, Sync::no).error == Error::log_failed);
    }
    CHECK(extent().end == Offset{2});
    CHECK(driver->sync() == Error::log_failed);
    CHECK(driver->trim(1) == Error::log_failed);
    CHECK(driver->reserve(1) == Error::log_failed);
    CHECK(driver->text_from(0) == "0 1 ");
    CHECK(counters.logs_failed.value() == 1);
    CHECK(other_driver.append({"lost too"}).error == Error::log_failed);
    CHECK(counters.logs_failed.value() == 2);
    CHECK(findings.size() == 1);
    CHECK(driver->close() == Error::log_failed);
    CHECK(other_driver.close() == Error::log_failed);
}

TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: what was answered before a failed write is there after a restart") {
    create();
    append_numbers(2);
    {
        const FullFiles full;
        REQUIRE(driver->append({"lost"}, Sync::no).error);
    }
    crash();
    open();
    CHECK(driver->text_from(0) == "0 1 ");
    append_numbers(1);
    CHECK(driver->text_from(0) == "0 1 2 ");
}

TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: a record that has changed is skipped, told and counted once") {
    create();
    append_numbers(5);
    stop();
    change_database([this](rocksdb::DB& db) {
        std::string value;
        REQUIRE(db.Get({}, record_key(2), &value).ok());
        value.back() = 'x';
        REQUIRE(db.Put({}, record_key(2), value).ok());
    });
    open();
    CHECK(driver->text_from(0) == "0 1 [2,3) 3 4 ");
    CHECK(driver->text_from(2) == "[2,3) 3 4 ");
    CHECK(counters.log_damages.value() == 1);
    CHECK(findings.size() == 1);
    CHECK(driver->find_time(4) == 4);
}

TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: records that are missing are told, and their offsets stay used") {
    create();
    append_numbers(6);
    stop();
    change_database([this](rocksdb::DB& db) {
        for (const std::uint64_t offset : {0U, 2U, 3U, 5U}) {
            REQUIRE(db.Delete({}, record_key(offset)).ok());
        }
    });
    open();
    CHECK(opened.recovery.damages == 1);
    CHECK(opened.recovery.findings.size() == 1);
    CHECK(driver->text_from(0) == "[0,1) 1 [2,4) 4 [5,6) ");
    CHECK(driver->append({"6"}).first == Offset{6});
    CHECK(driver->text_from(5) == "[5,6) 6 ");
}

TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: a damaged block of a table loses the records in it and no others") {
    create();
    driver->append_many(100, 1000);
    crash();
    open();  // which writes what it has recovered to a table
    stop();
    const auto tables = files_with(".sst");
    const auto records = std::max_element(tables.begin(), tables.end(), [](const auto& one, const auto& other) {
        return fs::file_size(one) < fs::file_size(other);
    });
    flip_bit(*records, 40'000);
    open();
    const LogRead before = driver->read(0);
    const LogRead after = driver->read(before.next.value);
    CHECK_FALSE(before.damaged);
    REQUIRE(after.damaged);
    CHECK(after.damaged->first == before.next);
    CHECK(after.damaged->second.value - after.damaged->first.value <= 17);  // blocks have 16 KiB
    CHECK(after.next == Offset{100});
    CHECK(counters.log_damages.value() == 1);
}

// Debian's RocksDB is not built for ThreadSanitizer, which then does not see how its threads wait for each other.
#ifndef __SANITIZE_THREAD__
TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: readers beside appends and trims never see damage") {
    settings.part_bytes = 1000;
    asio::thread_pool threads(3);
    store = open_rocksdb_store(database, {threads.get_executor(), threads.get_executor()}, counters, settings).value();
    const OpenedLog shared = create_other(topic, {});
    std::atomic<std::uint64_t> wrong{0};
    std::atomic<bool> is_writing{true};
    std::thread reader([&] {
        std::vector<std::byte> into(2000);
        Offset next{};
        while (is_writing) {
            std::promise<LogRead> read;
            shared.log->read(next, into, [&](const Result<LogRead>& answer) { read.set_value(answer.value()); });
            const LogRead answer = read.get_future().get();
            wrong += answer.damaged || answer.first < next ? 1 : 0;
            next = answer.records > 0 ? answer.next : Offset{};
        }
    });
    for (std::uint64_t i = 0; i < 2000; ++i) {
        const auto batch = stamped_batch({2 * i}, {"some record", "another one"});
        const Bytes run = batch;
        std::promise<std::error_code> appended;
        shared.log->append({&run, 1}, Sync::no, [&](const auto& answer) { appended.set_value(answer.error); });
        wrong += appended.get_future().get() ? 1 : 0;
        if (i % 50 == 0) {
            shared.log->trim({2 * i}, [&](std::error_code error) { wrong += error ? 1 : 0; });
        }
    }
    is_writing = false;
    reader.join();
    std::promise<std::error_code> closed;
    shared.log->close([&](std::error_code error) { closed.set_value(error); });
    CHECK_FALSE(closed.get_future().get());
    threads.join();
    CHECK(wrong == 0);
    CHECK(shared.log->extent().first > Offset{3000});
    CHECK(counters.log_damages.value() == 0);
}
#endif

TEST_CASE_METHOD(RocksDbFixture, "RocksDB log: a database that cannot be understood is refused and stays") {
    create();
    append_numbers(1);
    stop();
    const fs::path current = fs::path(database) / "CURRENT";
    std::ofstream(current) << "nonsense";
    CHECK(try_open_store().error() == Error::bad_log);
    CHECK(fs::file_size(current) == 8);
    CHECK(findings.size() == 1);
}
