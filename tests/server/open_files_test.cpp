#include "server/open_files.hpp"

#include <catch2/catch.hpp>

using namespace leveret;

namespace {

const StorageOptions no_data_dir;
const StorageOptions with_data_dir{.data_dir = "data"};

}  // namespace

TEST_CASE("open files: connections, logs and the rest fit into what the process may open") {
    for (const std::size_t limit : {200U, 256U, 1024U, 4096U, 1'048'576U}) {
        CAPTURE(limit);
        CHECK(share_open_files(limit, 0, no_data_dir).sum() == limit);
        CHECK(share_open_files(limit, 0, with_data_dir).sum() == limit);
        CHECK(share_open_files(limit, 0, {.data_dir = "data", .log_files_max = limit / 3}).sum() == limit);
    }
}

TEST_CASE("open files: without a data directory logs get none") {
    CHECK(share_open_files(1024, 0, no_data_dir).logs == 0);
    CHECK(share_open_files(1024, 0, no_data_dir).connections == 1024 - 64);
}

TEST_CASE("open files: what is set explicitly stays, also where it does not fit") {
    const StorageOptions many_logs{.data_dir = "data", .log_files_max = 2000};
    CHECK(share_open_files(1024, 900, many_logs).connections == 900);
    CHECK(share_open_files(1024, 900, many_logs).logs == 2000);
    CHECK(share_open_files(1024, 900, with_data_dir).sum() > 1024);
}

TEST_CASE("open files: however few there are, somebody may connect") {
    for (const std::size_t limit : {0U, 1U, 20U, 100U}) {
        CHECK(share_open_files(limit, 0, with_data_dir).connections >= 1);
    }
}
