#include "protocol/native.hpp"

#include <random>

#include <catch2/catch.hpp>

#include "protocol/allocation_counter.hpp"
#include "protocol/hex.hpp"
#include "protocol/native_bodies.hpp"

namespace leveret::native {
namespace {

using namespace test;

constexpr std::size_t frame_bytes_max = 8U << 20U;

const TopicId some_id{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
const TopicSettings some_settings{11, 22, 33, 44, 55, Store::rocksdb, Durability::sync};
const Expected some_expected{some_id, Epoch{7}};
const Start some_start{Start::Kind::position, Start::Kind::latest, 99, "invoices"};
const std::string_view some_records = "records, as far as this layer knows";

struct Sample {
    FrameType type;
    std::vector<std::byte> body;
    std::size_t body_bytes_min;  ///< shorter bodies are bad; where records go to the end, longer ones are not
};

template <class Body>
Sample sample(FrameType type, const Body& body) {
    auto bytes = encoded(body);
    const std::size_t bytes_min = bytes.size();
    return {type, std::move(bytes), bytes_min};
}

/// Of a frame whose records go to its end.
template <class Body>
Sample open_sample(FrameType type, const Body& body) {
    Sample made = sample(type, body);
    made.body_bytes_min = made.body.size() - some_records.size();
    return made;
}

std::vector<Sample> request_samples() {
    return {
        sample(FrameType::hello, Hello{1, 2, "client", "token", as_bytes("secret")}),
        sample(FrameType::create_topic, CreateTopic{"hello", some_settings}),
        sample(FrameType::alter_topic, AlterTopic{"hello", AlterTopic::retention_bytes, some_settings}),
        sample(FrameType::open_topic, TopicName{"hello"}),
        open_sample(FrameType::publish,
                    Publish{PartitionId{1}, 2, 3, 4, 5, Durability::interval, as_bytes(some_records)}),
        sample(FrameType::subscribe,
               Subscribe{PartitionId{1}, some_expected, some_start, 2, 3, Subscribe::commit_gives_credit, {"a", ""}}),
        sample(FrameType::grant, Grant{1, 2}),
        sample(FrameType::commit, Commit{PartitionId{1}, some_expected, Offset{2}, "invoices"}),
        sample(FrameType::seek, Seek{some_expected, some_start}),
        sample(FrameType::fetch, Fetch{PartitionId{1}, some_expected, some_start, 2, 3}),
        sample(FrameType::trim_topic, TrimTopic{"hello", PartitionId{1}, Offset{2}}),
        sample(FrameType::list_topics, ListTopics{"hello", 1}),
        sample(FrameType::describe_topic, TopicName{"hello"}),
        sample(FrameType::delete_topic, TopicName{""}),
    };
}

std::vector<Sample> answer_samples() {
    return {
        sample(FrameType::welcome, Welcome{1, 2, 3, "0.1.0"}),
        sample(FrameType::topic_opened, TopicOpened{some_id, Epoch{1}, Offset{2}, Offset{3}, some_settings}),
        sample(FrameType::published, Published{Offset{1}, 2, {3, 4}}),
        sample(FrameType::subscribed, Subscribed{some_id, Epoch{1}, Offset{2}}),
        open_sample(FrameType::deliver, Deliver{PartitionId{1}, Epoch{2}, as_bytes(some_records)}),
        sample(FrameType::lagged, Lagged{PartitionId{1}, Epoch{2}, Offset{3}, Offset{4}}),
        open_sample(FrameType::fetched, Fetched{PartitionId{1}, Epoch{2}, Offset{3}, Offset{4}, Offset{5}, Offset{6},
                                                Offset{7}, as_bytes(some_records)}),
        sample(FrameType::topic_list, TopicList{1, {{"a", some_id, Epoch{1}, Offset{2}, Offset{3}, 4}, {"b"}}}),
        sample(
            FrameType::topic_description,
            TopicDescription{
                "hello", some_id, Epoch{1}, Offset{2}, Offset{3}, some_settings, {{"bytes", 1}}, {{"invoices", {9}}}}),
        sample(FrameType::server_description, ServerDescription{"0.1.0", {{"topics", 1}, {"connections", 2}}}),
        sample(FrameType::error, ErrorAnswer{Error::bad_record, 3, "a sentence"}),
    };
}

/// A body of every type that has one.
std::vector<Sample> samples() {
    auto all = request_samples();
    for (auto& answer : answer_samples()) {
        all.push_back(std::move(answer));
    }
    return all;
}

std::vector<std::byte> framed(const Sample& sample) {
    std::vector<std::byte> bytes;
    append_frame(bytes, sample.type, RawBody{sample.body}, Correlation{0x0102'0304}, 0x0506'0708, flags::no_create);
    return bytes;
}

bool is_bad_body(FrameType type, const std::vector<std::byte>& body) {
    const auto result = reencode_body(type, body);
    return !result && result.error() == Error::bad_frame;
}

std::vector<std::byte> first_bytes(const std::vector<std::byte>& bytes, std::size_t count) {
    return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count)};
}

TEST_CASE("native: the magic cannot be taken for the other dialect or a reserved opening", "[native]") {
    CHECK(magic[0] >= 0x80);
    CHECK(to_hex(std::as_bytes(std::span(magic))) == "ec4c5654");
}

TEST_CASE("native: a frame's header is written where the layout says", "[native]") {
    std::vector<std::byte> bytes;
    append_frame(bytes, FrameType::grant, Grant{1, 2}, Correlation{0x0102'0304}, 0x0506'0708, flags::one_way);
    CHECK(to_hex(bytes) ==
          "20000000"
          "08"
          "01"
          "0000"
          "04030201"
          "08070605"
          "0100000000000000"
          "0200000000000000");
}

TEST_CASE("native: append_frame adds to what is there already", "[native]") {
    std::vector<std::byte> bytes;
    append_frame(bytes, FrameType::ping, RawBody{as_bytes("ab")}, Correlation{1});
    append_frame(bytes, FrameType::close, RawBody{}, Correlation{2});
    CHECK(bytes.size() == 18 + 16);
    CHECK(decode(Bytes(bytes).subspan(18), frame_bytes_max).value()->header.type == FrameType::close);
}

TEST_CASE("native: frames are found at every split of the bytes", "[native]") {
    for (const Sample& sample : samples()) {
        const auto bytes = framed(sample);
        for (std::size_t split = 0; split < bytes.size(); ++split) {
            const auto early = decode(first_bytes(bytes, split), frame_bytes_max);
            REQUIRE(early.has_value());
            REQUIRE_FALSE(early->has_value());
        }
        auto followed = bytes;
        followed.push_back(std::byte{0xFF});
        const auto frame = decode(followed, frame_bytes_max).value().value();
        CHECK(frame.header.length == bytes.size());
        CHECK(frame.header.type == sample.type);
        CHECK(frame.header.flags == flags::no_create);
        CHECK(frame.header.correlation == Correlation{0x0102'0304});
        CHECK(frame.header.handle == 0x0506'0708);
        CHECK(to_hex(frame.body) == to_hex(sample.body));
    }
}

TEST_CASE("native: a header is read before the rest of its frame has come, and not before it is whole", "[native]") {
    const auto bytes = from_hex("20000000 08 01 0000 04030201 08070605");  // 16 bytes of body are missing
    const auto header = decode_header(bytes, frame_bytes_max).value().value();
    CHECK(header.length == 32);
    CHECK(header.type == FrameType::grant);
    CHECK(header.flags == flags::one_way);
    CHECK(header.correlation == Correlation{0x0102'0304});
    CHECK(header.handle == 0x0506'0708);
    for (std::size_t count = 0; count < header_bytes; ++count) {
        CHECK_FALSE(decode_header(first_bytes(bytes, count), frame_bytes_max).value().has_value());
    }
}

TEST_CASE("native: a frame may fill the limit; a longer one is refused by its length alone", "[native]") {
    const auto length = from_hex("20000000");
    CHECK_FALSE(decode(length, 32).value().has_value());
    CHECK(decode(length, 31).error() == Error::frame_too_large);
    CHECK(decode(from_hex("ffffffff"), frame_bytes_max).error() == Error::frame_too_large);
}

TEST_CASE("native: a length below the header's is malformed", "[native]") {
    CHECK(decode(from_hex("0f000000"), frame_bytes_max).error() == Error::bad_frame);
    CHECK(decode(from_hex("00000000"), frame_bytes_max).error() == Error::bad_frame);
}

TEST_CASE("native: the header's spare bytes are zero", "[native]") {
    CHECK(decode(from_hex("10000000 11 00 0100 00000000 00000000"), frame_bytes_max).error() == Error::bad_frame);
    CHECK(decode(from_hex("10000000 11 00 0001 00000000 00000000"), frame_bytes_max).error() == Error::bad_frame);
}

TEST_CASE("native: a frame of an unknown type is a frame", "[native]") {
    const auto frame = decode(from_hex("10000000 7f 00 0000 01000000 00000000"), frame_bytes_max).value().value();
    CHECK(frame_type_name(frame.header.type) == "unknown");
    CHECK(frame.header.correlation == Correlation{1});
}

TEST_CASE("native: decoding a frame allocates nothing", "[native]") {
    const auto bytes = framed(samples().front());
    const std::size_t before = allocations();
    const auto frame = decode(bytes, frame_bytes_max);
    const std::size_t after = allocations();
    CHECK(frame.has_value());
    CHECK(after == before);
}

TEST_CASE("native: there is a sample of every frame that has fields", "[native]") {
    CHECK(all_frame_types().size() == 31);
    CHECK(samples().size() == 31 - 6);  // without Unsubscribe, DescribeServer, Close, Ping, Pong and Ok
}

TEST_CASE("native: every body encodes to the bytes that it was decoded from", "[native]") {
    for (const Sample& sample : samples()) {
        INFO(frame_type_name(sample.type));
        CHECK(to_hex(reencode_body(sample.type, sample.body).value()) == to_hex(sample.body));
    }
}

TEST_CASE("native: every body that is cut short is malformed", "[native]") {
    for (const Sample& sample : samples()) {
        for (std::size_t length = 0; length < sample.body_bytes_min; ++length) {
            INFO(frame_type_name(sample.type) << ", " << length << " bytes of it");
            CHECK(is_bad_body(sample.type, first_bytes(sample.body, length)));
        }
    }
}

TEST_CASE("native: a body with a byte too many is malformed, unless records go to its end", "[native]") {
    for (Sample& sample : samples()) {
        INFO(frame_type_name(sample.type));
        const bool is_open = sample.body_bytes_min < sample.body.size();
        sample.body.push_back(std::byte{0});
        CHECK(is_bad_body(sample.type, sample.body) == !is_open);
    }
}

TEST_CASE("native: whatever decodes encodes to the same bytes", "[native]") {
    std::mt19937 random(3);
    std::size_t decoded = 0;
    for (const Sample& sample : samples()) {
        for (int round = 0; round < 2000; ++round) {
            auto body = sample.body;
            body[random() % body.size()] = static_cast<std::byte>(random());
            const auto again = reencode_body(sample.type, body);
            decoded += again ? 1 : 0;
            REQUIRE((!again || *again == body));
        }
    }
    CHECK(decoded > 1000);
}

TEST_CASE("native: a list's count is not trusted for an allocation", "[native]") {
    const auto four_billion = from_hex("0000000000000000 00000000 ffffffff 01000000");
    const std::size_t before = allocated_bytes();
    const auto published = Published::decode(four_billion);
    const std::size_t after = allocated_bytes();
    CHECK_FALSE(published.has_value());
    CHECK(after == before);
}

TEST_CASE("native: every list refuses a count that its bytes cannot hold", "[native]") {
    for (const FrameType type : {FrameType::published, FrameType::topic_list, FrameType::topic_description,
                                 FrameType::server_description, FrameType::subscribe}) {
        for (Sample sample : samples()) {
            if (sample.type != type) {
                continue;
            }
            // Somewhere among these bytes is the count; written over each in turn, nothing may follow it blindly.
            for (std::size_t at = 0; at + 4 <= sample.body.size(); ++at) {
                auto body = sample.body;
                std::fill_n(body.begin() + static_cast<std::ptrdiff_t>(at), 4, std::byte{0xFF});
                const std::size_t before = allocated_bytes();
                static_cast<void>(reencode_body(type, body));
                CHECK(allocated_bytes() - before < 64U << 10U);
            }
        }
    }
}

TEST_CASE("native: a filter may hold as many keys as the dialect allows and no more", "[native]") {
    Subscribe request;
    request.filter_keys.assign(Subscribe::filter_keys_max, "k");
    CHECK(Subscribe::decode(encoded(request)).value().filter_keys.size() == Subscribe::filter_keys_max);
    request.filter_keys.emplace_back("k");
    CHECK(Subscribe::decode(encoded(request)).error() == Error::too_many_filter_keys);
}

TEST_CASE("native: values and bits without a meaning are malformed", "[native]") {
    CHECK(is_bad_body(FrameType::seek, encoded(Seek{{}, {Start::Kind{5}, Start::Kind::earliest, 0, ""}})));
    CHECK(is_bad_body(FrameType::seek, encoded(Seek{{}, {Start::Kind::latest, Start::Kind::offset, 0, ""}})));
    CHECK(is_bad_body(FrameType::create_topic, encoded(CreateTopic{"a", {0, 0, 0, 0, 1, Store{4}, {}}})));
    CHECK(is_bad_body(FrameType::create_topic, encoded(CreateTopic{"a", {0, 0, 0, 0, 1, {}, Durability{4}}})));
    CHECK(is_bad_body(FrameType::publish, encoded(Publish{.durability = Durability{4}})));
    CHECK(is_bad_body(FrameType::alter_topic, encoded(AlterTopic{"a", 16, {}})));
    CHECK(is_bad_body(FrameType::topic_list, encoded(TopicList{2, {}})));
}

TEST_CASE("native: only a start at a position names one", "[native]") {
    for (const auto kind : {Start::Kind::latest, Start::Kind::earliest, Start::Kind::offset, Start::Kind::timestamp}) {
        CHECK_FALSE(is_bad_body(FrameType::seek, encoded(Seek{{}, {kind, Start::Kind::earliest, 1, ""}})));
        CHECK(is_bad_body(FrameType::seek, encoded(Seek{{}, {kind, Start::Kind::earliest, 1, "invoices"}})));
    }
}

TEST_CASE("native: spare bytes in bodies are zero", "[native]") {
    for (const std::size_t spare : {23U, 24U, 31U}) {
        auto publish = encoded(Publish{});
        publish[spare] = std::byte{1};
        CHECK(is_bad_body(FrameType::publish, publish));
    }
}

}  // namespace
}  // namespace leveret::native
