#include "topic_controller/block.hpp"

#include <catch2/catch.hpp>

#include "batch_fixture.hpp"

using namespace leveret;
using namespace leveret::test;
using namespace std::chrono_literals;

namespace {

struct BlockFixture {
    MemoryBudget memory{1U << 20U};
    BlockPin block = Block::allocate(memory, 64U << 10U, 7, Offset{100});
    const std::string payload = std::string(1000, 'x');
    const std::uint32_t record_size = static_cast<std::uint32_t>(DraftBatch{payload}.bytes().size());

    /// 30 records of about 1 KiB, the first ten stamped 10 s, the next 20 s, then 30 s.
    void fill() {
        for (int ten = 1; ten <= 3; ++ten) {
            for (int i = 0; i < 10; ++i) {
                block->append(DraftBatch{payload}.bytes(), Timestamp(ten * 10s));
            }
        }
    }
};

}  // namespace

TEST_CASE("Block: is charged to the budget until the last pin goes, also after it was evicted") {
    MemoryBudget memory(10'000);
    BlockPin block = Block::allocate(memory, 4096, 0, Offset{});
    CHECK(memory.used_bytes() == 4096);
    BlockPin reader = block;
    block->set_evicted();
    block.reset();
    CHECK(reader->is_evicted());
    CHECK(memory.used_bytes() == 4096);
    reader.reset();
    CHECK(memory.used_bytes() == 0);
}

TEST_CASE("Block: there is none where the budget refuses") {
    MemoryBudget memory(4095);
    CHECK_FALSE(Block::allocate(memory, 4096, 0, Offset{}));
    CHECK(memory.used_bytes() == 0);
}

TEST_CASE("Block: the allocation for a record holds just that record") {
    for (const std::size_t bytes : {33U, 4000U, 4096U, 65'536U, 1'000'000U, 8'388'608U}) {
        MemoryBudget memory(1U << 30U);
        const BlockPin block = Block::allocate(memory, Block::allocation_bytes_for(bytes), 0, Offset{});
        CHECK(block->free_bytes() >= bytes);
        CHECK(block->free_bytes() < bytes + 4096 + 64);
    }
}

TEST_CASE_METHOD(BlockFixture, "Block: stamps what it copies, and the checksum then covers the whole record") {
    block->append(DraftBatch{"a", "b"}.bytes(), Timestamp(5s));
    const RecordView second = block->record_at(block->find_offset(Offset{101}).position);
    CHECK(second.payload_text() == "b");
    CHECK(second.offset() == Offset{101});
    CHECK(second.timestamp() == Timestamp(5s));
    CHECK(has_valid_checksum(second));
}

TEST_CASE_METHOD(BlockFixture, "Block: finds every offset, and the end") {
    fill();
    for (std::uint32_t i = 0; i <= 30; ++i) {
        const Block::Place place = block->find_offset(Offset{100 + i});
        CHECK(place.offset == Offset{100 + i});
        CHECK(place.position == i * record_size);
    }
}

TEST_CASE_METHOD(BlockFixture, "Block: finds the first record at or after a time") {
    fill();
    CHECK(block->find_time(Timestamp(0s)).offset == Offset{100});
    CHECK(block->find_time(Timestamp(10s)).offset == Offset{100});
    CHECK(block->find_time(Timestamp(10s + 1us)).offset == Offset{110});
    CHECK(block->find_time(Timestamp(20s)).offset == Offset{110});
    CHECK(block->find_time(Timestamp(30s)).offset == Offset{120});
    CHECK(block->find_time(Timestamp(30s + 1us)).offset == block->end());
}

TEST_CASE_METHOD(BlockFixture, "Block: a cut falls on a record's boundary, at it or before it") {
    fill();
    CHECK(block->find_cut(record_size - 1).offset == Offset{100});
    CHECK(block->find_cut(record_size).offset == Offset{101});
    CHECK(block->find_cut(12 * record_size + 17).offset == Offset{112});
    CHECK(block->find_cut(12 * record_size + 17).position == 12 * record_size);
    CHECK(block->find_cut(30 * record_size).offset == block->end());
}

TEST_CASE_METHOD(BlockFixture, "Block: rewinding takes back what was appended since the mark") {
    block->append(DraftBatch{"a"}.bytes(), Timestamp(1s));
    const Block::Mark mark = block->mark();
    fill();
    block->rewind(mark);
    CHECK(block->end() == Offset{101});
    CHECK(block->last_timestamp() == Timestamp(1s));
    block->append(DraftBatch{"b"}.bytes(), Timestamp(2s));
    CHECK(block->record_at(block->find_offset(Offset{101}).position).payload_text() == "b");
}

TEST_CASE_METHOD(BlockFixture, "Block: reused, it is empty and no longer evicted") {
    fill();
    block->set_evicted();
    block->reuse(9, Offset{500});
    CHECK_FALSE(block->is_evicted());
    CHECK(block->used_bytes() == 0);
    block->append(DraftBatch{"a"}.bytes(), Timestamp(1s));
    CHECK(block->record_at(0).offset() == Offset{500});
}
