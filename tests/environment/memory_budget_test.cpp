#include "environment/memory_budget.hpp"

#include <limits>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using namespace leveret;

TEST_CASE("MemoryBudget: takes exactly up to its bound, and nothing of what does not fit") {
    MemoryBudget budget(100);
    CHECK(budget.try_charge(60));
    CHECK_FALSE(budget.try_charge(41));
    CHECK(budget.used_bytes() == 60);
    CHECK(budget.try_charge(40));
    budget.release(100);
    CHECK(budget.used_bytes() == 0);
}

TEST_CASE("MemoryBudget: a charge near 2^64 is refused and does not wrap around") {
    MemoryBudget budget(100);
    REQUIRE(budget.try_charge(1));
    CHECK_FALSE(budget.try_charge(std::numeric_limits<std::uint64_t>::max()));
    CHECK(budget.used_bytes() == 1);
}

TEST_CASE("MemoryCharge: can be resized within the bound and gives back what it has") {
    MemoryBudget budget(100);
    {
        MemoryCharge charge(budget);
        CHECK(charge.resize(80));
        CHECK_FALSE(charge.resize(101));
        CHECK(charge.bytes() == 80);
        CHECK(charge.resize(30));
        CHECK(budget.used_bytes() == 30);
    }
    CHECK(budget.used_bytes() == 0);
}

TEST_CASE("MemoryCharge: moving it moves the debt, once") {
    MemoryBudget budget(100);
    {
        MemoryCharge charge(budget);
        REQUIRE(charge.resize(10));
        const MemoryCharge moved(std::move(charge));
        CHECK(moved.bytes() == 10);
        CHECK(budget.used_bytes() == 10);
    }
    CHECK(budget.used_bytes() == 0);
}

TEST_CASE("MemoryBudget: threads that charge and release at once never exceed it, and leave nothing") {
    MemoryBudget budget(3);
    std::atomic<bool> exceeded{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int round = 0; round < 20'000; ++round) {
                if (budget.try_charge(2)) {
                    exceeded = exceeded || budget.used_bytes() > 3;
                    budget.release(2);
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK_FALSE(exceeded);
    CHECK(budget.used_bytes() == 0);
}
