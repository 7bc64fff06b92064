#include "environment/counters.hpp"

#include <set>
#include <string_view>

#include <catch2/catch.hpp>

using namespace leveret;

TEST_CASE("Counters: all() names every counter once") {
    const Counters counters;
    std::set<std::string_view> names;
    for (const auto& [name, value] : counters.all()) {
        names.insert(name);
    }
    CHECK(names.size() == counters.all().size());
    CHECK(names.size() == sizeof(Counters) / sizeof(Counter));
}

TEST_CASE("Counters: all() shows what was counted, under its name") {
    Counters counters;
    counters.records_missed.add(7);
    counters.connections.add(3);
    counters.connections.subtract();
    for (const auto& [name, value] : counters.all()) {
        CHECK(value == (name == "records_missed" ? 7U : name == "connections" ? 2U : 0U));
    }
}
