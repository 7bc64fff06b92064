// CompactionWindow against a map from key to the time of acceptance.
#include <map>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "topic_controller/compaction_window.hpp"

using namespace leveret;
using Verdict = CompactionWindow::Verdict;

namespace {

class Comparison {
  public:
    Comparison(std::uint32_t seed, std::uint64_t key_count) : random_(seed), key_count_(key_count) {}

    /// One batch that is kept or withdrawn, then time goes on; now and then a long time.
    void step() {
        const std::map<std::string, Timestamp> before = accepted_;
        const std::uint64_t count = number(1, 40);
        std::size_t provisional = 0;
        for (std::uint64_t i = 0; i < count; ++i) {
            provisional += accept(std::to_string(number(0, key_count_))) ? 1 : 0;
        }
        if (number(0, 3) == 0) {
            window_.withdraw(provisional);
            accepted_ = before;
        }
        now_ += std::chrono::microseconds(number(0, 19) == 0 ? number(0, 3000) : number(0, 20));
        if (number(0, 4) == 0) {
            window_.forget(now_, length, number(0, 200));
        }
        REQUIRE(memory_.used_bytes() == window_.charged_bytes());
    }

  private:
    static constexpr std::chrono::microseconds length{2000};

    std::uint64_t number(std::uint64_t from, std::uint64_t to) {
        return std::uniform_int_distribution<std::uint64_t>(from, to)(random_);
    }

    bool accept(const std::string& key) {
        const auto known = accepted_.find(key);
        const bool is_duplicate = known != accepted_.end() && now_ - known->second < length;
        REQUIRE(window_.accept(key, now_, length) == (is_duplicate ? Verdict::duplicate : Verdict::accepted));
        if (!is_duplicate) {
            accepted_[key] = now_;
        }
        return !is_duplicate;
    }

    std::mt19937 random_;
    const std::uint64_t key_count_;
    MemoryBudget memory_{1U << 30U};
    std::unique_ptr<Random> source_ = make_random(9);
    CompactionWindow window_{memory_, *source_, 1'000'000};
    Timestamp now_ = Timestamp(std::chrono::seconds(1));
    std::map<std::string, Timestamp> accepted_;
};

}  // namespace

TEST_CASE("CompactionWindow: does what a map of acceptance times would do") {
    const auto seed = GENERATE(range(0U, 6U));
    const auto key_count = GENERATE(50U, 3000U, 100'000U);
    INFO("seed " << seed << ", keys " << key_count);
    Comparison comparison(seed, key_count);
    for (int i = 0; i < 400; ++i) {
        comparison.step();
    }
}
