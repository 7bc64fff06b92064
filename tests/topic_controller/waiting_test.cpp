#include <catch2/catch.hpp>

#include "topic_fixture.hpp"

using namespace leveret;
using namespace leveret::test;
using namespace std::chrono_literals;

namespace {

struct WaitingReaders : TopicFixture {
    WaitingReaders() { open(); }
    std::shared_ptr<WakeCounter> waiter = std::make_shared<WakeCounter>();
    std::shared_ptr<WakeCounter> other = std::make_shared<WakeCounter>();
    TopicCursor end{};
};

}  // namespace

TEST_CASE_METHOD(WaitingReaders, "TopicController: an armed waiter is woken once, by the first append") {
    CHECK(topic->arm(waiter, end));
    publish_numbers(0, 3);
    CHECK(waiter->woken == 1);
}

TEST_CASE_METHOD(WaitingReaders, "TopicController: all batches of an append wake once") {
    CHECK(topic->arm(waiter, end));
    const DraftBatch draft{"a"};
    const std::array<Batch, 2> batches{draft.batch(), draft.batch()};
    topic->append(batches, [](std::span<AppendResult>) {});
    CHECK(waiter->woken == 1);
}

TEST_CASE_METHOD(WaitingReaders, "TopicController: a waiter is not armed where there is something already") {
    publish_numbers(0, 1);
    CHECK_FALSE(topic->arm(waiter, end));
    publish_numbers(1, 2);
    CHECK(waiter->woken == 0);
}

TEST_CASE_METHOD(WaitingReaders, "TopicController: arming twice is once") {
    CHECK(topic->arm(waiter, end));
    CHECK(topic->arm(waiter, end));
    CHECK(topic->figures().waiters == 1);
    publish_numbers(0, 1);
    CHECK(waiter->woken == 1);
}

TEST_CASE_METHOD(WaitingReaders, "TopicController: who waits for its deletion is not woken by an append") {
    topic->arm_for_deletion(waiter);
    topic->arm_for_deletion(other);
    publish_numbers(0, 1);
    CHECK(waiter->woken == 0);
    topic->disarm(*other);
    topic->mark_deleted();
    CHECK(waiter->woken == 1);
    CHECK(other->woken == 0);
}

TEST_CASE_METHOD(WaitingReaders,
                 "TopicController: one waiter may wait for growth and deletion, and is disarmed of both") {
    topic->arm_for_deletion(other);
    topic->arm_for_deletion(waiter);
    CHECK(topic->arm(waiter, end));
    topic->disarm(*waiter);
    publish_numbers(0, 1);
    topic->mark_deleted();
    CHECK(waiter->woken == 0);
    CHECK(other->woken == 1);
}

TEST_CASE_METHOD(WaitingReaders, "TopicController: disarming one of several waiters leaves the others") {
    const auto third = std::make_shared<WakeCounter>();
    CHECK(topic->arm(waiter, end));
    CHECK(topic->arm(other, end));
    CHECK(topic->arm(third, end));
    topic->disarm(*waiter);
    topic->disarm(*waiter);
    topic->disarm(*third);
    publish_numbers(0, 1);
    CHECK(waiter->woken == 0);
    CHECK(other->woken == 1);
    CHECK(third->woken == 0);
}

TEST_CASE_METHOD(WaitingReaders, "TopicController: a waiter that was woken can be armed and disarmed again") {
    CHECK(topic->arm(waiter, end));
    CHECK(topic->arm(other, end));
    publish_numbers(0, 1);
    topic->disarm(*waiter);
    end.next = Offset{1};
    CHECK(topic->arm(other, end));
    CHECK(topic->arm(waiter, end));
    topic->disarm(*other);
    publish_numbers(1, 2);
    CHECK(waiter->woken == 2);
    CHECK(other->woken == 1);
}

TEST_CASE_METHOD(WaitingReaders, "TopicController: a batch that is refused or all duplicates wakes nobody") {
    open({.compaction_window_ms = 1000, .retention_records = 1});
    (void)publish("k", "a");
    end.next = Offset{1};
    CHECK(topic->arm(waiter, end));
    CHECK(publish("k", "b").accepted == 0);
    CHECK(publish_batch({"a", "b"}).error == Error::bad_record);
    CHECK(waiter->woken == 0);
}

TEST_CASE_METHOD(WaitingReaders, "TopicController: deleting wakes, and nobody can be armed afterwards") {
    CHECK(topic->arm(waiter, end));
    topic->mark_deleted();
    CHECK(waiter->woken == 1);
    CHECK_FALSE(topic->arm(waiter, end));
}

TEST_CASE_METHOD(WaitingReaders, "TopicController: a gather that leaves nothing arms who is to be woken then") {
    publish_numbers(0, 2);
    topic->gather(end, 1U << 20U, 1, gathered, waiter);
    CHECK_FALSE(gathered.is_armed());
    topic->gather(end, 1U << 20U, 1, gathered, waiter);
    CHECK(gathered.records() == 1);
    CHECK(gathered.is_armed());
    topic->gather(end, 1U << 20U, 1, gathered, waiter);
    CHECK(gathered.is_armed());
    CHECK(topic->figures().waiters == 1);
    publish_numbers(2, 4);
    CHECK(waiter->woken == 1);
    topic->gather(end, 1U << 20U, 2, gathered);
    CHECK_FALSE(gathered.is_armed());
}

TEST_CASE_METHOD(WaitingReaders, "TopicController: a gather from a deleted topic arms nobody") {
    topic->mark_deleted();
    topic->gather(end, 1U << 20U, 1, gathered, waiter);
    CHECK_FALSE(gathered.is_armed());
    CHECK(topic->figures().waiters == 0);
}

TEST_CASE_METHOD(WaitingReaders, "TopicController: a waiter may append or let go of itself while it is woken") {
    class Publishing final : public TopicWaiter {
      public:
        explicit Publishing(WaitingReaders& fixture) : fixture_(fixture) {}
        void wake() noexcept override { (void)fixture_.publish("from the waiter"); }

      private:
        WaitingReaders& fixture_;
    };
    CHECK(topic->arm(std::make_shared<Publishing>(*this), end));
    (void)publish("a");
    CHECK(topic->figures().records == 2);
}
