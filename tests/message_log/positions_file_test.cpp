#include "message_log/positions_file.hpp"

#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "support/simulated_files.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

using Position = std::pair<std::string, Offset>;
const std::string path = "positions";
const std::error_code io_error = make_error_code(std::errc::io_error);

PositionsFile open(Files& files) {
    auto file = PositionsFile::open(files, path);
    REQUIRE(file);
    return *std::move(file);
}

std::error_code save(PositionsFile& file, const std::vector<Position>& positions, bool sync = true) {
    return file.save(positions, sync);
}

std::size_t file_bytes(SimulatedFiles& files) {
    const auto node = files.disk().find(path);
    return node ? files.disk().content(*node).size() : 0;
}

void append_bytes(SimulatedFiles& files, const std::vector<std::byte>& bytes) {
    const auto file = files.open(path, Files::Open::write);
    const Bytes run = bytes;
    REQUIRE_FALSE(write_all(**file, file_bytes(files), {&run, 1}));
}

PositionsFile::Positions after_power_cut(SimulatedFiles& files) {
    SimulatedFiles survived(files.disk().after({.unsynced = Unsynced::lost}));
    return open(survived).positions();
}

}  // namespace

TEST_CASE("PositionsFile: no file is no positions, and opening makes none") {
    SimulatedFiles files;
    CHECK(open(files).positions().empty());
    CHECK_FALSE(files.disk().find(path));
}

TEST_CASE("PositionsFile: the last offset that was saved for a name counts") {
    SimulatedFiles files;
    PositionsFile file = open(files);
    REQUIRE_FALSE(save(file, {{"a", {1}}, {"b", {2}}}));
    REQUIRE_FALSE(save(file, {{"a", {7}}, {"a", {5}}}));
    const PositionsFile::Positions expected{{"a", {5}}, {"b", {2}}};
    CHECK(file.positions() == expected);
    CHECK(open(files).positions() == expected);
    CHECK(open(files).damaged_entries() == 0);
}

TEST_CASE("PositionsFile: the format is the one that is documented") {
    SimulatedFiles files;
    PositionsFile file = open(files);
    REQUIRE_FALSE(save(file, {{"ab", {0x0102}}}));
    const auto content = read_file(files, path, 100);
    REQUIRE(content);
    // The checksum is that of the last 12 bytes.
    CHECK(as_text(*content) == std::string_view("LVTc\1\0\0\0"
                                                "\052\024\076\075"
                                                "\2\0"
                                                "\2\1\0\0\0\0\0\0"
                                                "ab",
                                                24));
}

TEST_CASE("PositionsFile: a synced save survives a power cut, whatever was saved before") {
    SimulatedFiles files;
    PositionsFile file = open(files);
    REQUIRE_FALSE(save(file, {{"a", {1}}}, true));
    REQUIRE_FALSE(save(file, {{"a", {2}}}, true));
    CHECK(after_power_cut(files) == PositionsFile::Positions{{"a", {2}}});
    REQUIRE_FALSE(save(file, {{"a", {3}}}, false));
    CHECK(after_power_cut(files) == PositionsFile::Positions{{"a", {2}}});
    REQUIRE_FALSE(save(file, {{"b", {4}}}, true));
    CHECK(after_power_cut(files) == PositionsFile::Positions{{"a", {3}}, {"b", {4}}});
}

TEST_CASE("PositionsFile: a sync without new positions covers the unsynced ones") {
    SimulatedFiles files;
    PositionsFile file = open(files);
    REQUIRE_FALSE(save(file, {{"a", {1}}}));
    REQUIRE_FALSE(save(file, {{"a", {2}}}, false));
    REQUIRE_FALSE(save(file, {}, true));
    CHECK(after_power_cut(files) == PositionsFile::Positions{{"a", {2}}});
}

TEST_CASE("PositionsFile: unsynced positions whose write-back failed are not taken for synced") {
    SimulatedFiles files;
    PositionsFile file = open(files);
    REQUIRE_FALSE(save(file, {{"a", {1}}}));
    REQUIRE_FALSE(save(file, {{"a", {2}}}, false));
    files.fail_write_back(path);
    REQUIRE_FALSE(save(file, {{"b", {3}}}, true));
    CHECK(after_power_cut(files) == PositionsFile::Positions{{"a", {2}}, {"b", {3}}});
}

TEST_CASE("PositionsFile: the same holds for what a process before this one has written") {
    SimulatedFiles files;
    {
        PositionsFile file = open(files);
        REQUIRE_FALSE(save(file, {{"a", {1}}}));
        REQUIRE_FALSE(save(file, {{"a", {2}}}, false));
    }
    PositionsFile file = open(files);
    files.fail_write_back(path);
    REQUIRE_FALSE(save(file, {{"b", {3}}}, true));
    CHECK(after_power_cut(files) == PositionsFile::Positions{{"a", {2}}, {"b", {3}}});
}

TEST_CASE("PositionsFile: the file stays within a few times of what is current") {
    SimulatedFiles files;
    PositionsFile file = open(files);
    std::size_t most = 0;
    for (std::uint64_t offset = 0; offset < 2'000; ++offset) {
        REQUIRE_FALSE(save(file, {{"a", {offset}}, {"b", {offset}}}, false));
        most = std::max(most, file_bytes(files));
    }
    CHECK(most > 1000);
    CHECK(most < 5000);
    CHECK(open(files).positions() == PositionsFile::Positions{{"a", {1999}}, {"b", {1999}}});
}

TEST_CASE("PositionsFile: a torn last entry is cut, and what is saved next is read") {
    SimulatedFiles whole;
    PositionsFile first = open(whole);
    REQUIRE_FALSE(save(first, {{"kept", {1}}}));
    const std::size_t kept_bytes = file_bytes(whole);
    REQUIRE_FALSE(save(first, {{"torn", {2}}}));
    for (std::size_t size = kept_bytes; size < file_bytes(whole); ++size) {
        SimulatedFiles files(whole.disk());
        REQUIRE_FALSE((*files.open(path, Files::Open::write))->truncate(size));
        PositionsFile file = open(files);
        REQUIRE(file.positions() == PositionsFile::Positions{{"kept", {1}}});
        REQUIRE(file.damaged_entries() == 0);
        REQUIRE(file_bytes(files) == kept_bytes);
        REQUIRE_FALSE(save(file, {{"n", {3}}}, false));
        REQUIRE(open(files).positions() == PositionsFile::Positions{{"kept", {1}}, {"n", {3}}});
    }
}

TEST_CASE("PositionsFile: zeros after the last entry are cut") {
    SimulatedFiles files;
    PositionsFile file = open(files);
    REQUIRE_FALSE(save(file, {{"a", {1}}}));
    append_bytes(files, std::vector<std::byte>(512));
    CHECK(open(files).positions() == PositionsFile::Positions{{"a", {1}}});
    CHECK(open(files).damaged_entries() == 0);
}

TEST_CASE("PositionsFile: damage loses one entry alone, and is counted") {
    SimulatedFiles files;
    PositionsFile file = open(files);
    REQUIRE_FALSE(save(file, {{"first", {1}}, {"second", {2}}, {"third", {3}}}));
    const std::size_t head_bits = 8 * 8;
    const PositionsFile::Positions all = file.positions();
    for (std::size_t bit = head_bits; bit < 8 * file_bytes(files); ++bit) {
        SimulatedDisk spoilt = files.disk();
        spoilt.flip_bit(path, bit);
        SimulatedFiles spoilt_files(spoilt);
        const PositionsFile found = open(spoilt_files);
        CAPTURE(bit);
        REQUIRE(found.damaged_entries() == 1);
        REQUIRE(found.positions().size() == 2);
        REQUIRE(std::includes(all.begin(), all.end(), found.positions().begin(), found.positions().end()));
    }
}

TEST_CASE("PositionsFile: a file with another head is refused and stays as it is") {
    SimulatedFiles files;
    PositionsFile file = open(files);
    REQUIRE_FALSE(save(file, {{"a", {1}}}));
    files.disk().flip_bit(path, static_cast<std::uint64_t>(GENERATE(0, 8 * 4)));
    const auto before = read_file(files, path, 100);
    CHECK(PositionsFile::open(files, path).error() == Error::bad_log);
    CHECK(read_file(files, path, 100) == before);
}

TEST_CASE("PositionsFile: after a failed write or sync nothing is saved any more") {
    const auto kind = GENERATE(Operation::Kind::write, Operation::Kind::sync);
    SimulatedFiles files;
    PositionsFile file = open(files);
    REQUIRE_FALSE(save(file, {{"a", {1}}}));
    files.fail({.kind = kind, .error = io_error});
    CHECK(save(file, {{"a", {2}}}) == io_error);
    CHECK(save(file, {{"a", {3}}}) == Error::log_failed);
    CHECK(after_power_cut(files) == PositionsFile::Positions{{"a", {1}}});
}

TEST_CASE("PositionsFile: a file that cannot be read is an error, not an empty one") {
    SimulatedFiles files;
    PositionsFile file = open(files);
    REQUIRE_FALSE(save(file, {{"a", {1}}}));
    files.fail({.kind = Operation::Kind::read, .error = io_error});
    CHECK(PositionsFile::open(files, path).error() == io_error);
}

TEST_CASE("PositionsFile: commits go on for a while when the disk is full, and a refused one breaks nothing") {
    SimulatedFiles files;
    PositionsFile file = open(files);
    REQUIRE_FALSE(save(file, {{"a", {1}}}));
    files.fail({.kind = Operation::Kind::reserve, .error = std::make_error_code(std::errc::no_space_on_device)});
    CHECK_FALSE(save(file, {{"a", {2}}}));
    files.fail({.kind = Operation::Kind::write, .error = std::make_error_code(std::errc::no_space_on_device)});
    CHECK(save(file, {{"a", {3}}}) == Error::disk_full);
    CHECK_FALSE(save(file, {{"a", {4}}}));
    CHECK(after_power_cut(files) == PositionsFile::Positions{{"a", {4}}});
}

TEST_CASE("PositionsFile: where too many files are open a save is refused, and the next one is kept") {
    const auto kind = GENERATE(Operation::Kind::open, Operation::Kind::sync_directory);
    SimulatedFiles files;
    PositionsFile file = open(files);
    REQUIRE_FALSE(save(file, {{"a", {1}}}));
    if (kind == Operation::Kind::sync_directory) {
        REQUIRE_FALSE(save(file, {{"a", {1}}}, false));  // the next one with a sync is written anew
    }
    files.fail({.kind = kind, .error = make_error_code(std::errc::too_many_files_open)});
    CHECK(save(file, {{"b", {2}}}) == Error::topic_busy);
    CHECK_FALSE(save(file, {{"c", {3}}}));
    CHECK(after_power_cut(files).at("c") == Offset{3});
    CHECK(after_power_cut(files).at("a") == Offset{1});
}

TEST_CASE("PositionsFile: a save that is refused after its file has been renamed is written over by the next") {
    SimulatedFiles files;
    PositionsFile file = open(files);
    REQUIRE_FALSE(save(file, {{"a", {1}}}));
    REQUIRE_FALSE(save(file, {{"a", {2}}}, false));
    REQUIRE_FALSE(save(file, {{"a", {3}}}, false));
    files.fail({.kind = Operation::Kind::sync_directory, .error = make_error_code(std::errc::no_space_on_device)});
    CHECK(save(file, {{"b", {1}}}) == Error::disk_full);
    CHECK_FALSE(save(file, {{"c", {4}}}, false));
    const PositionsFile reopened = open(files);
    CHECK(reopened.positions() == PositionsFile::Positions{{"a", {3}}, {"c", {4}}});
    CHECK(reopened.damaged_entries() == 0);
}

TEST_CASE("PositionsFile: what a full disk has refused is not kept by the next save") {
    const bool has_file = GENERATE(true, false);
    SimulatedFiles files;
    PositionsFile file = open(files);
    if (has_file) {
        REQUIRE_FALSE(save(file, {{"a", {1}}}));
        REQUIRE_FALSE(save(file, {{"a", {1}}}, false));  // the next one with a sync is written anew
    }
    const PositionsFile::Positions before = file.positions();
    files.fail({.kind = Operation::Kind::write, .error = std::make_error_code(std::errc::no_space_on_device)});
    CHECK(save(file, {{"a", {3}}, {"b", {3}}}) == Error::disk_full);
    CHECK(file.positions() == before);
    CHECK_FALSE(save(file, {{"other", {2}}}));
    PositionsFile::Positions expected = before;
    expected["other"] = Offset{2};
    CHECK(after_power_cut(files) == expected);
}

TEST_CASE("PositionsFile: a save that would make the file too large to be read writes it anew") {
    SimulatedFiles files;
    PositionsFile file = open(files);
    REQUIRE_FALSE(save(file, {{"kept", {1}}}));
    const std::string name(name_bytes_max, 'n');
    REQUIRE_FALSE(save(file, std::vector<Position>(260'000, {name, {8}})));
    CHECK(file_bytes(files) < 1000);
    CHECK(open(files).positions() == PositionsFile::Positions{{"kept", {1}}, {name, {8}}});
}
