// Frames on their way to a socket, without one.
#include "write_queue.hpp"

#include <array>
#include <string>

#include <catch2/catch.hpp>

using namespace leveret;
using namespace leveret::client_side;

namespace {

struct QueueFixture {
    explicit QueueFixture(std::size_t frame_bytes_max = 64U << 10U) : queue(frame_bytes_max) {}

    void send(std::string_view payload, std::uint32_t handle = 1) {
        const RecordDraft draft{.payload = as_bytes(payload)};
        queue.append_one_way({handle, 0}, draft, record_bytes(draft));
    }
    void send_acknowledged(std::string_view payload, std::uint32_t handle = 1) {
        const RecordDraft draft{.payload = as_bytes(payload)};
        queue.append_acknowledged({handle, 0}, draft, record_bytes(draft), [](const auto&) {});
    }
    /// Takes up to `bytes_max` to the wire, as a socket does.
    std::size_t write(std::size_t bytes_max = 1U << 30U) {
        std::array<asio::const_buffer, 64> buffers;
        const std::size_t count = queue.gather(buffers);
        std::size_t written = 0;
        for (std::size_t i = 0; i < count && written < bytes_max; ++i) {
            const std::size_t here = std::min(buffers[i].size(), bytes_max - written);
            const auto* const bytes = static_cast<const std::byte*>(buffers[i].data());
            wire.insert(wire.end(), bytes, bytes + here);
            written += here;
        }
        queue.written(written);
        return written;
    }
    /// The frames on the wire: "handle:payload,payload".
    std::vector<std::string> frames() const {
        std::vector<std::string> frames;
        for (Bytes left(wire); !left.empty();) {
            const auto frame = native::decode(left, 1U << 30U);
            REQUIRE((frame && *frame));
            left = left.subspan((*frame)->header.length);
            std::string text = std::to_string((*frame)->header.handle) + ":";
            const auto publish = native::Publish::decode((*frame)->body);
            std::uint32_t bad = 0;
            REQUIRE(publish.has_value());
            REQUIRE(!check_batch(publish->records, publish->record_count, 1U << 30U, &bad));
            for (const RecordView record : Records(publish->records)) {
                REQUIRE(has_valid_content_checksum(record));
                text += std::string(record.payload_text()) + ",";
            }
            frames.push_back(text);
        }
        return frames;
    }
    void acknowledge(std::uint32_t number) {
        UnansweredPublish* const publish = queue.find_unanswered(WriteQueue::publish_bit | number);
        REQUIRE(publish != nullptr);
        static_cast<void>(queue.take_answered(*publish));
    }

    WriteQueue queue;
    std::vector<std::byte> wire;
};

using Frames = std::vector<std::string>;

}  // namespace

TEST_CASE("WriteQueue: records of one topic share a frame, another topic or kind ends it") {
    QueueFixture fixture;
    fixture.send("a");
    fixture.send("b");
    fixture.send("c", 2);
    fixture.send_acknowledged("d", 2);
    fixture.write();
    REQUIRE(fixture.frames() == Frames{"1:a,b,", "2:c,", "2:d,"});
}

TEST_CASE("WriteQueue: a frame holds no more than its topic takes") {
    QueueFixture fixture;
    const auto send = [&](const PublishTarget& target, std::string_view payload) {
        const RecordDraft draft{.payload = as_bytes(payload)};
        fixture.queue.append_one_way(target, draft, record_bytes(draft));
    };
    for (const char* const payload : {"a", "b", "c", "d", "e"}) {
        send({.handle = 1, .records_max = 2}, payload);
    }
    const std::size_t of_three = 3 * record_bytes({.payload = as_bytes("x")});
    for (const char* const payload : {"a", "b", "c", "d"}) {
        send({.handle = 2, .bytes_max = of_three}, payload);
    }
    send({.handle = 2, .bytes_max = of_three}, std::string(1000, 'x'));  // its answer says that it is too large
    fixture.write();
    REQUIRE(fixture.frames() ==
            Frames{"1:a,b,", "1:c,d,", "1:e,", "2:a,b,c,", "2:d,", "2:" + std::string(1000, 'x') + ","});
}

TEST_CASE("WriteQueue: whatever the socket takes at a time, the same bytes leave") {
    for (const std::size_t at_a_time : {1U, 7U, 100U, 4096U}) {
        QueueFixture fixture(400);
        Frames sent;
        for (int i = 0; i < 50; ++i) {
            fixture.send(std::to_string(i) + std::string(5000, 'x'), 1);
            fixture.write(at_a_time);
        }
        while (fixture.write(at_a_time) > 0) {
        }
        REQUIRE(fixture.frames().size() == 50);
        REQUIRE(fixture.queue.unwritten_bytes() == 0);
        REQUIRE(fixture.queue.queued_bytes() == 0);
    }
}

TEST_CASE("WriteQueue: the open frame can grow while the block before it is being written") {
    QueueFixture fixture;
    fixture.send("a");
    fixture.write(10);
    fixture.send("b");
    fixture.write();
    REQUIRE(fixture.frames() == Frames{"1:a,", "1:b,"});
}

TEST_CASE("WriteQueue: acknowledged records count until they are answered, one-way ones until they are written") {
    QueueFixture fixture;
    fixture.send("1234");
    fixture.send_acknowledged("1234");
    REQUIRE(fixture.queue.queued_bytes() == 72);
    fixture.write();
    REQUIRE(fixture.queue.queued_bytes() == 36);
    fixture.acknowledge(0);
    REQUIRE(fixture.queue.queued_bytes() == 0);
}

TEST_CASE("WriteQueue: an answer is found once, in whatever order answers come") {
    QueueFixture fixture;
    fixture.send_acknowledged("a", 1);
    fixture.send_acknowledged("b", 2);
    fixture.send_acknowledged("c", 3);
    fixture.write();
    fixture.acknowledge(1);
    REQUIRE(fixture.queue.find_unanswered(WriteQueue::publish_bit | 1U) == nullptr);
    REQUIRE_FALSE(fixture.queue.answered_up_to(WriteQueue::publish_bit | 1U));
    fixture.acknowledge(0);
    REQUIRE(fixture.queue.answered_up_to(WriteQueue::publish_bit | 1U));
    REQUIRE_FALSE(fixture.queue.answered_up_to(WriteQueue::publish_bit | 2U));
    fixture.acknowledge(2);
    REQUIRE(fixture.queue.unanswered_count() == 0);
}

TEST_CASE("WriteQueue: for another connection the unanswered and the unwritten stay, in order; the rest goes") {
    QueueFixture fixture(200);
    fixture.send_acknowledged("answered");
    fixture.send("written");
    fixture.send_acknowledged("unanswered");
    fixture.write();
    fixture.acknowledge(0);
    fixture.send("partly written");
    fixture.write(20);
    std::vector<std::byte> request;
    native::append_frame(request, native::FrameType::ping, native::RawBody{}, {5});
    fixture.queue.append_frame(request);
    fixture.send("unwritten");
    fixture.queue.rewind_for_resend();
    fixture.queue.replace_handles([](std::uint32_t handle) { return handle + 40; });
    fixture.wire.clear();
    fixture.write();
    REQUIRE(fixture.frames() == Frames{"41:unanswered,", "41:unwritten,"});
    fixture.acknowledge(1);
    REQUIRE(fixture.queue.queued_bytes() == 0);
}

TEST_CASE("WriteQueue: what is kept for another connection is not yet written for those who wait for that") {
    QueueFixture fixture;
    fixture.send("a");
    const std::uint64_t position = fixture.queue.appended_position();
    fixture.queue.rewind_for_resend();
    REQUIRE_FALSE(fixture.queue.is_written_up_to(position));
    fixture.write();
    REQUIRE(fixture.queue.is_written_up_to(position));
}

TEST_CASE("WriteQueue: a batch larger than a block leaves whole, between the others") {
    QueueFixture fixture(400);
    fixture.send("a");
    const std::string large(200'000, 'x');
    const RecordDraft draft{.payload = as_bytes(large)};
    std::vector<std::byte> record(record_bytes(draft));
    write_record(record.data(), draft, false);
    fixture.queue.append_batch({1, 0}, record, {.record_count = 1});
    fixture.send("b");
    fixture.write();
    REQUIRE(fixture.frames() == Frames{"1:a,", "1:" + large + ",", "1:b,"});
}
