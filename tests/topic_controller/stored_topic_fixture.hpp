// A stored topic on a log in memory that a test can hold back, fill up and break.
#pragma once

#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include "message_log/memory_log.hpp"
#include "topic_fixture.hpp"

namespace leveret::test {

struct StoredTopicFixture : TopicFixture {
    asio::io_context context{1};
    std::shared_ptr<MemoryLogContent> content = MemoryLog::make_content();
    std::shared_ptr<MemoryLog> log;
    CatchUpMemory catch_up_memory{4U << 20U};
    std::vector<std::pair<std::string, Offset>> saved_positions;
    std::error_code save_error;  ///< what a save answers instead of doing its work
    std::shared_ptr<WakeCounter> publisher = std::make_shared<WakeCounter>();
    std::shared_ptr<WakeCounter> reader = std::make_shared<WakeCounter>();
    TopicSettings settings{.store = Store::file, .durability = Durability::sync};

    StoredTopicFixture() { start(); }
    ~StoredTopicFixture() {
        if (topic) {
            stop();
        }
    }

    void run() {
        context.restart();
        context.poll();
    }
    /// A topic on what the log has, as after a start of the server.
    void start(std::uint64_t segment_bytes = 1024) {
        log = std::make_shared<MemoryLog>(
            MemoryLog::Options{.executor = context.get_executor(), .segment_bytes = segment_bytes}, content);
        topic = std::make_shared<TopicController>(
            "topic", random->topic_id(), Epoch{1}, settings, true,
            Environment{limits, clock, *random, memory, counters},
            [this](const std::shared_ptr<TopicController>&, Timestamp due) { scheduled.push_back(due); },
            [this](std::uint64_t bytes) { return reclaim && reclaim(bytes); }, &catch_up_memory);
        topic->attach(TopicBacking{.log = log,
                                   .epochs = {{Epoch{1}, Offset{0}}},
                                   .positions = saved_positions,
                                   .save_positions = [this](auto positions, bool, const MessageLog::Done& done) {
                                       if (!save_error) {
                                           saved_positions.insert(saved_positions.end(), positions.begin(),
                                                                  positions.end());
                                       }
                                       asio::post(context, [done, error = save_error] { done(error); });
                                   }});
        run();
    }
    void stop() {
        bool closed = false;
        log->release_all();
        topic->close([&](std::error_code) { closed = true; });
        run();
        CHECK(closed);
        topic.reset();
        log.reset();
    }
    void restart() {
        stop();
        start();
    }

    struct Answer {
        bool taken = false;
        std::optional<AppendResult> result;
    };
    /// Its result comes when the log has it.
    std::shared_ptr<Answer> begin_publish(const DraftBatch& draft, Durability durability = {}) {
        const auto answer = std::make_shared<Answer>();
        Batch batch = draft.batch();
        batch.durability = durability;
        answer->taken = topic->try_append(
            {&batch, 1}, [answer](std::span<AppendResult> results) { answer->result = results.front(); }, publisher);
        run();
        return answer;
    }
    std::shared_ptr<Answer> begin_publish(std::string_view payload) { return begin_publish(DraftBatch{payload}); }
    void publish_kept(int first, int last) {
        for (int number = first; number < last; ++number) {
            const auto answer = begin_publish(std::to_string(number));
            REQUIRE(answer->result.has_value());
            REQUIRE_FALSE(answer->result->error);
        }
    }
    /// Everything at the cursor, from buffer or log, as a subscriber would read it.
    std::string read_on(TopicCursor& cursor, std::vector<LaggedRange>* lagged = nullptr) {
        std::string text;
        for (;;) {
            text += read(cursor);
            if (gathered.lagged() && lagged != nullptr) {
                lagged->push_back(*gathered.lagged());
            }
            if (gathered.empty() && topic->arm(reader, cursor)) {
                const int woken = reader->woken;
                run();
                if (reader->woken == woken) {
                    topic->disarm(*reader);
                    return text;
                }
            }
        }
    }
    std::string read_on_from(TopicCursor cursor) { return read_on(cursor); }
    /// Nothing is left in the buffer but its newest block.
    void empty_buffer() {
        while (topic->evict_oldest_block() != 0) {
        }
    }
};

/// The numbers "first" … "last - 1", each followed by a space.
inline std::string numbers(int first, int last) {
    std::string text;
    for (int number = first; number < last; ++number) {
        text += std::to_string(number) + ' ';
    }
    return text;
}

}  // namespace leveret::test
