#include "environment/limits.hpp"

#include <catch2/catch.hpp>

using namespace leveret;

TEST_CASE("Limits: the default for memory is something, and at most 1 GiB") {
    CHECK(default_memory_bytes_max() > (1U << 20U));
    CHECK(default_memory_bytes_max() <= (1U << 30U));
}
