#include "protocol/record.hpp"

#include <catch2/catch.hpp>

#include "protocol/crc32c.hpp"
#include "protocol/hex.hpp"
#include "protocol/record_fixture.hpp"

namespace leveret {
namespace {

using namespace test;

const Timestamp some_time{std::chrono::microseconds(1'700'000'000'123'456)};

std::uint32_t crc_of_stamped(const std::vector<std::byte>& record) {
    const Bytes bytes(record);
    return crc32c(bytes.subspan(8, 16), crc32c(bytes.first(4), crc32c(bytes.subspan(24))));
}

TEST_CASE("Record: every field lies where the layout says", "[record]") {
    std::vector<std::byte> record = full_record();
    stamp_record(record.data(), Offset{0x0102'0304'0506'0708}, some_time);
    CHECK(field<std::uint32_t>(record, 0) == record.size());
    CHECK(field<std::uint64_t>(record, 8) == 0x0102'0304'0506'0708);
    CHECK(field<std::int64_t>(record, 16) == 1'700'000'000'123'456);
    CHECK(field<std::uint8_t>(record, 24) == record_layout::has_key);
    CHECK(field<std::uint8_t>(record, 25) == 1);
    CHECK(field<std::uint16_t>(record, 26) == 3);
    CHECK(field<std::uint32_t>(record, 28) == 2 + (2 + 5 + 4 + 4) + (2 + 4 + 4));
    CHECK(to_hex(Bytes(record).subspan(32)) == to_hex(as_bytes("key")) + "0200" + "0500" + to_hex(as_bytes("trace")) +
                                                   "04000000" + "30313233" + "0400" + to_hex(as_bytes("flag")) +
                                                   "ffffffff" + to_hex(as_bytes("message")));
}

TEST_CASE("Record: what was written is read", "[record]") {
    std::vector<std::byte> record = full_record();
    stamp_record(record.data(), Offset{42}, some_time);
    const RecordView view = check_record(record).value();
    CHECK(view.size() == record.size());
    CHECK(view.offset() == Offset{42});
    CHECK(view.timestamp() == some_time);
    CHECK(view.key() == "key");
    CHECK(view.payload_text() == "message");
    REQUIRE(view.headers().size() == 2);
    CHECK(view.headers()[0].name == "trace");
    CHECK(as_text(view.headers()[0].value.value()) == "0123");
    CHECK(view.headers()[1].name == "flag");
    CHECK_FALSE(view.headers()[1].value.has_value());
}

TEST_CASE("Record: an empty header value is not a null one", "[record]") {
    const std::vector<Header> headers{{"", Bytes{}}};
    const std::vector<std::byte> record = written({.headers = headers});
    REQUIRE(check_record(record));
    REQUIRE(RecordView(record.data()).headers().size() == 1);
    CHECK(RecordView(record.data()).headers()[0].value.has_value());
}

TEST_CASE("Record: no key is not an empty key", "[record]") {
    const auto keyless = written({.payload = as_bytes("x")});
    const auto empty_key = written({.payload = as_bytes("x"), .key = ""});
    CHECK_FALSE(check_record(keyless).value().key().has_value());
    CHECK(check_record(empty_key).value().key() == "");
    CHECK(keyless.size() == 33);
    CHECK(empty_key.size() == 33);
}

TEST_CASE("Record: a tombstone is not an empty payload", "[record]") {
    const auto tombstone = written({.key = "key", .tombstone = true});
    const auto empty = written({.key = "key"});
    CHECK(check_record(tombstone).value().is_tombstone());
    CHECK(check_record(tombstone).value().payload().empty());
    CHECK_FALSE(check_record(empty).value().is_tombstone());
}

TEST_CASE("Record: key and payload are found behind an extension", "[record]") {
    const auto record = with_extension(full_record(), 0xEE);
    const RecordView view = check_record(record).value();
    CHECK(view.key() == "key");
    CHECK(view.headers().size() == 2);
    CHECK(view.payload_text() == "message");
}

TEST_CASE("Record: the publisher's checksum covers bytes 24 to the end", "[record]") {
    const auto record = full_record();
    CHECK(RecordView(record.data()).checksum() == crc32c(Bytes(record).subspan(24)));
    CHECK(has_valid_content_checksum(RecordView(record.data())));
    CHECK_FALSE(has_valid_checksum(RecordView(record.data())));
}

TEST_CASE("Record: stamping extends the checksum over bytes 0 to 4 and 8 to 24", "[record]") {
    auto record = full_record();
    stamp_record(record.data(), Offset{42}, some_time);
    CHECK(RecordView(record.data()).checksum() == crc_of_stamped(record));
    CHECK(has_valid_checksum(RecordView(record.data())));
    CHECK_FALSE(has_valid_content_checksum(RecordView(record.data())));
}

TEST_CASE("Record: a wrong content checksum stays wrong when it is stamped", "[record]") {
    auto record = full_record();
    record.back() ^= std::byte{1};
    stamp_record(record.data(), Offset{42}, some_time);
    CHECK_FALSE(has_valid_checksum(RecordView(record.data())));
}

TEST_CASE("Record: every single flipped bit of a stamped record is found", "[record]") {
    auto record = with_extension(full_record(), 0x5A);
    set_field(record, record_layout::checksum_at, content_checksum(RecordView(record.data())));
    stamp_record(record.data(), Offset{42}, some_time);
    for (std::size_t bit = 0; bit < record.size() * 8; ++bit) {
        auto flipped = record;
        flipped[bit / 8] ^= std::byte{1} << (bit % 8);
        const auto checked = check_record(flipped);
        CHECK((!checked || !has_valid_checksum(*checked)));
        CHECK(crc_of_stamped(flipped) != field<std::uint32_t>(flipped, record_layout::checksum_at));
    }
}

TEST_CASE("Record: every length of payload around the ISA-L threshold keeps its checksum through stamping",
          "[record]") {
    const std::string payload(700, 'p');
    for (std::size_t length = 0; length <= payload.size(); ++length) {
        auto record = written({.payload = as_bytes(payload).first(length)});
        stamp_record(record.data(), Offset{length}, some_time);
        if (!has_valid_checksum(RecordView(record.data()))) {
            FAIL("payload of " << length);
        }
    }
}

TEST_CASE("Record: works at every address", "[record]") {
    const auto record = full_record();
    for (std::size_t shift = 0; shift < 16; ++shift) {
        std::vector<std::byte> memory(shift + record.size());
        std::memcpy(memory.data() + shift, record.data(), record.size());
        stamp_record(memory.data() + shift, Offset{7}, some_time);
        REQUIRE(check_record(Bytes(memory).subspan(shift)));
        CHECK(has_valid_checksum(RecordView(memory.data() + shift)));
    }
}

TEST_CASE("Record: set_more_in_batch gives the bytes that write_record would have", "[record]") {
    auto record = keyed_record(false);
    set_more_in_batch(record.data(), true);
    CHECK(record == keyed_record(true));
    set_more_in_batch(record.data(), false);
    CHECK(record == keyed_record(false));
}

TEST_CASE("Record: records that lie back to back are iterated in order", "[record]") {
    auto bytes = keyed_record();
    const auto second = full_record();
    bytes.insert(bytes.end(), second.begin(), second.end());
    std::vector<std::size_t> sizes;
    for (const RecordView record : Records(bytes)) {
        sizes.push_back(record.size());
    }
    CHECK(sizes == std::vector<std::size_t>{keyed_record().size(), second.size()});
}

TEST_CASE("RecordDraft: a record's limits are checked before it is written", "[record]") {
    const std::string longest(65'535, 'x');
    const std::string too_long(65'536, 'x');
    const std::vector<Header> long_name{{too_long, std::nullopt}};
    const std::vector<Header> not_text{{"\xFF", std::nullopt}};
    const std::vector<Header> too_many(65'536);
    const auto check = [](const RecordDraft& draft) { return check_draft(draft, 8U << 20U); };
    CHECK_FALSE(check({.key = longest}));
    CHECK(check({.key = too_long}) == Error::bad_record);
    CHECK(check({.headers = long_name}) == Error::bad_record);
    CHECK(check({.headers = not_text}) == Error::bad_record);
    CHECK(check({.headers = too_many}) == Error::bad_record);
    CHECK(check({.payload = as_bytes("x"), .tombstone = true}) == Error::bad_record);
}

TEST_CASE("RecordDraft: the bound on a record counts all of it", "[record]") {
    const RecordDraft draft{.payload = as_bytes("message"), .key = "key"};
    CHECK_FALSE(check_draft(draft, 42));
    CHECK(check_draft(draft, 41) == Error::bad_record);
}

}  // namespace
}  // namespace leveret
