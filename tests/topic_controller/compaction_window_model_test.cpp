// CompactionWindow against a map from key to the time of acceptance.
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "topic_controller/compaction_window.hpp"

using namespace leveret;
using Verdict = CompactionWindow::Verdict;

namespace {

struct Bounds {
    std::size_t keys_max = 1'000'000;
    std::uint64_t memory_bytes = 1U << 30U;
};

class Comparison {
  public:
    Comparison(std::uint32_t seed, std::uint64_t key_count, std::uint64_t first_number, Bounds bounds = {})
        : random_(seed),
          key_count_(key_count),
          keys_max_(bounds.keys_max),
          memory_(bounds.memory_bytes),
          window_(memory_, *source_, bounds.keys_max, first_number) {}

    /// One batch that is kept or withdrawn, then time goes on; now and then a long time.
    void step() {
        std::vector<std::string> keys(number(1, 100));
        for (std::string& key : keys) {
            key = std::to_string(number(0, key_count_));
        }
        const std::vector<Accepted> accepted = accept(keys);
        if (number(0, 3) == 0) {
            window_.withdraw(accepted.size());
            take_back(accepted);
        }
        now_ += std::chrono::microseconds(number(0, 19) == 0 ? number(0, 3000) : number(0, 20));
        if (number(0, 4) == 0) {
            window_.forget(now_, length, number(0, 200));
        }
        REQUIRE(memory_.used_bytes() == window_.charged_bytes());
        REQUIRE(window_.keys() <= keys_max_);
    }
    /// Keys for which there was no room.
    [[nodiscard]] std::size_t refused() const { return refused_; }

  private:
    static constexpr std::chrono::microseconds length{2000};

    std::uint64_t number(std::uint64_t from, std::uint64_t to) {
        return std::uniform_int_distribution<std::uint64_t>(from, to)(random_);
    }

    struct Accepted {
        std::string key;
        std::optional<WindowTime> before;  ///< when it was accepted the last time
    };

    /// All of them together, up to one that is refused; gives those that were accepted.
    std::vector<Accepted> accept(const std::vector<std::string>& keys) {
        const std::vector<std::string_view> views(keys.begin(), keys.end());
        std::vector<Verdict> verdicts(keys.size());
        const std::size_t given = window_.accept(views, now_, length, verdicts);
        std::vector<Accepted> accepted;
        for (std::size_t i = 0; i < given; ++i) {
            const auto known = accepted_.find(keys[i]);
            const bool is_duplicate = known != accepted_.end() && now_ - known->second < length;
            if (!is_duplicate && (verdicts[i] == Verdict::window_full || verdicts[i] == Verdict::memory_full)) {
                REQUIRE(given == i + 1);
                REQUIRE((verdicts[i] == Verdict::memory_full || window_.keys() == keys_max_));
                ++refused_;
                return accepted;
            }
            REQUIRE(verdicts[i] == (is_duplicate ? Verdict::duplicate : Verdict::accepted));
            if (!is_duplicate) {
                accepted.push_back({keys[i], known != accepted_.end() ? std::optional(known->second) : std::nullopt});
                accepted_[keys[i]] = now_;
            }
        }
        REQUIRE(given == keys.size());
        return accepted;
    }
    void take_back(const std::vector<Accepted>& accepted) {
        for (auto each = accepted.rbegin(); each != accepted.rend(); ++each) {
            if (each->before) {
                accepted_[each->key] = *each->before;
            } else {
                accepted_.erase(each->key);
            }
        }
    }

    std::mt19937 random_;
    const std::uint64_t key_count_;
    const std::size_t keys_max_;
    std::size_t refused_ = 0;
    MemoryBudget memory_;
    std::unique_ptr<Random> source_ = make_random(9);
    CompactionWindow window_;
    WindowTime now_ = WindowTime(std::chrono::seconds(1));
    std::map<std::string, WindowTime> accepted_;
};

}  // namespace

TEST_CASE("CompactionWindow: does what a map of acceptance times would do") {
    const auto seed = GENERATE(range(0U, 6U));
    const auto key_count = GENERATE(50U, 3000U, 100'000U);
    const auto first_number = GENERATE(std::uint64_t{0}, (std::uint64_t{1} << 32U) - 5'000);  // wraps on its way
    INFO("seed " << seed << ", keys " << key_count << ", from number " << first_number);
    Comparison comparison(seed, key_count, first_number);
    for (int i = 0; i < 400; ++i) {
        comparison.step();
    }
}

TEST_CASE("CompactionWindow: does so, too, where it is often full, or memory is") {
    const auto seed = GENERATE(range(0U, 6U));
    // A number that ends neither a chunk nor a table, and memory for two tables and some chunks.
    const auto bounds = GENERATE(Bounds{.keys_max = 150}, Bounds{.memory_bytes = 24U << 10U});
    INFO("seed " << seed << ", at most " << bounds.keys_max << " keys in " << bounds.memory_bytes << " bytes");
    Comparison comparison(seed, 3000, 0, bounds);
    for (int i = 0; i < 400; ++i) {
        comparison.step();
    }
    CHECK(comparison.refused() > 10);
}
