#include <algorithm>
#include <string>

#include <catch2/catch.hpp>

#include "subscription_manager/manager_fixture.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

std::string text_of(std::span<const asio::const_buffer> buffers) {
    std::string text;
    for (const asio::const_buffer& buffer : buffers) {
        text.append(static_cast<const char*>(buffer.data()), buffer.size());
    }
    return text;
}

/// All that is in the batch, read `step` bytes at a time.
std::string drain(WriteBatch& batch, std::size_t step) {
    std::string text;
    while (!batch.empty()) {
        const std::string front = text_of(batch.front());
        const std::size_t count = std::min(step, front.size());
        text += front.substr(0, count);
        batch.consume(count);
    }
    return text;
}

void add_arena(WriteBatch& batch, std::string_view text) {
    std::copy(text.begin(), text.end(), reinterpret_cast<char*>(batch.add_arena(text.size())));
}

void add_owned(WriteBatch& batch, std::string_view text) {
    ByteVector bytes;
    append(bytes, as_bytes(text));
    batch.add_owned(bytes);
}

struct BatchFixture : ManagerWorld {
    static constexpr std::size_t large = WriteBatch::copied_bytes_max + 1;
    WriteBatch batch;

    /// Adds what `topic` has to the batch and answers it.
    std::string add_records_of(std::string_view topic) {
        const TopicPtr found = registry.find(topic);
        TopicCursor cursor = found->cursor_at_earliest();
        found->gather(cursor, 1U << 20U, 1000, batch.gathered());
        std::string text;
        for (const Slice& slice : batch.gathered().slices()) {
            text += as_text(slice.records);
        }
        batch.add_slices(batch.gathered().slices(), batch.gathered().bytes());
        batch.gathered().clear();
        return text;
    }
};

}  // namespace

TEST_CASE("WriteBatch: keeps the order of arena, owned bytes and slices, at every size of a write") {
    for (std::size_t step = 1; step < 40; ++step) {
        BatchFixture fixture;
        fixture.publish("topic", std::string(BatchFixture::large, 'r'));
        add_arena(fixture.batch, "head");
        add_arena(fixture.batch, "er");
        add_owned(fixture.batch, "owned");
        const std::string records = fixture.add_records_of("topic");
        add_arena(fixture.batch, "tail");
        CHECK(fixture.batch.bytes() == 15 + records.size());
        CHECK(drain(fixture.batch, step) == "headerowned" + records + "tail");
        CHECK(fixture.batch.bytes() == 0);
    }
}

TEST_CASE("WriteBatch: small records are copied, so that the block is not kept") {
    BatchFixture fixture;
    fixture.publish("topic", "small");
    const std::string records = fixture.add_records_of("topic");
    const std::uint64_t before = fixture.memory.used_bytes();
    REQUIRE_FALSE(fixture.registry.remove("topic"));
    CHECK(fixture.memory.used_bytes() < before - BroadcastBuffer::block_bytes_min / 2);
    CHECK(drain(fixture.batch, 7) == records);
}

TEST_CASE("WriteBatch: large records are not copied, and their block stays until they are written") {
    BatchFixture fixture;
    fixture.publish("topic", std::string(BatchFixture::large, 'r'));
    const std::string records = fixture.add_records_of("topic");
    REQUIRE_FALSE(fixture.registry.remove("topic"));
    const std::uint64_t pinned = fixture.memory.used_bytes();
    CHECK(pinned > BatchFixture::large);
    CHECK(drain(fixture.batch, 100) == records);
    CHECK(fixture.memory.used_bytes() < pinned - BatchFixture::large);
}

TEST_CASE("WriteBatch: adjacent pieces become one buffer") {
    WriteBatch batch;
    add_arena(batch, "a");
    add_arena(batch, "b");
    CHECK(batch.front().size() == 1);
}

TEST_CASE("WriteBatch: no more buffers than one write takes are in front") {
    WriteBatch batch;
    std::string expected;
    for (int i = 0; i < 100; ++i) {
        add_owned(batch, std::to_string(i));
        expected += std::to_string(i);
    }
    CHECK(batch.front().size() == 64);
    CHECK(drain(batch, 3) == expected);
}

TEST_CASE("WriteBatch: written to the end it has its whole arena again") {
    WriteBatch batch;
    add_arena(batch, std::string(WriteBatch::arena_bytes, 'a'));
    CHECK(batch.arena_left() == 0);
    drain(batch, 10'000);
    CHECK(batch.arena_left() == WriteBatch::arena_bytes);
}

TEST_CASE("WriteBatch: a stalled write lets go of an evicted block and keeps its bytes") {
    BatchFixture fixture;
    fixture.publish("topic", std::string(BatchFixture::large, 'r'));
    add_arena(fixture.batch, "header");
    const std::string records = fixture.add_records_of("topic");
    fixture.batch.consume(10);
    REQUIRE_FALSE(fixture.registry.remove("topic"));
    const std::uint64_t pinned = fixture.memory.used_bytes();
    CHECK(fixture.batch.let_go_of_evicted_blocks(fixture.memory));
    CHECK(pinned > 0);
    CHECK(fixture.memory.used_bytes() == fixture.batch.bytes() + WriteBatch::arena_bytes);
    CHECK(drain(fixture.batch, 99) == records.substr(4));
    CHECK(fixture.memory.used_bytes() == 0);
}

TEST_CASE("WriteBatch: while it waits it is charged for its arena and copies") {
    BatchFixture fixture;
    std::vector<std::byte> answers(10'000);
    fixture.batch.add_owned(answers);
    CHECK(fixture.memory.used_bytes() == 0);
    CHECK(fixture.batch.charge_owned(fixture.memory));
    CHECK(fixture.memory.used_bytes() >= WriteBatch::arena_bytes + 10'000);
    fixture.batch.consume(fixture.batch.bytes());
    CHECK(fixture.memory.used_bytes() == 0);
}

TEST_CASE("WriteBatch: a block that is in use in its topic is not copied") {
    BatchFixture fixture;
    fixture.publish("topic", std::string(BatchFixture::large, 'r'));
    fixture.add_records_of("topic");
    const std::uint64_t before = fixture.memory.used_bytes();
    CHECK(fixture.batch.let_go_of_evicted_blocks(fixture.memory));
    CHECK(fixture.memory.used_bytes() == before);
}

TEST_CASE("WriteBatch: where memory is full nothing is let go of and nothing changes") {
    BatchFixture fixture;
    fixture.publish("topic", std::string(BatchFixture::large, 'r'));
    const std::string records = fixture.add_records_of("topic");
    REQUIRE_FALSE(fixture.registry.remove("topic"));
    MemoryBudget none(0);
    CHECK_FALSE(fixture.batch.let_go_of_evicted_blocks(none));
    CHECK(drain(fixture.batch, 50) == records);
}

TEST_CASE("WriteBatchPool: lends a batch again that was given back") {
    WriteBatchPool pool;
    auto batch = pool.borrow();
    const WriteBatch* const address = batch.get();
    pool.give_back(std::move(batch));
    CHECK(pool.borrow().get() == address);
}
