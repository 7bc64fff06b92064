#include "units.hpp"

#include <catch2/catch.hpp>

using namespace leveret;
using namespace leveret::cli;
using namespace std::chrono_literals;

namespace {

const Timestamp noon_in_may{std::chrono::sys_days(std::chrono::year(2024) / 5 / 1) + 12h};

}  // namespace

TEST_CASE("Durations: each unit has its length") {
    CHECK(parse_duration("250us") == 250us);
    CHECK(parse_duration("500ms") == 500ms);
    CHECK(parse_duration("10s") == 10s);
    CHECK(parse_duration("5m") == 5min);
    CHECK(parse_duration("2h") == 2h);
    CHECK(parse_duration("7d") == 168h);
}

TEST_CASE("Durations: parts add up") {
    CHECK(parse_duration("1h30m") == 90min);
}

TEST_CASE("Durations: zero alone needs no unit") {
    CHECK(parse_duration("0") == 0us);
    CHECK_FALSE(parse_duration("10"));
    CHECK_FALSE(parse_duration(""));
}

TEST_CASE("Durations: what is no duration is refused") {
    CHECK_FALSE(parse_duration("10 s"));
    CHECK_FALSE(parse_duration("10x"));
    CHECK_FALSE(parse_duration("s"));
    CHECK_FALSE(parse_duration("-5m"));
    CHECK_FALSE(parse_duration("1h30"));
}

TEST_CASE("Durations: what does not fit is refused, in one part and in the sum") {
    CHECK_FALSE(parse_duration("18446744073709551615us"));
    CHECK_FALSE(parse_duration("200000000d"));
    CHECK_FALSE(parse_duration("106751991d106751991d"));
}

TEST_CASE("Durations: what is printed is read back") {
    for (const auto duration : std::vector<std::chrono::milliseconds>{0ms, 1ms, 999ms, 10s, 90min, 49h + 1ms}) {
        CHECK(parse_duration(format_exact_duration(duration)) == duration);
    }
}

TEST_CASE("Sizes: binary and decimal units differ") {
    CHECK(parse_bytes("512") == 512U);
    CHECK(parse_bytes("10kB") == 10'000U);
    CHECK(parse_bytes("64KiB") == 65'536U);
    CHECK(parse_bytes("64K") == 65'536U);
    CHECK(parse_bytes("64MiB") == 67'108'864U);
    CHECK(parse_bytes("3GB") == 3'000'000'000U);
}

TEST_CASE("Sizes: what is no size, or too large, is refused") {
    CHECK_FALSE(parse_bytes("MiB"));
    CHECK_FALSE(parse_bytes("64 MiB"));
    CHECK_FALSE(parse_bytes("-1"));
    CHECK_FALSE(parse_bytes("1.5GiB"));
    CHECK_FALSE(parse_bytes("18446744073709551615K"));
}

TEST_CASE("Times: a moment may be written with Z, a shift, a fraction, or as a date") {
    CHECK(parse_time("2024-05-01T12:00:00Z") == noon_in_may);
    CHECK(parse_time("2024-05-01T12:00:00") == noon_in_may);
    CHECK(parse_time("2024-05-01 12:00:00Z") == noon_in_may);
    CHECK(parse_time("2024-05-01T14:00:00+02:00") == noon_in_may);
    CHECK(parse_time("2024-05-01T06:30:00-05:30") == noon_in_may);
    CHECK(parse_time("2024-05-01T12:00:00.000250Z") == noon_in_may + 250us);
    CHECK(parse_time("2024-05-01") == noon_in_may - 12h);
}

TEST_CASE("Times: what is no time is refused") {
    for (const char* text : {"", "2024", "2024-13-01", "2024-02-30", "2024-05-01T", "2024-05-01T25:00:00Z",
                             "2024-05-01T12:00Z", "2024-05-01T12:00:00X", "2024-05-01T12:00:00.Z",
                             "2024-05-01T12:00:00Z+", "2024-05-01T12:00:00+0200", "24-05-01"}) {
        INFO(text);
        CHECK_FALSE(parse_time(text));
    }
}

TEST_CASE("Times: what is printed is read back") {
    CHECK(format_time(noon_in_may + 42us) == "2024-05-01T12:00:00.000042Z");
    CHECK(parse_time(format_time(noon_in_may + 42us)) == noon_in_may + 42us);
    CHECK(format_time(Timestamp(-1us)) == "1969-12-31T23:59:59.999999Z");
}

TEST_CASE("Places to begin: names, offsets, times and a while ago") {
    CHECK(parse_from("latest", noon_in_may)->kind == From::Kind::latest);
    CHECK(parse_from("earliest", noon_in_may)->kind == From::Kind::earliest);
    const auto offset = parse_from("1234", noon_in_may);
    CHECK(offset->kind == From::Kind::offset);
    CHECK(offset->value == 1234);
    const auto ago = parse_from("-5m", noon_in_may);
    CHECK(ago->kind == From::Kind::timestamp);
    CHECK(ago->value == From::timestamp(noon_in_may - 5min).value);
    CHECK(parse_from("2024-05-01T12:00:00Z", noon_in_may)->value == From::timestamp(noon_in_may).value);
}

TEST_CASE("Places to begin: anything else is refused") {
    CHECK_FALSE(parse_from("", noon_in_may));
    CHECK_FALSE(parse_from("newest", noon_in_may));
    CHECK_FALSE(parse_from("-5", noon_in_may));
    CHECK_FALSE(parse_from("5m", noon_in_may));
}

TEST_CASE("Sizes and durations are printed for people") {
    CHECK(format_bytes(512) == "512 B");
    CHECK(format_bytes(1536) == "1.5 KiB");
    CHECK(format_bytes(64U << 20U) == "64 MiB");
    CHECK(format_duration(250ns) == "250 ns");
    CHECK(format_duration(45us) == "45 us");
    CHECK(format_duration(1250us) == "1.25 ms");
    CHECK(format_duration(3500ms) == "3.5 s");
}
