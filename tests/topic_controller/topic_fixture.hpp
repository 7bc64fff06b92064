// A topic with everything it needs, in virtual time.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "batch_fixture.hpp"
#include "environment/environment.hpp"
#include "topic_controller/topic_controller.hpp"

namespace leveret::test {

class WakeCounter final : public TopicWaiter {
  public:
    void wake() noexcept override { ++woken; }
    std::atomic<int> woken{0};
};

struct TopicFixture {
    Limits limits;
    ManualClock clock;
    std::unique_ptr<Random> random = make_random(1);
    MemoryBudget memory{64U << 20U};
    Counters counters;
    std::vector<Timestamp> scheduled;
    TopicController::Reclaim reclaim;
    std::shared_ptr<TopicController> topic;
    Gathered gathered;

    std::shared_ptr<TopicController> make_topic(const TopicSettings& settings = {}) {
        return std::make_shared<TopicController>(
            "topic", random->topic_id(), Epoch{1}, settings, true,
            Environment{limits, clock, *random, memory, counters},
            [this](const std::shared_ptr<TopicController>&, Timestamp due) { scheduled.push_back(due); },
            [this](std::uint64_t bytes) { return reclaim && reclaim(bytes); });
    }
    void open(const TopicSettings& settings = {}) { topic = make_topic(settings); }

    AppendResult publish_batch(const DraftBatch& draft) {
        AppendResult answer;
        const Batch batch = draft.batch();
        topic->append({&batch, 1}, [&](std::span<AppendResult> results) { answer = results.front(); });
        return answer;
    }
    AppendResult publish(std::string_view payload) { return publish_batch(DraftBatch{payload}); }
    AppendResult publish(std::string_view key, std::string_view payload) {
        return publish_batch(DraftBatch().add(key, payload));
    }
    /// Publishes single records with the payloads "first" … "last - 1".
    void publish_numbers(int first, int last) {
        for (int number = first; number < last; ++number) {
            (void)publish(std::to_string(number));
        }
    }
    /// What a gather at `cursor` brings; see also gathered.
    std::string read(TopicCursor& cursor, std::uint64_t records_max = ~std::uint64_t{0},
                     std::size_t bytes_max = std::size_t{1} << 20U) {
        topic->gather(cursor, bytes_max, records_max, gathered);
        return payloads(gathered);
    }
    std::string read_from(Offset offset) {
        TopicCursor cursor = topic->cursor_at(offset).value();
        return read(cursor);
    }
    std::string read_all() {
        TopicCursor cursor = topic->cursor_at_earliest();
        return read(cursor);
    }
};

}  // namespace leveret::test
