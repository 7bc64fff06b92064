// What stored topics may have together that their logs do not have yet, and who has to wait for it.
#include <condition_variable>
#include <mutex>
#include <thread>

#include <asio/thread_pool.hpp>
#include <catch2/catch.hpp>

#include "stored_topic_fixture.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

/// Stored topics that share one limit, each with a log and a publisher of its own.
struct SharedLimitFixture : TopicFixture {
    struct Stored {
        std::shared_ptr<MemoryLog> log;
        std::shared_ptr<TopicController> topic;
        std::shared_ptr<WakeCounter> publisher = std::make_shared<WakeCounter>();
    };
    struct Answer {
        bool taken = false;
        std::optional<AppendResult> result;
        [[nodiscard]] bool is_kept() const { return result && !result->error; }
    };

    asio::io_context context{1};
    asio::any_io_executor executor = context.get_executor();  // of the logs that are made from now on
    CatchUpMemory catch_up_memory{4U << 20U};
    std::optional<AwaitedBudget> all_pending;
    TopicSettings settings{.store = Store::file, .durability = Durability::sync};
    std::vector<Stored> all;
    Stored a, b;

    SharedLimitFixture() {
        share(300);
        a = make();
        b = make();
    }
    ~SharedLimitFixture() {
        for (Stored& stored : all) {
            stored.log->release_all();
            stored.topic->close([](std::error_code) {});
        }
        run();
    }

    /// What topics that are made from now on share.
    void share(std::uint64_t bytes) { all_pending.emplace(bytes); }
    [[nodiscard]] std::uint64_t pending_bytes() const { return all_pending->budget().used_bytes(); }
    Stored make() {
        Stored stored;
        stored.log = std::make_shared<MemoryLog>(MemoryLog::Options{.executor = executor});
        stored.topic = std::make_shared<TopicController>(
            "topic", random->topic_id(), Epoch{1}, settings, true,
            Environment{limits, clock, *random, memory, counters}, TopicController::ScheduleExpiry{},
            [this](std::uint64_t bytes) { return reclaim && reclaim(bytes); }, &catch_up_memory);
        stored.topic->attach(TopicBacking{.log = stored.log,
                                          .epochs = {{Epoch{1}, Offset{0}}},
                                          .positions = {},
                                          .save_positions = {},
                                          .all_pending = &*all_pending});
        stored.log->hold();
        run();
        all.push_back(stored);
        return stored;
    }
    void run() {
        context.restart();
        context.poll();
    }
    void keep(Stored& stored) {
        stored.log->release_all();
        stored.log->hold();
        run();
    }
    std::shared_ptr<Answer> publish(Stored& stored, const DraftBatch& draft,
                                    const std::shared_ptr<TopicWaiter>& publisher) {
        const auto answer = std::make_shared<Answer>();
        const Batch batch = draft.batch();
        answer->taken = stored.topic->try_append(
            {&batch, 1}, [answer](std::span<AppendResult> results) { answer->result = results.front(); }, publisher);
        run();
        return answer;
    }
    /// One record of so many bytes, header and all.
    std::shared_ptr<Answer> publish(Stored& stored, std::size_t bytes) {
        return publish(stored, DraftBatch{std::string(bytes - 32, 'x')}, stored.publisher);
    }
    /// The first topic has room for so many bytes granted: a batch that is damaged leaves it behind.
    void leave_room(std::size_t bytes) {
        DraftBatch damaged{std::string(bytes - 32, 'x')};
        damaged.mutable_bytes().back() ^= std::byte{1};
        (void)publish(a, damaged, a.publisher);
        keep(a);
    }
    std::shared_ptr<Answer> publish_at_once(Stored& stored, std::size_t bytes) {
        return publish(stored, DraftBatch{std::string(bytes - 32, 'x')}, nullptr);
    }
};

/// A publisher with a thread of its own, which it stops while it waits.
class BlockingPublisher final : public TopicWaiter {
  public:
    void wake() noexcept override {
        const std::lock_guard lock(mutex_);
        is_woken_ = true;
        woken_.notify_one();
    }
    /// False: nobody has woken it for so long that nobody will.
    [[nodiscard]] bool wait() {
        std::unique_lock lock(mutex_);
        const bool is_woken = woken_.wait_for(lock, std::chrono::seconds(30), [this] { return is_woken_; });
        is_woken_ = false;
        return is_woken;
    }

  private:
    std::mutex mutex_;
    std::condition_variable woken_;
    bool is_woken_ = false;
};

struct FairFixture : SharedLimitFixture {
    std::shared_ptr<WakeCounter> other = std::make_shared<WakeCounter>();

    FairFixture() { limits.topic_pending_bytes_max = 200; }
    std::shared_ptr<Answer> publish_other(std::size_t bytes) {
        return publish(a, DraftBatch{std::string(bytes - 32, 'x')}, other);
    }
};

}  // namespace

// --- All topics together

TEST_CASE_METHOD(SharedLimitFixture, "Stored limits: a publisher waits while other topics have too much pending") {
    CHECK(publish(a, 200)->taken);
    CHECK(publish(b, 100)->taken);
    CHECK(pending_bytes() == 300);
    CHECK_FALSE(publish(b, 100)->taken);
    CHECK(counters.pending_waits.value() == 1);
    CHECK(counters.topic_busy.value() == 0);
}

TEST_CASE_METHOD(SharedLimitFixture,
                 "Stored limits: a publisher whose topic has nothing pending is woken by another topic's progress") {
    CHECK(publish(a, 250)->taken);
    CHECK_FALSE(publish(b, 100)->taken);
    CHECK(b.publisher->woken == 0);
    keep(a);
    CHECK(b.publisher->woken == 1);
    const auto answer = publish(b, 100);
    CHECK(answer->taken);
    keep(b);
    CHECK(answer->is_kept());
    CHECK(pending_bytes() == 0);
}

TEST_CASE_METHOD(
    SharedLimitFixture,
    "Stored limits: when nothing is pending any more all that wait are woken, also behind those that left") {
    CHECK(publish(a, 300)->taken);
    std::vector<Stored> waiting;
    for (int i = 0; i < 20; ++i) {
        waiting.push_back(make());
        CHECK_FALSE(publish(waiting.back(), 100)->taken);
    }
    for (int i = 0; i < 10; ++i) {
        waiting[static_cast<std::size_t>(i)].topic->stop_waiting(*waiting[static_cast<std::size_t>(i)].publisher);
    }
    keep(a);
    for (std::size_t i = 0; i < waiting.size(); ++i) {
        CHECK(waiting[i].publisher->woken == (i < 10 ? 0 : 1));
    }
}

TEST_CASE_METHOD(SharedLimitFixture, "Stored limits: every publisher of a topic that waits for others is woken") {
    CHECK(publish(a, 300)->taken);
    CHECK_FALSE(publish(b, 100)->taken);
    const auto second = std::make_shared<WakeCounter>();
    CHECK_FALSE(publish(b, DraftBatch{"x"}, second)->taken);
    keep(a);
    CHECK(b.publisher->woken == 1);
    CHECK(second->woken == 1);
}

TEST_CASE_METHOD(SharedLimitFixture,
                 "Stored limits: a batch that is larger than all may be pending is taken when nothing else is") {
    CHECK(publish(a, 40)->taken);
    CHECK_FALSE(publish(b, 1000)->taken);
    keep(a);
    CHECK(b.publisher->woken == 1);
    const auto large = publish(b, 1000);
    CHECK(large->taken);
    CHECK_FALSE(publish(a, 40)->taken);
    keep(b);
    CHECK(large->is_kept());
    CHECK(a.publisher->woken == 1);
    CHECK(pending_bytes() == 0);
}

TEST_CASE_METHOD(SharedLimitFixture, "Stored limits: a publisher that cannot wait is told that the topic is busy") {
    CHECK(publish(a, 300)->taken);
    const auto refused = publish_at_once(b, 100);
    CHECK(refused->taken);
    REQUIRE(refused->result);
    CHECK(refused->result->error == Error::topic_busy);
    CHECK(counters.topic_busy.value() == 1);
    CHECK(counters.pending_waits.value() == 0);
    CHECK(pending_bytes() == 300);
}

TEST_CASE_METHOD(SharedLimitFixture, "Stored limits: duplicates take nothing of what others may have pending") {
    settings.compaction_window_ms = 1000;
    Stored compacting = make();
    const DraftBatch draft = DraftBatch().add("key", std::string(100, 'x'));
    (void)publish(compacting, draft, compacting.publisher);
    const std::uint64_t before = pending_bytes();
    CHECK(before > 100);
    CHECK(publish(compacting, draft, compacting.publisher)->taken);
    CHECK(pending_bytes() == before);
    keep(compacting);
    CHECK(pending_bytes() == 0);
}

TEST_CASE_METHOD(SharedLimitFixture,
                 "Stored limits: a publish that waits or is refused for want of disk takes nothing") {
    b.log->set_room(0);
    CHECK_FALSE(publish(b, 100)->taken);
    CHECK(pending_bytes() == 0);
    keep(b);
    CHECK(publish(b, 100)->result->error == Error::disk_full);
    CHECK(pending_bytes() == 0);
}

TEST_CASE_METHOD(SharedLimitFixture, "Stored limits: a publish for which there is no memory gives back what it took") {
    REQUIRE(memory.try_charge(memory.bytes_max() - memory.used_bytes()));
    const auto refused = publish(a, 100);
    CHECK(pending_bytes() == 0);
    keep(a);
    REQUIRE(refused->result);
    CHECK(refused->result->error == Error::memory_full);
    memory.release(memory.bytes_max());
}

TEST_CASE_METHOD(SharedLimitFixture,
                 "Stored limits: a topic whose log fails gives back what it had, in the log and before it") {
    const auto in_log = publish(a, 100);
    const auto behind = publish(a, 150);
    CHECK_FALSE(publish(b, 100)->taken);
    a.log->fail_next_append();  // the second: the first has been carried out and waits for its answer
    a.log->release();
    run();
    CHECK(in_log->is_kept());
    a.log->release_all();
    run();
    REQUIRE(behind->result);
    CHECK(behind->result->error == Error::log_failed);
    CHECK(pending_bytes() == 0);
    CHECK(a.topic->figures().log_pending_bytes == 0);
    CHECK(b.publisher->woken > 0);
}

TEST_CASE_METHOD(SharedLimitFixture,
                 "Stored limits: records that a failing log was not given yet are given back with those that it was") {
    leave_room(260);
    CHECK(pending_bytes() == 0);
    a.log->fail_next_append();
    (void)publish(a, 100);
    const auto behind = publish(a, 150);
    CHECK(pending_bytes() == 250);
    a.log->release_all();
    run();
    REQUIRE(behind->result);
    CHECK(behind->result->error == Error::log_failed);
    CHECK(pending_bytes() == 0);
}

TEST_CASE_METHOD(SharedLimitFixture, "Stored limits: a topic that is deleted or closed gives back what it had") {
    (void)publish(a, 150);
    (void)publish(a, 100);
    CHECK_FALSE(publish(b, 100)->taken);
    if (GENERATE(true, false)) {
        a.topic->mark_deleted();
    }
    bool closed = false;
    a.topic->close([&](std::error_code) { closed = true; });
    a.log->release_all();
    run();
    CHECK(closed);
    CHECK(pending_bytes() == 0);
    CHECK(b.publisher->woken > 0);
    CHECK(publish(b, 100)->taken);
    all.erase(all.begin());
}

TEST_CASE_METHOD(SharedLimitFixture, "Stored limits: a topic that goes while it waits for others is not woken") {
    CHECK(publish(a, 300)->taken);
    Stored leaving = make();
    CHECK_FALSE(publish(leaving, 100)->taken);
    CHECK_FALSE(publish(b, 100)->taken);
    leaving.topic->close([](std::error_code) {});
    leaving.log->release_all();
    run();
    all.pop_back();
    const int woken = leaving.publisher->woken;
    const std::weak_ptr<TopicController> gone = leaving.topic;
    leaving.topic.reset();
    CHECK(gone.expired());
    keep(a);
    CHECK(leaving.publisher->woken == woken);
    CHECK(b.publisher->woken == 1);
}

TEST_CASE_METHOD(SharedLimitFixture, "Stored limits: publishers on many threads all get through, whatever they share") {
    constexpr std::size_t publishes = 1'000;
    limits.topic_pending_bytes_max = 250;
    asio::thread_pool log_threads(2);
    executor = log_threads.get_executor();
    std::vector<Stored> topics;
    for (int i = 0; i < 6; ++i) {
        topics.push_back(make());
        topics.back().log->release_all();
    }
    std::atomic<std::size_t> kept{0};
    std::atomic<int> given_up{0};
    std::vector<std::thread> threads;
    for (std::size_t number = 0; number < 8; ++number) {
        threads.emplace_back([&, number] {
            const auto publisher = std::make_shared<BlockingPublisher>();
            for (std::size_t i = 0; i < publishes; ++i) {
                TopicController& shared = *topics[(number + i) % topics.size()].topic;
                const DraftBatch draft{std::string(i % 50 == 0 ? 1'000 : i % 100, 'x')};  // some larger than any limit
                const Batch batch = draft.batch();
                const auto done = [&](std::span<AppendResult> results) { kept += results.front().accepted; };
                while (!shared.try_append({&batch, 1}, done, publisher)) {
                    if (!publisher->wait()) {
                        ++given_up;
                        return;
                    }
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    for (const Stored& stored : topics) {
        stored.topic->close([](std::error_code) {});
    }
    log_threads.join();
    all.resize(2);
    CHECK(given_up == 0);
    CHECK(kept == 8 * publishes);
    CHECK(counters.pending_waits.value() > 0);
    CHECK(pending_bytes() == 0);
}

// --- One topic

TEST_CASE_METHOD(FairFixture, "Stored limits: a small batch does not overtake a larger one that waits for its topic") {
    CHECK(publish(a, 100)->taken);
    CHECK_FALSE(publish(a, 150)->taken);
    CHECK_FALSE(publish_other(40)->taken);  // although there is room for it
    keep(a);
    CHECK(a.publisher->woken == 1);
    CHECK(other->woken == 1);
    CHECK(publish(a, 150)->taken);
    CHECK(publish_other(40)->taken);
}

TEST_CASE_METHOD(FairFixture, "Stored limits: nobody waits behind a publisher that has gone") {
    CHECK(publish(a, 100)->taken);
    CHECK_FALSE(publish(a, 150)->taken);
    a.topic->stop_waiting(*a.publisher);
    CHECK(publish_other(40)->taken);
}

TEST_CASE_METHOD(FairFixture, "Stored limits: who waits for the disk holds up nobody that needs no more room") {
    leave_room(60);
    a.log->set_room(0);
    CHECK_FALSE(publish(a, 150)->taken);  // asks the disk
    CHECK(publish_other(50)->taken);
}

// --- Readers of logs

TEST_CASE_METHOD(StoredTopicFixture, "Stored limits: readers that wait for memory to catch up with are counted") {
    publish_kept(0, 500);
    empty_buffer();
    CatchUpMemory small(300U << 10U, &counters.catch_up_waits);
    std::vector<TopicCursor> cursors(3);
    std::vector<std::shared_ptr<WakeCounter>> wakers;
    for (TopicCursor& cursor : cursors) {
        cursor.catch_up = std::make_shared<CatchUp>(small);
        wakers.push_back(std::make_shared<WakeCounter>());
        REQUIRE(topic->arm(wakers.back(), cursor));
    }
    CHECK(counters.catch_up_waits.value() == 2);
    run();
}

TEST_CASE_METHOD(StoredTopicFixture, "Stored limits: what a reader lets go of is there for one that waits for memory") {
    publish_kept(0, 500);
    empty_buffer();
    CatchUpMemory small(300U << 10U);
    const auto waker = std::make_shared<WakeCounter>();
    TopicCursor slow;
    TopicCursor waiting;
    for (TopicCursor* const cursor : {&slow, &waiting}) {
        cursor->catch_up = std::make_shared<CatchUp>(small);
        small.enter(cursor->catch_up);
    }
    REQUIRE(topic->arm(std::make_shared<WakeCounter>(), slow));
    REQUIRE(topic->arm(waker, waiting));
    run();
    CHECK(waker->woken == 0);
    slow.let_go();
    CHECK(waker->woken == 1);
    REQUIRE(topic->arm(waker, waiting));
    run();
    CHECK(waker->woken == 2);
}

TEST_CASE("AwaitedBudget: who waits twice is woken once, and who has gone is forgotten") {
    AwaitedBudget budget(100);
    REQUIRE(budget.budget().try_charge(100));
    const auto waiter = std::make_shared<WakeCounter>();
    for (int i = 0; i < 1000; ++i) {
        budget.wait(50, std::make_shared<WakeCounter>());
    }
    budget.wait(50, waiter);
    budget.wait(50, waiter);
    budget.budget().release(10);
    CHECK(waiter->woken == 1);
    CHECK_FALSE(budget.has_waiters());
    budget.budget().release(90);
    CHECK(waiter->woken == 1);
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: memory is found with the one reader of many that holds some") {
    publish_kept(0, 10);
    CatchUpMemory small(600U << 10U);
    std::vector<std::shared_ptr<CatchUp>> readers;
    for (int i = 0; i < 20; ++i) {
        readers.push_back(std::make_shared<CatchUp>(small));
        small.enter(readers.back());
    }
    for (const int holder : {9, 19}) {
        REQUIRE(readers.at(static_cast<std::size_t>(holder))->read(log, {}, Timestamp::min(), Offset{10}, reader));
    }
    run();
    const std::uint64_t others = small.budget().bytes_max() - small.budget().used_bytes();
    REQUIRE(small.budget().try_charge(others));
    CHECK(small.allocate(256U << 10U, Offset{}));
    small.budget().release(others);
}
