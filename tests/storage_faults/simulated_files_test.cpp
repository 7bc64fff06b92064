// The disk that the tests beside this one stand on.
#include "support/simulated_files.hpp"

#include <catch2/catch.hpp>

using namespace leveret;
using namespace leveret::test;

namespace {

constexpr auto lost = Crash{.unsynced = Unsynced::lost};
constexpr auto kept = Crash{.unsynced = Unsynced::kept};

std::error_code write_text(File& file, std::uint64_t at, std::string_view text) {
    const Bytes run = as_bytes(text);
    const auto count = file.write_some(at, {&run, 1});
    if (count && *count != text.size()) {
        return std::make_error_code(std::errc::message_size);
    }
    return count ? std::error_code() : count.error();
}

std::string text_of(const SimulatedDisk& disk, const std::string& path) {
    const auto file = disk.find(path);
    return file ? std::string(as_text(disk.content(*file))) : "(no such file)";
}

std::unique_ptr<File> create(SimulatedFiles& files, const std::string& path) {
    return files.open(path, Files::Open::create).value();
}

/// A file whose name and first text are durable.
std::unique_ptr<File> durable(SimulatedFiles& files, const std::string& path, std::string_view text) {
    auto file = create(files, path);
    REQUIRE_FALSE(write_text(*file, 0, text));
    REQUIRE_FALSE(file->sync());
    REQUIRE_FALSE(files.sync_directory(""));
    return file;
}

}  // namespace

TEST_CASE("SimulatedFiles: what was not synced is lost in a power cut and kept when only the process ends") {
    SimulatedFiles files;
    const auto file = durable(files, "a", "old");
    REQUIRE_FALSE(write_text(*file, 3, " and new"));
    CHECK(text_of(files.disk().after(lost), "a") == "old");
    CHECK(text_of(files.disk().after(kept), "a") == "old and new");
    CHECK(text_of(files.disk().after(kept).after(lost), "a") == "old");
    REQUIRE_FALSE(file->sync());
    CHECK(text_of(files.disk().after(lost), "a") == "old and new");
}

TEST_CASE("SimulatedFiles: a new name needs its directory synced, whatever was done to the file") {
    SimulatedFiles files;
    REQUIRE_FALSE(files.make_directory("d"));
    REQUIRE_FALSE(files.sync_directory(""));
    const auto file = create(files, "d/a");
    REQUIRE_FALSE(write_text(*file, 0, "text"));
    REQUIRE_FALSE(file->sync());
    CHECK_FALSE(files.disk().after(lost).find("d/a"));
    REQUIRE_FALSE(files.sync_directory("d"));
    CHECK(text_of(files.disk().after(lost), "d/a") == "text");
}

TEST_CASE("SimulatedFiles: a rename replaces in one step, and an unsynced one leaves what was there") {
    SimulatedFiles files;
    durable(files, "a", "old");
    const auto file = create(files, "a.new");
    REQUIRE_FALSE(write_text(*file, 0, "new"));
    REQUIRE_FALSE(file->sync());
    REQUIRE_FALSE(files.rename("a.new", "a"));
    CHECK(text_of(files.disk(), "a") == "new");
    CHECK(text_of(files.disk().after(lost), "a") == "old");
    for (std::uint32_t seed = 0; seed < 50; ++seed) {
        const auto disk = files.disk().after({.unsynced = Unsynced::reordered, .seed = seed});
        CHECK((text_of(disk, "a") == "old" || text_of(disk, "a") == "new"));
    }
    REQUIRE_FALSE(files.sync_directory(""));
    CHECK(text_of(files.disk().after(lost), "a") == "new");
    CHECK_FALSE(files.disk().after(lost).find("a.new"));
}

TEST_CASE("SimulatedFiles: an open file that was removed is read until it is closed, and comes back without a sync") {
    SimulatedFiles files;
    auto file = durable(files, "a", "text");
    REQUIRE_FALSE(files.remove("a"));
    std::vector<std::byte> into(10);
    CHECK(file->read_some(0, into) == 4);
    CHECK(files.open("a", Files::Open::read).error() == std::errc::no_such_file_or_directory);
    file.reset();
    CHECK(text_of(files.disk().after(lost), "a") == "text");
    REQUIRE_FALSE(files.sync_directory(""));
    CHECK_FALSE(files.disk().after(lost).find("a"));
}

TEST_CASE("SimulatedFiles: opening says what exists and what does not") {
    SimulatedFiles files;
    CHECK(files.open("a", Files::Open::write).error() == std::errc::no_such_file_or_directory);
    CHECK(files.open("d/a", Files::Open::create).error() == std::errc::no_such_file_or_directory);
    durable(files, "a", "text");
    CHECK(files.open("a", Files::Open::create).error() == std::errc::file_exists);
    CHECK(write_text(*files.open("a", Files::Open::read).value(), 0, "x") == std::errc::bad_file_descriptor);
    CHECK(files.open("a", Files::Open::overwrite).value()->size() == 0);
    CHECK(text_of(files.disk().after(lost), "a") == "text");
    REQUIRE_FALSE(files.make_directory("d"));
    create(files, "d/a");
    CHECK(files.remove("d") == std::errc::directory_not_empty);
    CHECK(files.list("").value().size() == 2);
}

TEST_CASE("SimulatedFiles: a torn write ends at the end of a sector") {
    const auto sector = GENERATE(std::size_t{512}, std::size_t{4096});
    SimulatedFiles files;
    const auto file = durable(files, "a", std::string(100, 'a'));
    REQUIRE_FALSE(write_text(*file, 100, std::string(10'000, 'b')));
    std::set<std::size_t> sizes;
    for (std::uint32_t seed = 0; seed < 200; ++seed) {
        const auto disk = files.disk().after({.unsynced = Unsynced::torn, .sector_bytes = sector, .seed = seed});
        const std::size_t size = disk.content(*disk.find("a")).size();
        CHECK((size == 100 || size % sector == 0));
        sizes.insert(size);
    }
    CHECK(sizes.size() == 10'100 / sector + 1);
}

TEST_CASE("SimulatedFiles: reordered writes leave each sector as it was at some moment, with zeros where none came") {
    SimulatedFiles files;
    const auto file = durable(files, "a", std::string(1024, 'a'));
    REQUIRE_FALSE(write_text(*file, 0, std::string(1024, 'b')));
    REQUIRE_FALSE(write_text(*file, 1024, std::string(1024, 'c')));
    std::set<std::string> seen;
    for (std::uint32_t seed = 0; seed < 500; ++seed) {
        const std::string text = text_of(files.disk().after({.unsynced = Unsynced::reordered, .seed = seed}), "a");
        std::string sectors;
        for (std::size_t at = 0; at < text.size(); at += 512) {
            CHECK(text.substr(at, 512) == std::string(512, text[at]));
            sectors += text[at] == '\0' ? '0' : text[at];
        }
        seen.insert(sectors);
    }
    CHECK(seen.size() == 4 + 4 * 4);
    CHECK(seen.contains("aa0c"));
    CHECK(seen.contains("ba"));
}

TEST_CASE("SimulatedFiles: after a failed sync the bytes are read, lost in a power cut, and the next sync succeeds") {
    SimulatedFiles files;
    const auto file = durable(files, "a", "old");
    REQUIRE_FALSE(write_text(*file, 3, "+lost"));
    files.fail({.kind = Operation::Kind::sync, .error = std::make_error_code(std::errc::io_error)});
    CHECK(file->sync() == std::errc::io_error);
    REQUIRE_FALSE(file->sync());
    CHECK(text_of(files.disk(), "a") == "old+lost");
    CHECK(text_of(files.disk().after(lost), "a") == "old");
}

TEST_CASE("SimulatedFiles: a descriptor that was opened after a failed write-back claims success") {
    SimulatedFiles files;
    const auto file = durable(files, "a", "old");
    REQUIRE_FALSE(write_text(*file, 3, "+lost"));
    files.fail_write_back("a");
    const auto reopened = files.open("a", Files::Open::write).value();
    CHECK_FALSE(reopened->sync());
    CHECK(file->sync() == std::errc::io_error);
    CHECK_FALSE(file->sync());
    CHECK(text_of(files.disk().after(lost), "a") == "old");
}

TEST_CASE("SimulatedFiles: exactly the n-th call of its kind fails, or does half of its work") {
    SimulatedFiles files;
    const auto file = create(files, "a");
    files.fail({.call = 2, .kind = Operation::Kind::write, .error = std::make_error_code(std::errc::io_error)});
    CHECK_FALSE(write_text(*file, 0, "1"));
    CHECK_FALSE(file->sync());
    CHECK(write_text(*file, 1, "2") == std::errc::io_error);
    CHECK(files.failed_call()->at == 1);
    CHECK_FALSE(write_text(*file, 1, "3"));
    CHECK(text_of(files.disk(), "a") == "13");
    files.fail({.kind = Operation::Kind::write});
    const Bytes run = as_bytes("abcd");
    CHECK(file->write_some(2, {&run, 1}) == 2);
    files.fail({.kind = Operation::Kind::write, .then = std::make_error_code(std::errc::io_error)});
    CHECK(file->write_some(4, {&run, 1}) == 2);
    CHECK(file->write_some(6, {&run, 1}).error() == std::errc::io_error);
    REQUIRE_FALSE(file->truncate(4));
    files.fail({.call = 3});
    CHECK(file->size() == 4);
    CHECK_FALSE(file->sync());
    std::vector<std::byte> into(4);
    CHECK(file->read_some(0, into) == 2);
    CHECK(file->read_some(0, into) == 4);
}

TEST_CASE("SimulatedFiles: a full disk takes what fits, and what was reserved is there") {
    SimulatedFiles files;
    constexpr std::uint64_t block = SimulatedDisk::block_bytes;
    files.disk().capacity_bytes = 5 * block;
    const auto reserved = create(files, "reserved");
    CHECK_FALSE(reserved->reserve(0, 2 * block + 1));
    CHECK(reserved->size() == 0);
    CHECK(files.free_bytes() == 2 * block);
    const auto other = create(files, "other");
    const std::string text(3 * block, 'x');
    const Bytes run = as_bytes(text);
    CHECK(other->write_some(0, {&run, 1}) == 2 * block);
    CHECK(write_text(*other, 2 * block, "x") == std::errc::no_space_on_device);
    CHECK(other->reserve(2 * block, 1) == std::errc::no_space_on_device);
    CHECK_FALSE(write_text(*reserved, 0, text));
    CHECK_FALSE(reserved->truncate(1));
    CHECK(files.free_bytes() == 2 * block);
    CHECK_FALSE(files.remove("other"));
    CHECK(files.free_bytes() == 2 * block);
}

TEST_CASE("SimulatedFiles: the recorded operations, carried out again, give the same disk at every point") {
    SimulatedFiles files(SimulatedFiles().disk());
    const auto file = durable(files, "a", "old");
    REQUIRE_FALSE(write_text(*file, 3, " new"));
    REQUIRE_FALSE(files.rename("a", "b"));
    REQUIRE_FALSE(file->truncate(5));
    SimulatedDisk disk = files.first_disk();
    std::vector<std::string> texts;
    for (const Operation& operation : files.operations()) {
        disk.apply(operation);
        texts.push_back(text_of(disk, "a"));
    }
    CHECK(texts.front().empty());
    CHECK(texts[texts.size() - 3] == "old new");
    CHECK(texts.back() == "(no such file)");
    CHECK(text_of(disk, "b") == "old n");
    CHECK(text_of(disk.after(lost), "a") == "old");
}

TEST_CASE("SimulatedFiles: a flipped bit is there before and after a crash") {
    SimulatedFiles files;
    durable(files, "a", "text");
    files.disk().flip_bit("a", 8);
    CHECK(text_of(files.disk(), "a") == "tdxt");
    CHECK(text_of(files.disk().after(lost), "a") == "tdxt");
}

TEST_CASE("SimulatedFiles: a lock is held by one at a time") {
    SimulatedFiles files;
    auto held = files.lock("lock").value();
    CHECK(files.lock("lock").error() == std::errc::resource_unavailable_try_again);
    held.reset();
    CHECK(files.lock("lock"));
}
