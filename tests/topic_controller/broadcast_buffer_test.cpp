#include "topic_controller/broadcast_buffer.hpp"

#include <catch2/catch.hpp>

#include "batch_fixture.hpp"

using namespace leveret;
using namespace leveret::test;
using namespace std::chrono_literals;

namespace {

struct BufferFixture {
    static constexpr std::uint64_t no_limit = ~std::uint64_t{0};
    MemoryBudget memory{64U << 20U};
    BroadcastBuffer buffer{memory, {.bytes_max = 32U << 20U, .records_max = 1U << 20U}};
    BroadcastBuffer::Removed removed;
    Gathered gathered;
    Timestamp time = Timestamp(100s);

    bool append(const DraftBatch& draft) {
        const Bytes run = draft.bytes();
        return buffer.append({&run, 1}, time);
    }
    void publish(const DraftBatch& draft) {
        REQUIRE(append(draft));
        buffer.make_visible();
    }
    /// Single records of about `bytes` each.
    void publish_records(int count, std::size_t bytes) {
        for (int i = 0; i < count; ++i) {
            publish(DraftBatch{std::string(bytes, 'x')});
        }
    }
    Cursor read(Cursor cursor, std::size_t bytes_max = 1U << 20U, std::uint64_t records_max = no_limit) {
        gathered.clear();
        buffer.gather(cursor, bytes_max, records_max, Timestamp::min(), gathered);
        return cursor;
    }
};

}  // namespace

TEST_CASE_METHOD(BufferFixture, "BroadcastBuffer: what is appended is read once it is visible, not before") {
    REQUIRE(append({"a", "b"}));
    Cursor cursor = read(Cursor{});
    CHECK(gathered.empty());
    CHECK_FALSE(buffer.has_records_at(cursor));
    buffer.make_visible();
    CHECK(buffer.has_records_at(cursor));
    cursor = read(cursor);
    CHECK(payloads(gathered) == "a b ");
    CHECK(cursor.next == Offset{2});
}

TEST_CASE_METHOD(BufferFixture, "BroadcastBuffer: a reader at the end goes on in the block that follows") {
    publish({"a"});
    const Cursor end = read(Cursor{});
    publish_records(20, 1000);
    REQUIRE(buffer.blocks() > 1);
    read(end);
    CHECK(gathered.records() == 20);
    CHECK(offsets(gathered).front() == 1);
}

TEST_CASE_METHOD(BufferFixture, "BroadcastBuffer: a wrong hint costs a search and changes nothing") {
    publish_records(300, 500);
    for (const std::uint64_t sequence : {0U, 1U, 2U, 3U, 99U}) {
        read(Cursor{.next = Offset{123}, .block_sequence = sequence, .position = 0});
        CHECK(offsets(gathered).front() == 123);
        CHECK(gathered.records() == 177);
    }
}

TEST_CASE_METHOD(BufferFixture, "BroadcastBuffer: the bound in records holds exactly, the one in bytes on a boundary") {
    publish_records(300, 500);
    Cursor cursor = read(Cursor{}, 1U << 20U, 17);
    CHECK(gathered.records() == 17);
    cursor = read(cursor, 5000);
    CHECK(gathered.bytes() == 5000 / 532 * 532);
    CHECK(offsets(gathered).front() == 17);
    CHECK(cursor.next == Offset{26});
}

TEST_CASE_METHOD(BufferFixture,
                 "BroadcastBuffer: one record comes however few bytes are asked for, none for no records") {
    publish({std::string(5000, 'x'), "b"});
    const Cursor cursor = read(Cursor{}, 0);
    CHECK(gathered.records() == 1);
    read(cursor, 1U << 20U, 0);
    CHECK(gathered.empty());
}

TEST_CASE_METHOD(BufferFixture, "BroadcastBuffer: a gather brings at most 64 slices, the next one goes on") {
    // Each of these takes a block of its own, as they grow faster than blocks do.
    publish_records(70, 300U << 10U);
    const Cursor cursor = read(Cursor{}, 64U << 20U);
    CHECK(gathered.slices().size() == Gathered::slices_max);
    read(cursor, 64U << 20U);
    CHECK(gathered.records() == 6);
}

TEST_CASE_METHOD(BufferFixture,
                 "BroadcastBuffer: blocks start at 4 KiB, grow with the topic, and stop at the largest size") {
    publish({"a"});
    CHECK(memory.used_bytes() == BroadcastBuffer::block_bytes_min);
    publish_records(20, 1000);
    REQUIRE(buffer.blocks() > 2);
    CHECK(memory.used_bytes() / buffer.blocks() > BroadcastBuffer::block_bytes_min);
    for (int count = 0; count < 300; ++count) {
        const std::uint64_t used = buffer.bytes();
        const std::uint64_t charged = memory.used_bytes();
        publish_records(1, 1000);
        CHECK(memory.used_bytes() - charged <= std::max<std::uint64_t>(used / 2, BroadcastBuffer::block_bytes_min));
    }
    publish_records(2000, 1000);
    const std::uint64_t before = memory.used_bytes();
    publish_records(300, 1000);
    CHECK((memory.used_bytes() - before) % BroadcastBuffer::block_bytes_max == 0);
}

TEST_CASE_METHOD(BufferFixture, "BroadcastBuffer: a record larger than a block lies in one piece") {
    publish({"small", std::string(3U << 20U, 'x'), "small"});
    read(Cursor{}, 8U << 20U);
    CHECK(gathered.records() == 3);
    CHECK(gathered.slices().size() == 3);
    CHECK(has_valid_checksum(RecordView(gathered.slices()[1].records.data())));
}

TEST_CASE_METHOD(BufferFixture, "BroadcastBuffer: pinned bytes stay as they were after their block was evicted") {
    publish({"a", "b"});
    read(Cursor{});
    publish_records(20, 1000);
    CHECK(buffer.remove_oldest_block(removed) > 2);
    removed.clear();
    CHECK(gathered.slices().front().block->is_evicted());
    CHECK(payloads(gathered).starts_with("a b "));
}

TEST_CASE_METHOD(BufferFixture, "BroadcastBuffer: a cursor left behind learns exactly what it missed") {
    publish_records(20, 1000);
    const std::uint64_t evicted = buffer.remove_oldest_block(removed);
    read(Cursor{.next = Offset{1}});
    REQUIRE(gathered.lagged());
    CHECK(gathered.lagged()->from == Offset{1});
    CHECK(gathered.lagged()->to == Offset{evicted});
    CHECK(offsets(gathered).front() == evicted);
}

TEST_CASE_METHOD(BufferFixture, "BroadcastBuffer: trimming moves the first offset into the middle of a block") {
    publish({"a", "b", "c", "d"});
    CHECK(buffer.trim(Offset{2}, removed) == 2);
    CHECK(buffer.first() == Offset{2});
    CHECK(buffer.bytes() == DraftBatch{"c", "d"}.bytes().size());
    read(Cursor{});
    CHECK(payloads(gathered) == "c d ");
    CHECK(gathered.lagged()->to == Offset{2});
}

TEST_CASE_METHOD(BufferFixture, "BroadcastBuffer: trimmed to its end it has no blocks, and offsets go on") {
    publish({"a", "b"});
    CHECK(buffer.trim(Offset{2}, removed) == 2);
    CHECK(buffer.blocks() == 0);
    removed.clear();
    CHECK(memory.used_bytes() == 0);
    publish({"c"});
    read(Cursor{.next = Offset{2}});
    CHECK(payloads(gathered) == "c ");
    CHECK_FALSE(gathered.lagged());
}

TEST_CASE_METHOD(BufferFixture, "BroadcastBuffer: the newest block is not evicted for memory") {
    publish({"a"});
    CHECK(buffer.remove_oldest_block(removed) == 0);
    CHECK(buffer.records() == 1);
}

TEST_CASE("BroadcastBuffer: what does not fit into the budget leaves no trace") {
    MemoryBudget memory(8U << 10U);
    BroadcastBuffer buffer(memory, {.bytes_max = 1U << 20U, .records_max = 1000});
    Gathered gathered;
    const DraftBatch small{"a"};
    const DraftBatch large{std::string(2000, 'x'), std::string(2000, 'y'), std::string(2000, 'z')};
    const std::array<Bytes, 3> runs{small.bytes(), large.bytes(), small.bytes()};

    REQUIRE(buffer.append(std::span(runs).first(1), Timestamp(1s)));
    buffer.make_visible();
    CHECK_FALSE(buffer.append(runs, Timestamp(2s)));
    CHECK(buffer.refused_bytes() == 8U << 10U);
    CHECK(memory.used_bytes() == 4U << 10U);
    REQUIRE(buffer.append(std::span(runs).first(1), Timestamp(3s)));
    buffer.make_visible();

    Cursor cursor;
    buffer.gather(cursor, 1U << 20U, 100, Timestamp::min(), gathered);
    CHECK(payloads(gathered) == "a a ");
    CHECK(offsets(gathered) == std::vector<std::uint64_t>{0, 1});
}

TEST_CASE("BroadcastBuffer: at its bound a topic reuses its blocks and asks for no more memory") {
    const auto payload_bytes = GENERATE(100U, 10'000U, 65'000U);
    MemoryBudget memory(64U << 20U);
    BroadcastBuffer buffer(memory, {.bytes_max = 4U << 20U, .records_max = 1U << 20U});
    BroadcastBuffer::Removed removed;
    const std::string payload(payload_bytes, 'x');
    const DraftBatch draft{payload, payload, payload, payload};
    const Bytes run = draft.bytes();
    const auto publish = [&](std::uint64_t bytes) {
        for (std::uint64_t published = 0; published < bytes; published += run.size()) {
            buffer.make_room(run.size(), 4, removed);
            REQUIRE(buffer.append({&run, 1}, Timestamp(1s)));
            buffer.make_visible();
        }
    };
    publish(16U << 20U);
    removed.clear();
    publish(16U << 20U);
    CHECK(removed.empty());
    CHECK(buffer.bytes() > (4U << 20U) * 13 / 16);
    CHECK(memory.used_bytes() < (4U << 20U) * 3 / 2);
}

TEST_CASE("BroadcastBuffer: at its bound in records, too, a topic reuses its blocks") {
    const auto records_max = GENERATE(100U, 1'000U, 3'000U);
    MemoryBudget memory(64U << 20U);
    BroadcastBuffer buffer(memory, {.bytes_max = 32U << 20U, .records_max = records_max});
    BroadcastBuffer::Removed removed;
    const DraftBatch draft{std::string(130, 'x')};
    const Bytes run = draft.bytes();
    const auto publish = [&](unsigned records) {
        for (unsigned published = 0; published < records; ++published) {
            buffer.make_room(run.size(), 1, removed);
            REQUIRE(buffer.append({&run, 1}, Timestamp(1s)));
            buffer.make_visible();
        }
    };
    publish(10 * records_max);
    removed.clear();
    publish(10 * records_max);
    CHECK(removed.size() <= 2);
    CHECK(memory.used_bytes() < 3 * records_max * run.size());
}
