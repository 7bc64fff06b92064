#include <asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "message_log/segment/file_cache.hpp"
#include "message_log/segment/segment_store.hpp"
#include "segment_fixture.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

struct CacheFixture {
    SimulatedFiles files;
    FileCache cache{files, 2};
    int wanted_back = 0;

    std::shared_ptr<CachedFile> file(const std::string& name) {
        (void)files.open(name, Files::Open::create).value();
        return cache.add(name, Files::Open::write, [this] { ++wanted_back; });
    }
    void use(const std::shared_ptr<CachedFile>& file) { REQUIRE(cache.use(file)); }
    std::size_t opens() const {
        std::size_t count = 0;
        for (const Operation& call : files.operations()) {
            count += call.kind == Operation::Kind::open && call.how == Files::Open::write ? 1 : 0;
        }
        return count;
    }
};

}  // namespace

TEST_CASE_METHOD(CacheFixture,
                 "FileCache: the least recently used file is closed at the bound, and opened when needed") {
    const auto a = file("a");
    const auto b = file("b");
    const auto c = file("c");
    use(a);
    use(b);
    use(a);
    CHECK(opens() == 2);
    use(c);
    CHECK(cache.open_files() == 2);
    use(a);
    CHECK(opens() == 3);
    use(b);
    CHECK(opens() == 4);
}

TEST_CASE_METHOD(CacheFixture, "FileCache: a file in use stays open, whatever the bound") {
    const auto a = file("a");
    const auto b = file("b");
    const auto c = file("c");
    {
        const auto use_a = cache.use(a);
        const auto use_b = cache.use(b);
        const auto use_c = cache.use(c);
        CHECK(cache.open_files() == 3);
    }
    CHECK(cache.open_files() == 2);
}

TEST_CASE_METHOD(CacheFixture, "FileCache: a file with unsynced writes is not closed, its owner is asked once") {
    const auto a = file("a");
    const auto b = file("b");
    const auto c = file("c");
    for (const auto& dirty : {a, b, c}) {
        cache.use(dirty)->set_unsynced();
    }
    CHECK(cache.open_files() == 3);
    CHECK(wanted_back == 1);
    use(b);
    CHECK(wanted_back == 1);
    cache.use(a)->set_synced();
    CHECK(cache.open_files() == 2);
}

TEST_CASE_METHOD(CacheFixture, "FileCache: a file that is forgotten or let go of is closed") {
    REQUIRE_FALSE(files.make_directory("d"));
    const auto a = file("d/a");
    use(a);
    REQUIRE(cache.use_path("d/a"));
    CHECK(cache.open_files() == 2);
    cache.forget("d");
    CHECK(cache.open_files() == 1);
    REQUIRE_FALSE(cache.use_path("elsewhere"));
    CHECK(cache.open_files() == 1);
}

TEST_CASE_METHOD(CacheFixture, "FileCache: where the process may open no more files, an unused one is closed") {
    const auto a = file("a");
    const auto b = file("b");
    use(a);
    const auto full = GENERATE(std::errc::too_many_files_open, std::errc::too_many_files_open_in_system);
    files.fail({.kind = Operation::Kind::open, .path_part = "b", .error = make_error_code(full)});
    use(b);
    CHECK(cache.open_files() == 1);
    CHECK(wanted_back == 0);
}

TEST_CASE_METHOD(CacheFixture, "FileCache: where no file can be closed for another, one is asked for") {
    const auto a = file("a");
    const auto b = file("b");
    cache.use(a)->set_unsynced();
    const auto full = make_error_code(std::errc::too_many_files_open);
    files.fail({.kind = Operation::Kind::open, .path_part = "b", .error = full});
    CHECK(cache.use(b).error() == full);
    CHECK(wanted_back == 1);
    CHECK(cache.open_files() == 1);
    use(b);
}

TEST_CASE("FileCache: many logs with unsynced writes need few descriptors") {
    constexpr int logs = 200;
    constexpr std::size_t open_files = 20;
    SimulatedFiles files;
    asio::io_context io;
    Counters counters;
    const auto store =
        make_segment_store(files, {io.get_executor(), io.get_executor()}, counters, {.open_files_max = open_files});
    const auto run = [&] {
        io.restart();
        io.run();
    };
    std::vector<std::unique_ptr<MessageLog>> opened;
    for (int i = 0; i < logs; ++i) {
        opened.push_back(std::move(store->create({{static_cast<std::uint8_t>(i), 1}}, {}, {}).value().log));
    }
    for (int round = 0; round < 3; ++round) {
        for (const auto& log : opened) {
            LogDriver(*log, run).append_many(1, 50);
            std::size_t descriptors = 0;
            for (const Operation& call : files.operations()) {
                descriptors += call.kind == Operation::Kind::open && !call.error ? 1 : 0;
                descriptors -= call.kind == Operation::Kind::close ? 1 : 0;
            }
            REQUIRE(descriptors <= open_files + 2);
            if (files.operations().size() > 100'000) {
                FAIL("too many calls");
            }
        }
    }
    for (const auto& log : opened) {
        CHECK(LogDriver(*log, run).read(0).records == 3);
    }
    CHECK(counters.logs_failed.value() == 0);
}
