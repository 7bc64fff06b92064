// partition.meta and the index files, byte by byte.
#include <random>

#include <catch2/catch.hpp>

#include "log_driver.hpp"
#include "message_log/segment/partition_meta.hpp"
#include "message_log/segment/segment_index.hpp"
#include "message_log/segment/segment_names.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

PartitionMeta some_meta() {
    return {.partition = {3},
            .boot_id = {1, 2, 3},
            .log_start = {100},
            .epochs = {{{1}, {0}}, {{5}, {70}}},
            .synced = {
                .sequence = 8, .offset = {120}, .segment_base = {100}, .segment_bytes = 999, .closed_cleanly = true}};
}

template <class File>
void flip(File& file, std::size_t bit) {
    file[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
}

}  // namespace

TEST_CASE("partition.meta: what is written is read") {
    const auto decoded = decode_meta(encode_meta(some_meta()));
    REQUIRE(decoded);
    CHECK(decoded->has_slot);
    CHECK(decoded->has_copies);
    CHECK(decoded->meta == some_meta());
}

TEST_CASE("partition.meta: the bytes are where the format says") {
    const MetaFile file = encode_meta(some_meta());
    const auto text = [&](std::size_t at, std::size_t size) { return std::string(as_text({file.data() + at, size})); };
    CHECK(text(0, 4) == "LVTs");
    CHECK(text(512, 4) == "LVTs");
    CHECK(text(1024, 4) == "LVTp");
    CHECK(file[8] == std::byte{8});      // sequence
    CHECK(file[16] == std::byte{120});   // synced offset
    CHECK(file[24] == std::byte{100});   // base of the segment
    CHECK(file[32] == std::byte{0xE7});  // 999 bytes
    CHECK(file[33] == std::byte{0x03});
    CHECK(file[40] == std::byte{1});         // closed cleanly
    CHECK(file[1024 + 4] == std::byte{1});   // format
    CHECK(file[1024 + 8] == std::byte{3});   // partition
    CHECK(file[1024 + 13] == std::byte{2});  // boot id
    CHECK(file[1024 + 28] == std::byte{100});
    CHECK(file[1024 + 36] == std::byte{2});  // epochs
    CHECK(file[1024 + 60] == std::byte{5});
    CHECK(file[1024 + 64] == std::byte{70});
}

TEST_CASE("partition.meta: a torn slot leaves the one before it") {
    MetaFile file = encode_meta(some_meta());
    SyncedSlot next = some_meta().synced;
    next.sequence = 9;
    next.offset = {130};
    SlotBytes slot = encode_slot(next);
    std::copy(slot.begin(), slot.end(), file.begin() + static_cast<std::ptrdiff_t>(slot_position(9)));
    CHECK(decode_meta(file)->meta.synced.offset == Offset{130});
    file[slot_position(9) + 20] ^= std::byte{1};
    CHECK(decode_meta(file)->meta.synced.offset == Offset{120});
    file[slot_position(8) + 20] ^= std::byte{1};
    CHECK(decode_meta(file)->meta.synced == SyncedSlot{});
    CHECK_FALSE(decode_meta(file)->has_slot);
}

TEST_CASE(
    "partition.meta: every flipped bit of the part that seldom changes is found and mended, both copies' are found") {
    const MetaFile file = encode_meta(some_meta());
    const std::size_t end = 1024 + 40 + 2 * 16 + 4;
    for (std::size_t bit = 1024 * 8; bit < end * 8; ++bit) {
        MetaFile damaged = file;
        flip(damaged, bit);
        REQUIRE(decode_meta(damaged));
        CHECK_FALSE(decode_meta(damaged)->has_copies);
        CHECK(decode_meta(damaged)->meta == some_meta());
        flip(damaged, bit + 3 * 512 * 8);
        CHECK(decode_meta(damaged).error() == Error::bad_log);
    }
}

TEST_CASE("partition.meta: the oldest epochs are merged when there are too many") {
    PartitionMeta meta = some_meta();
    for (std::uint32_t i = 0; i < 400; ++i) {
        add_epoch(meta, {{10 + i}, {200 + i}});
    }
    CHECK(meta.epochs.size() == epochs_max);
    CHECK(meta.epochs.front().first == Offset{0});
    CHECK(meta.epochs.back() == EpochStart{{409}, {599}});
    CHECK(decode_meta(encode_meta(meta))->meta.epochs == meta.epochs);
}

TEST_CASE("partition.meta: an epoch in which nothing was numbered is not kept") {
    PartitionMeta meta = some_meta();
    add_epoch(meta, {{6}, {100}});
    add_epoch(meta, {{7}, {100}});
    CHECK(meta.epochs == std::vector<EpochStart>{{{1}, {0}}, {{5}, {70}}, {{7}, {100}}});
}

TEST_CASE("segment index: an entry about every step, found by offset and by time") {
    SegmentIndex index;
    for (std::uint64_t i = 0; i < 1000; ++i) {
        index.add({{i}, i * 100, at_microsecond(static_cast<std::int64_t>(i / 10))});
    }
    CHECK(index.entries().size() == 25);
    CHECK(index.find_offset({500})->offset <= Offset{500});
    CHECK(index.find_offset({500})->position + SegmentIndex::step_bytes > 500 * 100 - 100);
    CHECK(index.find_time(at_microsecond(50))->timestamp < at_microsecond(50));
    CHECK_FALSE(index.find_time(at_microsecond(0)));
    index.cut(50'000);
    CHECK(index.entries().back().position < 50'000);
}

TEST_CASE("segment index: what is encoded is decoded, for this segment and no other") {
    SegmentIndex index;
    index.add({{10}, 0, at_microsecond(1)});
    index.seal({{30}, 900, at_microsecond(2)});
    const auto file = index.encode({10}, 1000);
    const auto decoded = SegmentIndex::decode(file, {10}, 1000);
    REQUIRE(decoded);
    CHECK(decoded->entries().size() == 2);
    CHECK(decoded->entries()[1] == IndexEntry{{30}, 900, at_microsecond(2)});
    CHECK_FALSE(SegmentIndex::decode(file, {11}, 1000));
    CHECK_FALSE(SegmentIndex::decode(file, {10}, 1001));
    CHECK_FALSE(SegmentIndex::decode({}, {10}, 1000));
    CHECK_FALSE(SegmentIndex::decode(std::vector<std::byte>(80), {0}, 0));
}

TEST_CASE("segment index: every flipped bit and every cut is found") {
    SegmentIndex index;
    index.add({{10}, 0, at_microsecond(1)});
    index.seal({{30}, 900, at_microsecond(2)});
    const auto file = index.encode({10}, 1000);
    for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
        auto damaged = file;
        flip(damaged, bit);
        CHECK_FALSE(SegmentIndex::decode(damaged, {10}, 1000));
    }
    for (std::size_t size = 0; size < file.size(); ++size) {
        CHECK_FALSE(SegmentIndex::decode(Bytes(file).first(size), {10}, 1000));
    }
}

TEST_CASE("segment names: a base offset has 20 digits, and nothing else is one") {
    CHECK(log_name({42}) == "00000000000000000042.log");
    CHECK(base_in_name("00000000000000000042.log", ".log") == Offset{42});
    CHECK(base_in_name("18446744073709551615.log", ".log") == Offset{~std::uint64_t{0}});
    for (const std::string_view name : {"42.log", "0000000000000000004x.log", "00000000000000000042.index",
                                        "18446744073709551616.log", "00000000000000000042.log.new", ""}) {
        CHECK_FALSE(base_in_name(name, ".log"));
    }
}
