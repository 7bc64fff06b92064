#include "message_log/segment/segment_scan.hpp"

#include <catch2/catch.hpp>

#include "log_driver.hpp"
#include "support/simulated_files.hpp"

using namespace leveret;
using namespace leveret::test;

using Found = SegmentScanner::Found;

namespace {

/// Records of 100 bytes; the record n begins at byte 100 n.
struct ScanFixture {
    std::vector<std::byte> bytes;
    SimulatedFiles files;
    std::unique_ptr<File> file;

    void write_records(std::uint64_t count, std::size_t payload = 68) {
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto record = stamped_batch({i}, {std::string(payload, static_cast<char>('a' + i % 26))});
            bytes.insert(bytes.end(), record.begin(), record.end());
        }
    }
    /// "5" for five records, "[2,3)" for damage, "?" for damage up to the end.
    std::string scan(std::size_t window = SegmentScanner::window_bytes_default) {
        file = files.open("segment", Files::Open::overwrite).value();
        const Bytes run = bytes;
        REQUIRE_FALSE(write_all(*file, 0, {&run, 1}));
        SegmentScanner scanner(*file, {.timestamp = Timestamp::min()}, bytes.size(), window);
        std::string text;
        std::uint64_t records = 0;
        const auto put_records = [&] {
            text += records > 0 ? std::to_string(records) + ' ' : "";
            records = 0;
        };
        auto found = scanner.next().value();
        for (; found != Found::end; found = scanner.next().value()) {
            if (found == Found::record) {
                ++records;
                continue;
            }
            put_records();
            const DamagedRange& damage = scanner.damage();
            text += damage.end == damage.first
                        ? std::string("? ")
                        : '[' + std::to_string(damage.first.value) + ',' + std::to_string(damage.end.value) + ") ";
        }
        put_records();
        return text;
    }
    void set_size(std::size_t record, std::uint32_t size) { std::memcpy(bytes.data() + record * 100, &size, 4); }
};

}  // namespace

TEST_CASE_METHOD(ScanFixture, "segment scan: every record is found, whatever the window") {
    write_records(50);
    for (const std::size_t window : {33U, 50U, 100U, 101U, 999U, 1U << 20U}) {
        CHECK(scan(window) == "50 ");
    }
}

TEST_CASE_METHOD(ScanFixture, "segment scan: any flipped bit costs the record that it is in, and no other") {
    write_records(5);
    for (std::size_t bit = 0; bit < 100 * 8; ++bit) {
        bytes[200 + bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        REQUIRE(scan() == "2 [2,3) 2 ");
        REQUIRE(scan(60) == "2 [2,3) 2 ");
        bytes[200 + bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    }
}

TEST_CASE_METHOD(ScanFixture, "segment scan: a wrong size loses the way, and it is found again") {
    write_records(10);
    for (const std::uint32_t size : {0U, 31U, 99U, 101U, 200U, 700U, 5000U, 0xFFFF'FFFFU}) {
        set_size(3, size);
        CHECK(scan() == "3 [3,4) 6 ");
        CHECK(scan(70) == "3 [3,4) 6 ");
    }
}

TEST_CASE_METHOD(ScanFixture, "segment scan: damage over several records is one range") {
    write_records(10);
    std::fill(bytes.begin() + 250, bytes.begin() + 620, std::byte{0});
    CHECK(scan() == "2 [2,7) 3 ");
}

TEST_CASE_METHOD(ScanFixture, "segment scan: what follows no record is damage up to the end") {
    write_records(3);
    SECTION("zeros") {
        bytes.resize(bytes.size() + 5000);
    }
    SECTION("a byte") {
        bytes.resize(bytes.size() + 1);
    }
    SECTION("noise") {
        bytes.resize(bytes.size() + 5000, std::byte{1});
    }
    SECTION("a record cut short") {
        write_records(1);
        bytes.resize(3 * 100 + 99);
    }
    CHECK(scan() == "3 ? ");
}

TEST_CASE_METHOD(ScanFixture, "segment scan: a record that is not the next one does not count") {
    write_records(3);
    SECTION("an older one") {
        const auto old = stamped_batch({1}, {std::string(68, 'x')});
        bytes.insert(bytes.end(), old.begin(), old.end());
    }
    SECTION("one that is too far ahead for the bytes between") {
        const auto far = stamped_batch({1000}, {std::string(68, 'x')});
        bytes.insert(bytes.end(), far.begin(), far.end());
    }
    CHECK(scan() == "3 ? ");
}

TEST_CASE_METHOD(ScanFixture, "segment scan: a record stamped before the one in front of it does not count") {
    write_records(3);
    const RecordDraft draft{.payload = as_bytes("x")};
    const std::size_t at = bytes.size();
    bytes.resize(at + record_bytes(draft));
    write_record(bytes.data() + at, draft, false);
    stamp_record(bytes.data() + at, {3}, at_microsecond(1));
    CHECK(scan() == "3 ? ");
}

TEST_CASE_METHOD(ScanFixture, "segment scan: records in a payload are no records") {
    write_records(2);
    const auto inner = stamped_batch({3}, {"inner", "inner"});
    for (std::uint64_t i = 2; i < 4; ++i) {
        const auto outer = stamped_batch({i}, {std::string(as_text(inner))});
        bytes.insert(bytes.end(), outer.begin(), outer.end());
    }
    // The record 2 is damaged, its size is not: what it carries is not taken for what follows it.
    bytes[200 + 8 + 20] ^= std::byte{1};
    CHECK(scan() == "2 [2,3) 1 ");
}
