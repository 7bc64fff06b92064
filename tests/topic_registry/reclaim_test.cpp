#include <thread>

#include <catch2/catch.hpp>

#include "message_log/memory_log.hpp"
#include "message_log/temporary_directory.hpp"
#include "registry_fixture.hpp"
#include "topic_controller/batch_fixture.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

struct FullMemory : RegistryFixture {
    void publish_many(TopicController& topic, int count) {
        for (int i = 0; i < count; ++i) {
            REQUIRE_FALSE(publish(topic, 10'000));
        }
    }
};

/// With a data directory, whose logs are in memory and have what was published when run() has been called.
struct StoredFullMemory : FullMemory {
    TemporaryDirectory directory;
    std::unique_ptr<Files> files = make_posix_files(directory.path());
    MemoryLogStore store{{.executor = io.get_executor()}};
    CatchUpMemory catch_up_memory{1U << 20U};
    AwaitedBudget all_pending{memory.bytes_max()};
    TopicStorage storage{*files, [this](Store) -> Result<LogStore*> { return &store; },
                         LogExecutors{io.get_executor(), io.get_executor()}, catch_up_memory, all_pending};

    StoredFullMemory() {
        registry.emplace(Environment{limits, clock, *random, memory, counters}, io.get_executor(), &storage);
        REQUIRE_FALSE(registry->load(1));
    }
    ~StoredFullMemory() {
        registry->close([] {});
        run();
        stop();
    }
    TopicPtr stored_topic(const std::string& name) {
        const TopicPtr created = topic(name, {.store = Store::file});
        run();
        return created;
    }
    /// Answered by its log.
    void begin_publish(TopicController& topic) {
        const DraftBatch draft{std::string(10'000, 'x')};
        const Batch batch = draft.batch();
        topic.append({&batch, 1}, [this](std::span<AppendResult> results) { kept += results.front().accepted; });
    }
    std::uint64_t kept = 0;
};

}  // namespace

TEST_CASE_METHOD(FullMemory, "TopicRegistry: when memory is full the largest topic gives, and publishing goes on") {
    const TopicPtr large = topic("large");
    const TopicPtr small = topic("small");
    publish_many(*small, 100);
    publish_many(*large, 5'000);
    CHECK(memory.used_bytes() <= memory.bytes_max());
    CHECK(large->figures().evicted > 0);
    CHECK(small->figures().evicted == 0);
    CHECK(counters.memory_full.value() == 0);
}

TEST_CASE_METHOD(FullMemory, "TopicRegistry: two busy topics come to share what there is") {
    const TopicPtr first = topic("first");
    const TopicPtr second = topic("second");
    publish_many(*first, 5'000);
    publish_many(*second, 5'000);
    const auto bytes = [](const TopicPtr& shared) { return static_cast<double>(shared->charged_bytes()); };
    CHECK(bytes(first) / bytes(second) > 0.8);
    CHECK(bytes(first) / bytes(second) < 1.25);
}

TEST_CASE("TopicRegistry: of many busy topics none loses what a reader who keeps up has still to read") {
    const auto count = GENERATE(300U, 2'000U);
    constexpr std::uint64_t bytes_per_topic = 40U << 10U;
    RegistryFixture fixture(count * bytes_per_topic);
    std::vector<TopicPtr> topics;
    std::vector<TopicCursor> cursors;
    for (unsigned i = 0; i < count; ++i) {
        topics.push_back(fixture.topic("topic " + std::to_string(i)));
        cursors.push_back(topics.back()->cursor_at_latest());
    }
    Gathered gathered;
    std::uint64_t lagged = 0;
    for (int round = 0; round < 100; ++round) {
        for (const TopicPtr& shared : topics) {
            REQUIRE_FALSE(RegistryFixture::publish(*shared, 1'000));
        }
        for (std::size_t i = 0; i < topics.size(); ++i) {
            topics[i]->gather(cursors[i], 1U << 20U, 10, gathered);
            lagged += gathered.lagged() ? 1 : 0;
        }
    }
    CHECK(lagged == 0);
    CHECK(fixture.counters.records_evicted.value() > 0);
    CHECK(fixture.counters.memory_full.value() == 0);
}

TEST_CASE_METHOD(FullMemory, "TopicRegistry: where no topic has anything to give, publishes are refused") {
    const TopicPtr only = topic("only");
    REQUIRE_FALSE(publish(*only, 10));
    REQUIRE(memory.try_charge(memory.bytes_max() - memory.used_bytes()));
    CHECK_FALSE(registry->reclaim(1));
    CHECK(publish(*only, 10'000) == Error::memory_full);
    CHECK(counters.memory_full.value() == 1);
    CHECK(only->figures().records == 1);
}

TEST_CASE_METHOD(FullMemory, "TopicRegistry: one look at the topics frees enough for many blocks") {
    const TopicPtr large = topic("large");
    publish_many(*large, 1'000);
    const std::uint64_t before = memory.used_bytes();
    REQUIRE(memory.try_charge(memory.bytes_max() - before));
    CHECK(registry->reclaim(1));
    CHECK(before - large->charged_bytes() >= memory.bytes_max() / 64);
}

TEST_CASE_METHOD(
    StoredFullMemory,
    "TopicRegistry: where the largest topics have only records that their logs do not have yet, others give") {
    std::vector<TopicPtr> unkept;
    for (int i = 0; i < 20; ++i) {
        unkept.push_back(stored_topic("unkept " + std::to_string(i)));
    }
    for (int record = 0; record < 50; ++record) {
        for (const TopicPtr& stored : unkept) {
            begin_publish(*stored);
        }
    }
    CHECK(kept == 0);
    const TopicPtr small = topic("small");
    publish_many(*small, 20);
    for (const TopicPtr& larger : unkept) {
        REQUIRE(larger->charged_bytes() > small->charged_bytes());
        REQUIRE(larger->evict_oldest_block() == 0);
    }
    const std::uint64_t rest = memory.bytes_max() - memory.used_bytes();
    REQUIRE(memory.try_charge(rest));
    CHECK(registry->reclaim(1));
    CHECK(small->figures().evicted > 0);
    CHECK(memory.used_bytes() < memory.bytes_max());

    run();
    CHECK(kept == 20 * 50);
    memory.release(rest);
}

TEST_CASE_METHOD(FullMemory,
                 "TopicRegistry: topics that fill the memory from several threads neither block nor exceed it") {
    std::vector<TopicPtr> topics;
    for (int i = 0; i < 4; ++i) {
        topics.push_back(topic(std::to_string(i)));
    }
    std::atomic<int> refused{0};
    std::vector<std::thread> threads;
    for (std::size_t writer = 0; writer < 4; ++writer) {
        threads.emplace_back([&, writer] {
            for (std::size_t i = 0; i < 2'000; ++i) {
                refused += publish(*topics[(writer + i) % topics.size()], 10'000) ? 1 : 0;
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(refused < 100);
    CHECK(memory.used_bytes() <= memory.bytes_max());
    std::uint64_t charged = 0;
    for (const TopicPtr& shared : topics) {
        charged += shared->charged_bytes();
        CHECK(shared->figures().published == shared->figures().records + shared->figures().evicted);
    }
    CHECK(charged <= memory.used_bytes());
}
