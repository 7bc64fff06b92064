#include "environment/random.hpp"

#include <atomic>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

namespace leveret {
namespace {

/// SplitMix64 (Steele, Lea, Flood 2014): its whole state is one counter, so an atomic addition makes it thread-safe.
class SeededRandom final : public Random {
  public:
    explicit SeededRandom(std::uint64_t seed) noexcept : state_(seed) {}

    [[nodiscard]] std::uint64_t next() noexcept override {
        constexpr std::uint64_t step = 0x9E37'79B9'7F4A'7C15;
        std::uint64_t mixed = state_.fetch_add(step, std::memory_order_relaxed) + step;
        mixed = (mixed ^ (mixed >> 30U)) * 0xBF58'476D'1CE4'E5B9;
        mixed = (mixed ^ (mixed >> 27U)) * 0x94D0'49BB'1331'11EB;
        return mixed ^ (mixed >> 31U);
    }

  private:
    std::atomic<std::uint64_t> state_;
};

/// Asks the operating system every time: topic ids are shown to clients, and from the numbers of a generator that was
/// seeded once they could compute the secrets of the hashes.
class SystemRandom final : public Random {
  public:
    [[nodiscard]] std::uint64_t next() noexcept override {
        std::uint64_t number = 0;
        // Fails for more than 256 bytes only, and where there is no such system call; without secrets we must not go
        // on.
        if (::getentropy(&number, sizeof number) != 0) {
            std::abort();
        }
        return number;
    }
};

}  // namespace

TopicId Random::topic_id() noexcept {
    TopicId id;
    while (!id.is_set()) {
        const std::uint64_t halves[2] = {next(), next()};
        std::memcpy(id.bytes.data(), halves, sizeof halves);
    }
    return id;
}

std::unique_ptr<Random> make_random(std::optional<std::uint64_t> seed) {
    if (seed) {
        return std::make_unique<SeededRandom>(*seed);
    }
    return std::make_unique<SystemRandom>();
}

}  // namespace leveret
