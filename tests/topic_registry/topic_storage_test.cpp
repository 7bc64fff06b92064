#include <functional>
#include <limits>

#include <catch2/catch.hpp>

#include "message_log/memory_log.hpp"
#include "registry_fixture.hpp"
#include "support/simulated_files.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

const auto io_error = std::make_error_code(std::errc::io_error);

/// A registry with a data directory whose calls can be made to fail; logs are in memory.
struct FailingStorage : RegistryFixture {
    SimulatedFiles files;
    MemoryLogStore store{{.executor = io.get_executor()}};
    CatchUpMemory catch_up_memory{1U << 20U};
    AwaitedBudget all_pending{memory.bytes_max()};
    TopicStorage storage{files, [this](Store) -> Result<LogStore*> { return &store; },
                         LogExecutors{io.get_executor(), io.get_executor()}, catch_up_memory, all_pending};

    FailingStorage() {
        registry.emplace(Environment{limits, clock, *random, memory, counters}, io.get_executor(), &storage);
        REQUIRE_FALSE(registry->load(1));
    }
    ~FailingStorage() {
        registry->close([] {});
        run();
        stop();
    }
    /// Its creation, with the call of that number failing, if there are so many.
    void create(
        std::uint64_t failing_call, const std::function<void()>& meanwhile = [] {}) {
        files.fail({.call = failing_call, .error = io_error});
        outcome = make_error_code(Error::timed_out);
        registry->when_kept(topic("topic", {.store = Store::file}), [&](std::error_code error) { outcome = error; });
        meanwhile();
        run();
        has_failed_call = files.failed_call().has_value();
        files.fail({.call = std::numeric_limits<std::uint64_t>::max()});
    }
    /// Those that are deleted in name only, too.
    std::size_t topics_on_disk() { return files.list("topics").value().size(); }

    std::error_code outcome;
    bool has_failed_call = false;
};

}  // namespace

TEST_CASE_METHOD(FailingStorage,
                 "TopicStorage: a topic that cannot be made leaves nothing behind, whatever has failed") {
    int refused = 0;
    std::uint64_t call = 0;
    do {
        create(++call);
        INFO("call " << call << ": " << outcome.message());
        if (outcome) {
            ++refused;
            CHECK(outcome == io_error);
            CHECK(registry->find("topic") == nullptr);
        } else {
            CHECK(topics_on_disk() == 1);
            REQUIRE_FALSE(registry->remove("topic"));
            run();
        }
        CHECK(topics_on_disk() == 0);
    } while (has_failed_call);
    CHECK(refused > 5);
    CHECK_FALSE(outcome);
}

TEST_CASE_METHOD(FailingStorage,
                 "TopicStorage: settings saved for a topic that could not be made do not bring it back") {
    create(1, [this] {
        CHECK(registry->alter("topic", [](TopicSettings& settings) { settings.retention_ttl_ms = 1000; }));
    });
    CHECK(outcome == io_error);
    CHECK(topics_on_disk() == 0);
}

TEST_CASE_METHOD(FailingStorage,
                 "TopicStorage: a topic that cannot be made leaves nothing behind where that cannot be synced either") {
    const auto full = std::make_error_code(std::errc::too_many_files_open);
    files.fail({.kind = Operation::Kind::sync_directory, .path_part = "topics", .error = full, .then = full});
    registry->when_kept(topic("topic", {.store = Store::file}), [&](std::error_code error) { outcome = error; });
    run();
    CHECK(outcome == full);
    CHECK(topics_on_disk() == 0);
}

TEST_CASE_METHOD(FailingStorage, "TopicStorage: to delete a topic that could not be made is no failure") {
    std::error_code removed = make_error_code(Error::timed_out);
    create(1, [&] { CHECK_FALSE(registry->remove("topic", [&](std::error_code error) { removed = error; })); });
    CHECK(outcome == io_error);
    CHECK_FALSE(removed);
    CHECK(topics_on_disk() == 0);
}
