#include "topic_registry/topic_registry.hpp"

#include <set>
#include <thread>

#include <catch2/catch.hpp>

#include "protocol/allocation_counter.hpp"
#include "registry_fixture.hpp"

using namespace leveret;
using namespace leveret::test;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> names(const std::vector<TopicPtr>& topics) {
    std::vector<std::string> found;
    for (const TopicPtr& topic : topics) {
        found.push_back(topic->name());
    }
    return found;
}

// With what the registry writes out where settings leave it to the server.
constexpr TopicSettings all_default{.store = Store::memory, .durability = Durability::os};
constexpr TopicSettings with_ttl{.retention_ttl_ms = 1000, .store = Store::memory, .durability = Durability::os};

}  // namespace

TEST_CASE_METHOD(RegistryFixture, "TopicRegistry: creating a topic again with the same settings gives the same topic") {
    const TopicPtr created = topic("t", with_ttl);
    CHECK(topic("t", with_ttl) == created);
    CHECK(registry->find("t") == created);
    CHECK(registry->size() == 1);
    CHECK(counters.topics.value() == 1);
}

TEST_CASE_METHOD(RegistryFixture, "TopicRegistry: writing out a default is the same setting") {
    topic("t");
    CHECK(registry->create("t", {.partitions = 0}).has_value());
    CHECK(registry->create("t", {.store = Store::memory}).has_value());
}

TEST_CASE_METHOD(RegistryFixture, "TopicRegistry: creating it with other settings is refused and changes nothing") {
    topic("t", with_ttl);
    CHECK(registry->create("t", {.retention_ttl_ms = 1}).error() == Error::topic_exists);
    CHECK(registry->find("t")->settings() == with_ttl);
}

TEST_CASE_METHOD(RegistryFixture, "TopicRegistry: the zaichik way, an existing topic stays as it is") {
    const TopicPtr created = topic("t", with_ttl);
    CHECK(registry->create_or_keep("t", {.retention_ttl_ms = 1}).value() == created);
    CHECK(created->settings() == with_ttl);
}

TEST_CASE_METHOD(RegistryFixture, "TopicRegistry: a topic that nobody has configured takes the first settings, once") {
    const TopicPtr created = registry->find_or_create("t").value();
    CHECK_FALSE(created->is_configured());
    CHECK(topic("t", with_ttl) == created);
    CHECK(created->is_configured());
    CHECK(created->settings() == with_ttl);
    CHECK(registry->create("t", {}).error() == Error::topic_exists);
    CHECK(registry->find_or_create("t").value()->settings() == with_ttl);
}

TEST_CASE_METHOD(RegistryFixture,
                 "TopicRegistry: the zaichik way, also one that nobody has configured stays as it is") {
    const TopicPtr created = registry->find_or_create("t").value();
    CHECK(registry->create_or_keep("t", with_ttl).value() == created);
    CHECK(created->settings() == all_default);
    CHECK_FALSE(created->is_configured());
    CHECK(registry->create_or_keep("u", with_ttl).value()->settings() == with_ttl);
}

TEST_CASE_METHOD(RegistryFixture, "TopicRegistry: refuses bad names and settings it does not have") {
    CHECK(registry->find_or_create("").error() == Error::bad_topic_name);
    CHECK(registry->create("a\nb", {}).error() == Error::bad_topic_name);
    CHECK(registry->create("t", {.partitions = 2}).error() == Error::not_supported);
    CHECK(registry->create("t", {.store = Store::rocksdb}).error() == Error::not_supported);
    CHECK(registry->create("t", {.store = static_cast<Store>(9)}).error() == Error::bad_settings);
    CHECK(registry->create("t", {.durability = static_cast<Durability>(9)}).error() == Error::bad_settings);
    CHECK(registry->size() == 0);
}

TEST_CASE_METHOD(RegistryFixture, "TopicRegistry: has a bound; topics that exist are found at it") {
    limits.topics_max = 1;
    topic("t");
    CHECK(registry->find_or_create("t").has_value());
    CHECK(registry->find_or_create("u").error() == Error::too_many_topics);
    CHECK(counters.topics_refused.value() == 1);
}

TEST_CASE_METHOD(RegistryFixture, "TopicRegistry: topics are charged to the memory budget") {
    REQUIRE(memory.try_charge(memory.bytes_max() - 10));
    CHECK(registry->find_or_create("t").error() == Error::memory_full);
    memory.release(10'000);
    CHECK(registry->find_or_create("t").has_value());
    CHECK_FALSE(registry->remove("t"));
    CHECK(memory.used_bytes() == memory.bytes_max() - 10'010);
}

TEST_CASE_METHOD(RegistryFixture, "TopicRegistry: altering changes what it names, and checks it") {
    const TopicPtr created = topic("t", with_ttl);
    CHECK(registry->alter("t", [](TopicSettings& settings) { settings.retention_records = 5; }).has_value());
    CHECK(created->settings() ==
          TopicSettings{
              .retention_ttl_ms = 1000, .retention_records = 5, .store = Store::memory, .durability = Durability::os});
    CHECK(registry->alter("t", [](TopicSettings& settings) { settings.partitions = 3; }).error() ==
          Error::not_supported);
    CHECK(registry->alter("u", [](TopicSettings&) {}).error() == Error::unknown_topic);
}

TEST_CASE_METHOD(RegistryFixture, "TopicRegistry: a removed topic is gone, and created again is another one") {
    const TopicPtr first = topic("t");
    CHECK_FALSE(registry->remove("t"));
    CHECK(first->is_deleted());
    CHECK(registry->find("t") == nullptr);
    CHECK(registry->remove("t") == Error::unknown_topic);
    const TopicPtr second = topic("t");
    CHECK(second->id() != first->id());
    CHECK(second->epoch() > first->epoch());
    CHECK(counters.topics.value() == 1);
}

TEST_CASE_METHOD(RegistryFixture, "TopicRegistry: epochs go up from one run to the next") {
    const Epoch before = topic("t")->epoch();
    stop();
    clock.advance(1s);
    start();
    CHECK(topic("t")->epoch() > before);
}

TEST_CASE_METHOD(RegistryFixture, "TopicRegistry: lists by name, page by page") {
    for (const char* name : {"c", "a", "b", "e", "d"}) {
        topic(name);
    }
    CHECK(names(registry->list("", 2)) == std::vector<std::string>{"a", "b"});
    CHECK(names(registry->list("b", 2)) == std::vector<std::string>{"c", "d"});
    CHECK(names(registry->list("d", 100)) == std::vector<std::string>{"e"});
    CHECK(registry->list("e", 100).empty());
}

TEST_CASE_METHOD(RegistryFixture, "TopicRegistry: a page costs the same, however many topics there are") {
    const auto bytes_for_a_page = [this] {
        const std::size_t before = allocated_bytes();
        CHECK(names(registry->list("a", 2)) == std::vector<std::string>{"b", "c"});
        return allocated_bytes() - before;
    };
    for (const char* name : {"a", "b", "c", "d"}) {
        topic(name);
    }
    const std::size_t with_few = bytes_for_a_page();
    for (int i = 0; i < 2000; ++i) {
        topic("e" + std::to_string(i));
    }
    CHECK(bytes_for_a_page() == with_few);
}

TEST_CASE_METHOD(RegistryFixture,
                 "TopicRegistry: a removed topic is not listed, and is again when it is created again") {
    for (const char* name : {"a", "b", "c"}) {
        topic(name);
    }
    CHECK_FALSE(registry->remove("b"));
    CHECK(names(registry->list("", 3)) == std::vector<std::string>{"a", "c"});
    topic("b");
    CHECK(names(registry->list("", 3)) == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE_METHOD(RegistryFixture, "TopicRegistry: those who create the same topic at the same moment get one") {
    for (int round = 0; round < 100; ++round) {
        const std::string name = "t" + std::to_string(round);
        std::vector<TopicPtr> created(4);
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < created.size(); ++i) {
            threads.emplace_back([&, i] {
                created[i] =
                    i % 2 == 0 ? registry->find_or_create(name).value() : registry->create(name, with_ttl).value();
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        CHECK(std::set(created.begin(), created.end()).size() == 1);
        CHECK(created.front()->settings() == with_ttl);
    }
}

TEST_CASE_METHOD(RegistryFixture, "TopicRegistry: when it goes, those who still hold its topics find them deleted") {
    const TopicPtr created = topic("t");
    REQUIRE_FALSE(publish(*created, 100));
    stop();
    CHECK(created->is_deleted());
    CHECK(memory.used_bytes() == 0);
    CHECK(counters.topics.value() == 0);
}
