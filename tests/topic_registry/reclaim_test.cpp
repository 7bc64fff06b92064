#include <thread>

#include <catch2/catch.hpp>

#include "registry_fixture.hpp"

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
