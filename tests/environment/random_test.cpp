#include "environment/random.hpp"

#include <set>

#include <catch2/catch.hpp>

using namespace leveret;

TEST_CASE("Random: the same seed gives the same numbers, another one others") {
    const auto one = make_random(7);
    const auto same = make_random(7);
    const auto other = make_random(8);
    for (int i = 0; i < 100; ++i) {
        const std::uint64_t number = one->next();
        CHECK(number == same->next());
        CHECK(number != other->next());
    }
}

TEST_CASE("Random: numbers and topic ids of the system's do not repeat") {
    const auto random = make_random();
    std::set<std::uint64_t> numbers;
    std::set<std::string> ids;
    for (int i = 0; i < 100; ++i) {
        numbers.insert(random->next());
        ids.insert(random->topic_id().to_string());
    }
    CHECK(numbers.size() == 100);
    CHECK(ids.size() == 100);
}

TEST_CASE("Random: a topic id is never the one that means none") {
    class Unlucky final : public Random {
      public:
        std::uint64_t next() noexcept override { return drawn_++ < 2 ? 0 : 5; }

      private:
        int drawn_ = 0;
    };
    Unlucky random;
    CHECK(random.topic_id().is_set());
}
