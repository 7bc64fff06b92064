#include <catch2/catch.hpp>

#include "stored_topic_fixture.hpp"

using namespace leveret;
using namespace leveret::test;
using namespace std::chrono_literals;

namespace {
std::string described(const std::vector<LaggedRange>& ranges) {
    std::string text;
    for (const LaggedRange& range : ranges) {
        text += std::to_string(range.from.value) + "-" + std::to_string(range.to.value) + " ";
    }
    return text;
}
}  // namespace

// --- Acknowledging

TEST_CASE_METHOD(StoredTopicFixture,
                 "StoredTopic: a record is acknowledged and shown when its log has it, not before") {
    log->hold();
    const auto answer = begin_publish("a");
    CHECK(answer->taken);
    CHECK_FALSE(answer->result);
    CHECK(read_all().empty());
    log->release();
    run();
    REQUIRE(answer->result);
    CHECK_FALSE(answer->result->error);
    CHECK(answer->result->first == Offset{0});
    CHECK(read_all() == "a ");
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: what arrives during an append goes with the next one, all of it") {
    log->hold();
    const auto first = begin_publish("a");
    const auto second = begin_publish("b");
    const auto third = begin_publish("c");
    CHECK(log->held() == 1);
    log->release();
    run();
    CHECK(first->result);
    CHECK_FALSE(second->result);
    CHECK(log->held() == 1);
    log->release();
    run();
    CHECK((second->result && third->result));
    CHECK(third->result->first == Offset{2});
}

TEST_CASE_METHOD(StoredTopicFixture,
                 "StoredTopic: durability sync has every append synced, os none, a batch may raise it") {
    publish_kept(0, 1);
    CHECK(content->synced == Offset{1});
    settings.durability = Durability::os;
    restart();
    content->synced = Offset{0};
    publish_kept(1, 2);
    CHECK(content->synced == Offset{0});
    CHECK(begin_publish(DraftBatch{"2"}, Durability::sync)->result);
    CHECK(content->synced == Offset{3});
}

TEST_CASE_METHOD(StoredTopicFixture,
                 "StoredTopic: durability interval syncs when the interval is over, also on an idle topic") {
    settings.durability = Durability::interval;
    settings.durability_interval_ms = 50;
    restart();
    publish_kept(0, 2);
    CHECK(content->synced == Offset{0});
    REQUIRE_FALSE(scheduled.empty());
    CHECK(scheduled.back() == clock.wall_now() + 50ms);
    clock.advance(50ms);
    CHECK_FALSE(topic->expire(clock.wall_now()));
    run();
    CHECK(content->synced == Offset{2});
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: a duplicate is acknowledged only when its original is") {
    settings.compaction_window_ms = 1000;
    restart();
    log->hold();
    const auto original = begin_publish(DraftBatch().add("key", "a"));
    const auto duplicate = begin_publish(DraftBatch().add("key", "b"));
    CHECK_FALSE(duplicate->result);
    log->release_all();
    run();
    REQUIRE(duplicate->result);
    CHECK(duplicate->result->duplicates == std::vector<std::uint32_t>{0});
    CHECK(read_all() == "a ");
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: a batch with a damaged record is refused whole, with its index") {
    DraftBatch draft{"first", "second"};
    draft.mutable_bytes().back() ^= std::byte{1};
    const auto answer = begin_publish(draft);
    REQUIRE(answer->result);
    CHECK(answer->result->error == Error::checksum_mismatch);
    CHECK(answer->result->bad_record == 1);
    publish_kept(0, 1);
    CHECK(read_all() == "0 ");
}

// --- When the log cannot

TEST_CASE_METHOD(
    StoredTopicFixture,
    "StoredTopic: a full disk refuses publishes, uses no offset and no window entry, and they resume by themselves") {
    settings.compaction_window_ms = 1000;
    restart();
    publish_kept(0, 1);
    log->set_room(0);
    const auto waiting = begin_publish(DraftBatch().add("key", "a"));
    CHECK_FALSE(waiting->taken);  // until the log has said that there is no room
    CHECK(publisher->woken > 0);
    const auto refused = begin_publish(DraftBatch().add("key", "a"));
    REQUIRE(refused->result);
    CHECK(refused->result->error == Error::disk_full);
    CHECK(counters.disk_full.value() == 1);
    CHECK(read_all() == "0 ");
    CHECK_FALSE(topic->commit("reader", Offset{1}));

    log->set_room(MemoryLog::room_unlimited);
    clock.advance(10ms);
    const auto accepted = begin_publish(DraftBatch().add("key", "a"));
    REQUIRE(accepted->result);
    CHECK_FALSE(accepted->result->error);
    CHECK(accepted->result->first == Offset{1});
    CHECK(accepted->result->accepted == 1);
}

TEST_CASE_METHOD(StoredTopicFixture,
                 "StoredTopic: after a failed append nothing is acknowledged any more, and what was can be read") {
    publish_kept(0, 3);
    log->fail_next_append();
    log->hold();
    const auto failed = begin_publish("lost");
    log->release_all();
    run();
    REQUIRE(failed->result);
    CHECK(failed->result->error == Error::log_failed);
    CHECK(begin_publish("later")->result->error == Error::log_failed);
    CHECK(read_all() == "0 1 2 ");
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: publishers wait while too much is pending, and are woken") {
    limits.topic_pending_bytes_max = 100;
    log->hold();
    CHECK(begin_publish(std::string(80, 'a'))->taken);
    CHECK_FALSE(begin_publish(std::string(80, 'b'))->taken);
    CHECK(publisher->woken == 0);
    log->release_all();
    run();
    CHECK(publisher->woken == 1);
    CHECK(begin_publish(std::string(80, 'b'))->taken);
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: a publisher that cannot wait is told that the topic is busy") {
    limits.topic_pending_bytes_max = 100;
    log->hold();
    (void)begin_publish(std::string(80, 'a'));
    const auto error = std::make_shared<std::error_code>();
    const DraftBatch draft{std::string(80, 'b')};
    const Batch batch = draft.batch();
    CHECK(topic->try_append(
        {&batch, 1}, [error](std::span<AppendResult> results) { *error = results.front().error; }, nullptr));
    CHECK_FALSE(*error);  // answers keep the order of the publishes
    log->release_all();
    run();
    CHECK(*error == Error::topic_busy);
    CHECK(counters.topic_busy.value() == 1);
}

TEST_CASE_METHOD(StoredTopicFixture,
                 "StoredTopic: a publisher that waits is woken when a publish before it turns out to need no room") {
    settings.compaction_window_ms = 1000;
    limits.topic_pending_bytes_max = 100;
    restart();
    REQUIRE(begin_publish(DraftBatch().add("key", "a"))->result);
    publisher->woken = 0;
    const auto duplicate = begin_publish(DraftBatch().add("key", std::string(80, 'b')));
    REQUIRE(duplicate->result);
    CHECK(duplicate->result->accepted == 0);
    CHECK(begin_publish(std::string(80, 'c'))->result);
}

TEST_CASE_METHOD(StoredTopicFixture,
                 "StoredTopic: a batch of more blocks than one gather takes is appended and shown whole") {
    limits.topic_pending_bytes_max = 64U << 20U;
    log->hold();
    (void)begin_publish("first");
    DraftBatch draft;
    const std::string payload(5000, 'x');
    for (int i = 0; i < 4000; ++i) {
        draft.add({.payload = as_bytes(payload)});
    }
    const auto large = begin_publish(draft);
    log->release();
    run();
    CHECK(topic->figures().next == Offset{1});
    log->release();
    run();
    REQUIRE(large->result);
    CHECK(topic->figures().next == Offset{4001});
    CHECK(content->end == Offset{4001});
}

TEST_CASE_METHOD(StoredTopicFixture,
                 "StoredTopic: a duplicate that asks for sync is answered when its original is synced") {
    settings.compaction_window_ms = 1000;
    settings.durability = Durability::os;
    restart();
    REQUIRE(begin_publish(DraftBatch().add("key", "a"))->result);
    CHECK(content->synced == Offset{0});
    const auto again = begin_publish(DraftBatch().add("key", "a"), Durability::sync);
    REQUIRE(again->result);
    CHECK(again->result->duplicates.size() == 1);
    CHECK(content->synced == Offset{1});
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: a stopped log or an invisible record leaves nothing scheduled") {
    settings.retention_ttl_ms = 1000;
    settings.durability = Durability::interval;
    settings.durability_interval_ms = 50;
    restart();
    publish_kept(0, 1);
    log->fail_next_append();
    CHECK(begin_publish("lost")->result->error == Error::log_failed);
    clock.advance(2s);
    const auto again = topic->expire(clock.wall_now());
    CHECK((!again || *again > clock.wall_now()));
}

// --- History

TEST_CASE_METHOD(
    StoredTopicFixture,
    "StoredTopic: a reader that fell out of the buffer reads on from the log, misses nothing and comes back") {
    publish_kept(0, 500);
    empty_buffer();
    TopicCursor cursor = topic->cursor_at_earliest();
    std::vector<LaggedRange> lagged;
    CHECK(read_on(cursor, &lagged) == numbers(0, 500));
    CHECK(lagged.empty());
    publish_kept(500, 510);
    CHECK(read(cursor) == numbers(500, 510));  // from memory
    CHECK(cursor.catch_up == nullptr);
    CHECK(catch_up_memory.budget().used_bytes() <= 2U << 20U);  // a few blocks are kept for the next reader
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: nothing unsynced is read from the log either") {
    publish_kept(0, 500);
    empty_buffer();
    log->hold();
    const auto pending = begin_publish("unsynced");  // the log has it, and has not said so
    TopicCursor cursor = topic->cursor_at(Offset{0}).value();
    CHECK_FALSE(topic->arm(reader, cursor) == false);
    log->release_all();
    run();
    CHECK(read_on(cursor) == numbers(0, 500) + "unsynced ");
}

TEST_CASE_METHOD(StoredTopicFixture,
                 "StoredTopic: it can be read from an offset and from a time that only its log has") {
    publish_kept(0, 100);
    clock.advance(1s);
    const Timestamp later = clock.wall_now();
    publish_kept(100, 500);
    empty_buffer();
    CHECK(read_on_from(topic->cursor_at(Offset{7}).value()) == numbers(7, 500));
    CHECK(read_on_from(topic->cursor_at_time(later)) == numbers(100, 500));
    CHECK(read_on_from(topic->cursor_at_time(later + 1s)).empty());
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: credit in records and bytes holds while reading from the log") {
    publish_kept(0, 500);
    empty_buffer();
    TopicCursor cursor = topic->cursor_at_earliest();
    CHECK(read(cursor, 3).empty());
    CHECK(gathered.awaits_log());
    REQUIRE(topic->arm(reader, cursor));
    run();
    CHECK(read(cursor, 3) == "0 1 2 ");
    CHECK(read(cursor, 100, 1) == "3 ");
    CHECK(read(cursor, 100, 80) == "4 5 ");
}

TEST_CASE_METHOD(StoredTopicFixture,
                 "StoredTopic: records that the log cannot read any more are told as missed, the others come") {
    publish_kept(0, 500);
    empty_buffer();
    log->damage(Offset{3});
    log->damage(Offset{4});
    TopicCursor cursor = topic->cursor_at_earliest();
    std::vector<LaggedRange> lagged;
    CHECK(read_on(cursor, &lagged) == numbers(0, 3) + numbers(5, 500));
    CHECK(described(lagged) == "3-5 ");
    CHECK(topic->figures().missed == 2);
}

TEST_CASE_METHOD(StoredTopicFixture,
                 "StoredTopic: many readers that replay share what is set aside for them, and all get through") {
    publish_kept(0, 500);
    empty_buffer();
    CatchUpMemory small(300U << 10U);
    settings.durability = Durability::os;
    std::vector<TopicCursor> cursors(5);
    std::vector<std::shared_ptr<WakeCounter>> wakers;
    for (TopicCursor& cursor : cursors) {
        cursor.catch_up = std::make_shared<CatchUp>(small);
        wakers.push_back(std::make_shared<WakeCounter>());
        REQUIRE(topic->arm(wakers.back(), cursor));
    }
    run();
    CHECK(small.budget().used_bytes() <= small.budget().bytes_max());
    for (std::size_t i = 0; i < cursors.size(); ++i) {
        CHECK(read_on(cursors[i]) == numbers(0, 500));
    }
    cursors.clear();
    CHECK(small.budget().used_bytes() == 0);
}

TEST_CASE_METHOD(StoredTopicFixture,
                 "StoredTopic: readers that hold blocks and read no further let go of them for others") {
    publish_kept(0, 500);
    empty_buffer();
    CatchUpMemory small(300U << 10U);
    TopicCursor idle = topic->cursor_at_earliest();
    idle.catch_up = std::make_shared<CatchUp>(small);
    small.enter(idle.catch_up);
    REQUIRE(topic->arm(reader, idle));
    run();
    CHECK(read(idle, 1) == "0 ");  // and then it is out of credit
    gathered.clear();
    TopicCursor busy = topic->cursor_at_earliest();
    busy.catch_up = std::make_shared<CatchUp>(small);
    small.enter(busy.catch_up);
    CHECK(read_on(busy) == numbers(0, 500));
    busy.catch_up.reset();
    CHECK(read_on(idle) == numbers(1, 500));
}

// --- Retention

TEST_CASE_METHOD(StoredTopicFixture,
                 "StoredTopic: a record past its time is never delivered although its segment still stands") {
    settings.retention_ttl_ms = 1000;
    restart();
    publish_kept(0, 3);
    clock.advance(600ms);
    publish_kept(3, 6);
    clock.advance(600ms);
    empty_buffer();
    CHECK(topic->figures().first == Offset{0});
    CHECK(read_on_from(topic->cursor_at(Offset{0}).value()) == numbers(3, 6));
    CHECK(read_on_from(topic->cursor_at_earliest()) == numbers(3, 6));
    restart();
    CHECK(read_on_from(topic->cursor_at(Offset{0}).value()) == numbers(3, 6));
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: segments go when all in them has expired, on time, also when idle") {
    settings.retention_ttl_ms = 1000;
    restart();
    publish_kept(0, 100);
    CHECK(topic->figures().log_segments > 2);
    clock.advance(1s);
    CHECK_FALSE(topic->expire(clock.wall_now()));
    run();
    CHECK(topic->figures().first == Offset{100});
    CHECK(topic->figures().bytes == 0);
    CHECK(topic->figures().missed == 0);
    TopicCursor cursor = topic->cursor_at(Offset{0}).value();
    std::vector<LaggedRange> lagged;
    CHECK(read_on(cursor, &lagged).empty());
    CHECK(lagged.empty());  // what has expired is passed over in silence
    CHECK(topic->figures().expired == topic->figures().first.value);
}

TEST_CASE_METHOD(StoredTopicFixture,
                 "StoredTopic: retention in bytes removes whole segments, and a reader below learns what it missed") {
    settings.retention_bytes = 3000;
    restart();
    publish_kept(0, 500);
    const TopicFigures figures = topic->figures();
    CHECK(figures.bytes >= 3000);
    CHECK(figures.bytes <= 3000 + 1100);
    CHECK(figures.first > Offset{0});
    CHECK(figures.evicted == figures.first.value);
    empty_buffer();
    TopicCursor cursor = topic->cursor_at(Offset{2}).value();
    std::vector<LaggedRange> lagged;
    CHECK(read_on(cursor, &lagged) == numbers(static_cast<int>(figures.first.value), 500));
    CHECK(described(lagged) == "2-" + std::to_string(figures.first.value) + " ");
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: less retention takes effect at once") {
    publish_kept(0, 500);
    const std::uint64_t bytes_before = topic->figures().bytes;
    settings.retention_bytes = 3000;
    topic->configure(settings);
    run();
    CHECK(bytes_before > 10'000);
    CHECK(topic->figures().bytes <= 3000 + 1100);
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: trimming removes what lies below, from the log too") {
    publish_kept(0, 500);
    CHECK_FALSE(topic->trim(Offset{300}));
    run();
    CHECK(topic->figures().first == Offset{300});
    TopicCursor cursor = topic->cursor_at(Offset{0}).value();
    std::vector<LaggedRange> lagged;
    CHECK(read_on(cursor, &lagged) == numbers(300, 500));
    CHECK(described(lagged) == "0-300 ");
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: a trim is answered when the log has carried it out, and holds") {
    publish_kept(0, 500);
    REQUIRE(content->segments.size() > 2);
    log->hold();
    std::optional<std::error_code> answer;
    CHECK_FALSE(topic->trim(Offset{303}, [&](std::error_code error) { answer = error; }));
    run();
    CHECK(topic->figures().first == Offset{303});
    CHECK_FALSE(answer);
    log->release_all();
    run();
    REQUIRE(answer);
    CHECK_FALSE(*answer);
    restart();
    CHECK(topic->figures().first == Offset{303});
    empty_buffer();
    CHECK(read_on_from(topic->cursor_at_earliest()) == numbers(303, 500));
}

TEST_CASE_METHOD(StoredTopicFixture,
                 "StoredTopic: each trim waits for its own, and none is needed where nothing goes") {
    publish_kept(0, 500);
    std::string answers;
    const auto answer = [&answers](std::string name) {
        return [&answers, name = std::move(name)](std::error_code error) { answers += name + (error ? "! " : " "); };
    };
    log->hold();
    CHECK_FALSE(topic->trim(Offset{100}, answer("100")));
    CHECK_FALSE(topic->trim(Offset{300}, answer("300")));
    CHECK_FALSE(topic->trim(Offset{200}, answer("200")));
    CHECK_FALSE(topic->trim(Offset{50}, answer("50")));
    CHECK(log->held() == 1);
    log->release();
    run();
    CHECK(answers == "100 ");
    CHECK(content->trimmed == Offset{300});
    log->release_all();
    run();
    CHECK(answers == "100 300 200 50 ");
    answers.clear();
    CHECK_FALSE(topic->trim(Offset{300}, answer("300")));
    CHECK(answers == "300 ");
    CHECK(topic->trim(Offset{501}, answer("501")) == Error::offset_out_of_range);
    CHECK(answers == "300 ");
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: a trim that the log cannot carry out is answered with its error") {
    publish_kept(0, 10);
    std::optional<std::error_code> answer;
    const auto take = [&answer](std::error_code error) { answer = error; };
    log->hold();
    log->fail_next_append();
    const auto failed = begin_publish("lost");
    CHECK_FALSE(topic->trim(Offset{5}, take));
    log->release_all();
    run();
    REQUIRE(answer);
    CHECK(*answer == Error::log_failed);
    answer.reset();
    CHECK(topic->trim(Offset{6}, take) == Error::log_failed);  // the topic knows by now
    CHECK_FALSE(answer);
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: a close waits for the trims that were promised, and takes no more") {
    publish_kept(0, 500);
    std::string order;
    log->hold();
    CHECK_FALSE(topic->trim(Offset{100}, [&](std::error_code error) { order += error ? "first! " : "first "; }));
    CHECK_FALSE(topic->trim(Offset{303}, [&](std::error_code error) { order += error ? "second! " : "second "; }));
    topic->close([&](std::error_code error) { order += error ? "closed! " : "closed "; });
    CHECK(topic->trim(Offset{400}) == Error::shutting_down);
    log->release_all();
    run();
    CHECK(order == "first second closed ");
    topic.reset();
    log.reset();
    start();
    CHECK(topic->figures().first == Offset{303});
}

TEST_CASE_METHOD(StoredTopicFixture,
                 "StoredTopic: retention removes no part of a segment that is not shown whole yet") {
    publish_kept(0, 3);
    log->hold();
    DraftBatch batch{"3"};
    for (int number = 4; number < 100; ++number) {
        batch.add({}, std::to_string(number));
    }
    const auto answer = begin_publish(batch);
    REQUIRE(content->segments.size() > 2);
    settings.retention_bytes = 1024;
    topic->configure(settings);
    run();
    CHECK(content->trimmed == Offset{0});
    CHECK(topic->figures().first == Offset{0});
    log->release_all();
    run();
    REQUIRE(answer->result);
    clock.advance(1s);
    publish_kept(100, 101);
    CHECK(topic->figures().first > Offset{3});
    CHECK(topic->figures().first == content->segments.front().first);
}

// --- Restarts

TEST_CASE_METHOD(StoredTopicFixture,
                 "StoredTopic: after a restart it goes on where it was, with everything it acknowledged") {
    publish_kept(0, 100);
    restart();
    CHECK(topic->figures().next == Offset{100});
    publish_kept(100, 101);
    CHECK(read_on_from(topic->cursor_at_earliest()) == numbers(0, 101));
    CHECK(topic->cursor_at_latest().next == Offset{101});
}

TEST_CASE_METHOD(StoredTopicFixture,
                 "StoredTopic: committed positions are answered when they are saved, and survive a restart") {
    publish_kept(0, 10);
    std::optional<std::error_code> answer;
    topic->commit("reader", Offset{7}, [&](std::error_code error) { answer = error; });
    CHECK_FALSE(answer);
    run();
    REQUIRE(answer);
    CHECK_FALSE(*answer);
    restart();
    CHECK(topic->position("reader") == Offset{7});
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: closing waits for what is pending, and takes no more") {
    log->hold();
    const auto pending = begin_publish("a");
    bool closed = false;
    topic->close([&](std::error_code) { closed = true; });
    run();
    CHECK_FALSE(closed);
    const auto late = begin_publish("late");
    log->release_all();
    run();
    CHECK(closed);
    CHECK(late->result->error == Error::shutting_down);
    CHECK_FALSE(pending->result->error);
    topic.reset();
    log.reset();
}

TEST_CASE_METHOD(StoredTopicFixture, "StoredTopic: without a log it refuses publishes and says why") {
    topic->close([](std::error_code) {});
    run();
    topic = std::make_shared<TopicController>(
        "topic", random->topic_id(), Epoch{1}, settings, true, Environment{limits, clock, *random, memory, counters},
        TopicController::ScheduleExpiry{}, TopicController::Reclaim{}, &catch_up_memory);
    CHECK_FALSE(begin_publish("early")->taken);
    topic->attach(fail(Error::bad_log));
    CHECK(publisher->woken == 1);
    CHECK(begin_publish("a")->result->error == Error::bad_log);
    topic.reset();
    log.reset();
}
