#include "record_text.hpp"

#include <catch2/catch.hpp>

using namespace leveret;
using namespace leveret::cli;
using namespace std::chrono_literals;

namespace {

/// A record as a broker would deliver it: offset 7, one second after the epoch.
class StoredRecord {
  public:
    explicit StoredRecord(const RecordDraft& draft) : bytes_(record_bytes(draft)) {
        write_record(bytes_.data(), draft, false);
        stamp_record(bytes_.data(), Offset{7}, Timestamp(1s));
    }
    [[nodiscard]] std::string as(std::string_view format) const {
        std::string out;
        RecordFormat::parse(format)->append(out, "orders", RecordView(bytes_.data()));
        return out;
    }
    [[nodiscard]] Json as_json() const {
        std::string out;
        append_json(out, "orders", RecordView(bytes_.data()));
        return Json::parse(out);
    }

  private:
    std::vector<std::byte> bytes_;
};

constexpr std::string_view not_utf8 = "\xFF\xFE";

}  // namespace

TEST_CASE("RecordFormat: each placeholder is replaced") {
    const std::vector<Header> headers{{"a", as_bytes("1")}, {"b", std::nullopt}};
    const StoredRecord record({.payload = as_bytes("two hares"), .key = "k", .headers = headers});
    CHECK(record.as("%o|%t|%k|%p|%h|%T|%s") == "7|1970-01-01T00:00:01.000000Z|k|two hares|a=1,b|orders|9");
}

TEST_CASE("RecordFormat: text, percent signs and escapes stand for themselves") {
    const StoredRecord record({.payload = as_bytes("x")});
    CHECK(record.as("100%% of\\t%p\\n\\\\") == "100% of\tx\n\\");
    CHECK(record.as("no placeholders") == "no placeholders");
    CHECK(record.as("") == "");
}

TEST_CASE("RecordFormat: a record without a key has an empty one in text") {
    CHECK(StoredRecord({.payload = as_bytes("x")}).as("[%k]") == "[]");
}

TEST_CASE("RecordFormat: an unknown placeholder or escape is refused") {
    CHECK_FALSE(RecordFormat::parse("%x"));
    CHECK_FALSE(RecordFormat::parse("%"));
    CHECK_FALSE(RecordFormat::parse("\\x"));
    CHECK_FALSE(RecordFormat::parse("\\"));
}

TEST_CASE("RecordFormat: the default is the payload") {
    const std::vector<std::byte> bytes(record_bytes({.payload = as_bytes("hello")}));
    auto copy = bytes;
    write_record(copy.data(), {.payload = as_bytes("hello")}, false);
    std::string out;
    RecordFormat().append(out, "orders", RecordView(copy.data()));
    CHECK(out == "hello");
}

TEST_CASE("JSON: a record has its topic, place, time, key, payload and headers") {
    const std::vector<Header> headers{{"a", as_bytes("1")}, {"b", std::nullopt}};
    const Json json = StoredRecord({.payload = as_bytes("p"), .key = "k", .headers = headers}).as_json();
    CHECK(json["topic"] == "orders");
    CHECK(json["offset"] == 7);
    CHECK(json["timestamp"] == "1970-01-01T00:00:01.000000Z");
    CHECK(json["key"] == "k");
    CHECK(json["payload"] == "p");
    CHECK(json["headers"][0]["value"] == "1");
    CHECK(json["headers"][1]["value"].is_null());
}

TEST_CASE("JSON: bytes that are no UTF-8 stand as base64") {
    const Json json = StoredRecord({.payload = as_bytes(not_utf8), .key = not_utf8}).as_json();
    CHECK(json["payload_base64"] == "//4=");
    CHECK(json["key_base64"] == "//4=");
    CHECK_FALSE(json.contains("payload"));
}

TEST_CASE("JSON: no key and an empty key differ, a tombstone's payload is null") {
    CHECK_FALSE(StoredRecord({.payload = as_bytes("p")}).as_json().contains("key"));
    CHECK(StoredRecord({.payload = as_bytes("p"), .key = ""}).as_json()["key"] == "");
    CHECK(StoredRecord({.key = "k", .tombstone = true}).as_json()["payload"].is_null());
}

TEST_CASE("base64: padding depends on what is left over") {
    CHECK(base64(as_bytes("")) == "");
    CHECK(base64(as_bytes("f")) == "Zg==");
    CHECK(base64(as_bytes("fo")) == "Zm8=");
    CHECK(base64(as_bytes("foo")) == "Zm9v");
    CHECK(base64(as_bytes("foobar")) == "Zm9vYmFy");
}
