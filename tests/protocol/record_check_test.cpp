// What check_record() and check_batch() say of bytes that somebody else wrote.
#include <random>

#include <catch2/catch.hpp>

#include "protocol/allocation_counter.hpp"
#include "protocol/hex.hpp"
#include "protocol/record.hpp"
#include "protocol/record_fixture.hpp"

namespace leveret {
namespace {

using namespace test;

constexpr std::size_t record_bytes_max = 8U << 20U;

bool is_well_formed(const std::vector<std::byte>& bytes) {
    const auto checked = check_record(bytes);
    REQUIRE((checked.has_value() || checked.error() == Error::bad_record));
    return checked.has_value();
}

/// A keyless record without payload whose headers are `headers`, as hex.
std::vector<std::byte> with_headers(std::string_view headers) {
    auto record = written({});
    const auto bytes = from_hex(headers);
    record.insert(record.end(), bytes.begin(), bytes.end());
    set_field(record, record_layout::headers_size_at, static_cast<std::uint32_t>(bytes.size()));
    return with_size(record, static_cast<std::uint32_t>(record.size()));
}

struct Verdict {
    std::error_code error;
    std::uint32_t bad_index = 999;
};

Verdict check(const std::vector<std::vector<std::byte>>& records, std::uint32_t count,
              std::size_t bytes_max = record_bytes_max) {
    std::vector<std::byte> batch;
    for (const auto& record : records) {
        batch.insert(batch.end(), record.begin(), record.end());
    }
    Verdict verdict;
    verdict.error = check_batch(batch, count, bytes_max, &verdict.bad_index);
    return verdict;
}

void expect_bad(const Verdict& verdict, std::uint32_t index) {
    CHECK(verdict.error == Error::bad_record);
    CHECK(verdict.bad_index == index);
}

TEST_CASE("check_record: accepts a record and looks no further", "[record]") {
    auto bytes = full_record();
    const std::size_t size = bytes.size();
    bytes.resize(size + 100, std::byte{0xFF});
    REQUIRE(is_well_formed(bytes));
    CHECK(check_record(bytes)->bytes().size() == size);
}

TEST_CASE("check_record: refuses every truncation", "[record]") {
    for (const auto& record : {keyed_record(), full_record(), with_extension(full_record(), 1)}) {
        REQUIRE(is_well_formed(record));
        for (std::size_t length = 0; length < record.size(); ++length) {
            const std::vector<std::byte> cut(record.begin(), record.begin() + static_cast<std::ptrdiff_t>(length));
            CHECK_FALSE(is_well_formed(cut));
        }
    }
}

TEST_CASE("check_record: refuses a size below the header, or of more than is there", "[record]") {
    const auto record = keyed_record();
    for (const std::uint32_t size : {0U, 1U, 4U, 31U, 32U, 34U, 43U, 0x7FFF'FFFFU, 0xFFFF'FFFFU}) {
        CHECK_FALSE(is_well_formed(with_size(record, size)));
    }
}

TEST_CASE("check_record: refuses parts that are larger than the record", "[record]") {
    auto record = keyed_record();
    set_field(record, record_layout::key_size_at, std::uint16_t{11});
    CHECK_FALSE(is_well_formed(record));
    record = keyed_record();
    for (const std::uint32_t size : {8U, 0x7FFF'FFFFU, 0xFFFF'FFFFU, 0xFFFF'FFE0U}) {
        set_field(record, record_layout::headers_size_at, size);
        CHECK_FALSE(is_well_formed(record));
    }
    CHECK_FALSE(is_well_formed(with_attributes(keyed_record(), record_layout::has_extension)));
}

TEST_CASE("check_record: refuses a key's size without a key", "[record]") {
    auto record = keyed_record();
    record[record_layout::attributes_at] = std::byte{0};
    CHECK_FALSE(is_well_formed(record));
}

TEST_CASE("check_record: refuses a null payload that has bytes", "[record]") {
    CHECK_FALSE(is_well_formed(with_attributes(keyed_record(), record_layout::null_payload)));
}

TEST_CASE("check_record: refuses reserved bits, codecs and other layouts", "[record]") {
    CHECK_FALSE(is_well_formed(with_attributes(keyed_record(), record_layout::reserved)));
    CHECK_FALSE(is_well_formed(with_attributes(keyed_record(), 1U << 4U)));
    CHECK_FALSE(is_well_formed(with_attributes(keyed_record(), 1U << 5U)));
    for (const std::uint8_t layout : std::initializer_list<std::uint8_t>{0, 2, 255}) {
        auto record = keyed_record();
        set_field(record, record_layout::layout_at, layout);
        CHECK_FALSE(is_well_formed(record));
    }
}

TEST_CASE("check_record: accepts a control record", "[record]") {
    CHECK(is_well_formed(with_attributes(keyed_record(), record_layout::control)));
}

TEST_CASE("check_record: an extension's spare bytes are zero", "[record]") {
    const auto record = with_extension(keyed_record(), 0xEE);
    CHECK(is_well_formed(record));
    for (const std::size_t spare : {32U + 14U, 32U + 15U, 32U + 24U, 32U + 31U}) {
        auto changed = record;
        changed[spare] = std::byte{1};
        CHECK_FALSE(is_well_formed(changed));
    }
}

TEST_CASE("check_record: accepts headers that fill their size exactly", "[record]") {
    CHECK(is_well_formed(with_headers("0100 0100 61 01000000 ff")));
    CHECK(is_well_formed(with_headers("0100 0000 ffffffff")));
    CHECK(is_well_formed(with_headers("0200 0100 61 ffffffff 0200 d0b7 00000000")));
}

TEST_CASE("check_record: refuses headers that do not fill their size", "[record]") {
    CHECK_FALSE(is_well_formed(with_headers("01")));
    CHECK_FALSE(is_well_formed(with_headers("0000")));
    CHECK_FALSE(is_well_formed(with_headers("0100")));
    CHECK_FALSE(is_well_formed(with_headers("0200 0100 61 ffffffff")));
    CHECK_FALSE(is_well_formed(with_headers("0100 0100 61 ffffffff 00")));
    CHECK_FALSE(is_well_formed(with_headers("0100 0200 61 ffffffff")));
    CHECK_FALSE(is_well_formed(with_headers("0100 0100 61 02000000 ff")));
    CHECK_FALSE(is_well_formed(with_headers("0100 0100 61 feffffff")));
    CHECK_FALSE(is_well_formed(with_headers("ffff")));
}

TEST_CASE("check_record: header names are UTF-8, keys and values are any bytes", "[record]") {
    CHECK_FALSE(is_well_formed(with_headers("0100 0100 ff ffffffff")));
    CHECK(is_well_formed(written({.payload = as_bytes("\xFF"), .key = "\xFF\xC3\x28"})));
}

TEST_CASE("check_record: what it accepts can be read to the last byte, whatever was changed", "[record]") {
    std::mt19937 random(11);
    const auto record = with_extension(full_record(), 3);
    std::size_t accepted = 0;
    for (int round = 0; round < 20'000; ++round) {
        auto changed = record;
        for (std::size_t change = 0; change <= random() % 3; ++change) {
            changed[random() % changed.size()] = static_cast<std::byte>(random());
        }
        const auto checked = check_record(changed);
        if (!checked) {
            continue;
        }
        ++accepted;
        std::size_t parts = checked->key().value_or("").size() + checked->payload().size();
        for (const Header& header : checked->headers()) {
            parts += header.name.size() + header.value.value_or(Bytes{}).size();
        }
        REQUIRE(parts < checked->size());
        REQUIRE(checked->payload().data() + checked->payload().size() == changed.data() + checked->size());
    }
    CHECK(accepted > 0);
}

TEST_CASE("check_batch: accepts records that say of themselves that more follow, all but the last", "[record]") {
    CHECK_FALSE(check({keyed_record()}, 1).error);
    CHECK_FALSE(check({keyed_record(true), keyed_record(true), full_record()}, 3).error);
    CHECK_FALSE(check({}, 0).error);
}

TEST_CASE("check_batch: names the first record that is malformed", "[record]") {
    const auto malformed = with_attributes(keyed_record(true), record_layout::reserved);
    expect_bad(check({malformed, keyed_record()}, 2), 0);
    expect_bad(check({keyed_record(true), malformed, keyed_record()}, 3), 1);
}

TEST_CASE("check_batch: the marks that tell batches apart must be right", "[record]") {
    expect_bad(check({keyed_record(true)}, 1), 0);
    expect_bad(check({keyed_record(false), keyed_record(false)}, 2), 0);
    expect_bad(check({keyed_record(true), keyed_record(true)}, 2), 1);
}

TEST_CASE("check_batch: takes exactly as many records as were announced", "[record]") {
    expect_bad(check({keyed_record(true)}, 2), 1);
    expect_bad(check({keyed_record(), keyed_record()}, 1), 1);
    expect_bad(check({keyed_record()}, 0), 0);
    expect_bad(check({}, 0xFFFF'FFFF), 0);
}

TEST_CASE("check_batch: nobody publishes control records", "[record]") {
    expect_bad(check({keyed_record(true), with_attributes(keyed_record(), record_layout::control)}, 2), 1);
}

TEST_CASE("check_batch: a record may be as large as the bound and no larger", "[record]") {
    const auto size = keyed_record().size();
    CHECK_FALSE(check({keyed_record()}, 1, size).error);
    expect_bad(check({written({}, true), keyed_record()}, 2, size - 1), 1);
}

TEST_CASE("check_batch: allocates nothing", "[record]") {
    const auto record = full_record();
    std::uint32_t bad_index = 0;
    const std::size_t before = allocations();
    const std::error_code error = check_batch(record, 1, record_bytes_max, &bad_index);
    const std::size_t after = allocations();
    CHECK_FALSE(error);
    CHECK(after == before);
}

}  // namespace
}  // namespace leveret
