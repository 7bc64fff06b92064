// docs/protocol.md's examples, decoded: they are what the text beside them says, and nobody forgot one.
#include <algorithm>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "project_file.hpp"
#include "protocol/hex.hpp"
#include "protocol/native_bodies.hpp"
#include "protocol/protocol_document.hpp"
#include "protocol/zaichik.hpp"

namespace leveret {
namespace {

using namespace test;
using namespace native;

const TopicId documented_id{{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,  //
                             0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF}};

Frame documented_frame(std::string_view name) {
    const Bytes bytes = documented_example("native", name).bytes;
    return decode(bytes, bytes.size()).value().value();
}

/// The body of the example that is named like its type.
template <class Body>
Body documented(FrameType type) {
    const Frame frame = documented_frame(frame_type_name(type));
    REQUIRE(frame.header.type == type);
    return Body::decode(frame.body).value();
}

void check_settings(const TopicSettings& settings) {
    CHECK(settings == TopicSettings{60'000, 5'000, 1'048'576, 10'000, 1, Store::memory, Durability::os});
}

TEST_CASE("docs/protocol.md: every native frame has an example under its name", "[documents]") {
    for (const FrameType type : all_frame_types()) {
        INFO(frame_type_name(type));
        CHECK(documented_frame(frame_type_name(type)).header.type == type);
    }
}

TEST_CASE("docs/protocol.md: every native example encodes to the bytes it was decoded from", "[documents]") {
    for (const Example& example : documented_examples()) {
        if (example.kind == "native") {
            INFO(example.name);
            CHECK(to_hex(reencode_frame(example.bytes).value()) == to_hex(example.bytes));
        }
    }
}

TEST_CASE("docs/protocol.md: a connection opens with the magic and Hello", "[documents]") {
    const Bytes bytes = documented_example("connection", "opening").bytes;
    CHECK(to_hex(bytes.first(4)) == to_hex(std::as_bytes(std::span(magic))));
    CHECK(to_hex(bytes.subspan(4)) == to_hex(documented_example("native", "hello").bytes));
}

TEST_CASE("docs/protocol.md: what the examples of opening and closing say", "[documents]") {
    const auto hello = documented<Hello>(FrameType::hello);
    CHECK(hello.version_min == 1);
    CHECK(hello.version_max == 2);
    CHECK(hello.client_name == "example");
    CHECK(hello.mechanism.empty());
    CHECK(hello.credentials.empty());
    const auto welcome = documented<Welcome>(FrameType::welcome);
    CHECK(welcome.version == 1);
    CHECK(welcome.frame_bytes_max == 8U << 20U);
    CHECK(welcome.connection_id == 17);
    CHECK(welcome.server_version == "0.1.0");
    CHECK(as_text(documented_frame("ping").body) == "hare");
    CHECK(as_text(documented_frame("pong").body) == "hare");
    const auto error = documented<ErrorAnswer>(FrameType::error);
    CHECK(error.code == Error::bad_record);
    CHECK(error.detail == 3);
    CHECK(error.text == error_sentence(Error::bad_record));
}

TEST_CASE("docs/protocol.md: what the examples of topics' requests say", "[documents]") {
    const auto create = documented<CreateTopic>(FrameType::create_topic);
    CHECK(create.name == "hello");
    check_settings(create.settings);
    const auto alter = documented<AlterTopic>(FrameType::alter_topic);
    CHECK(alter.name == "hello");
    CHECK(alter.fields == (AlterTopic::retention_ttl | AlterTopic::retention_records));
    CHECK(alter.settings.retention_ttl_ms == 30'000);
    CHECK(alter.settings.retention_records == 500);
    CHECK(documented<TopicName>(FrameType::open_topic).name == "hello");
    CHECK(documented_frame("open_topic").header.flags == flags::no_create);
    CHECK(documented<TopicName>(FrameType::describe_topic).name == "hello");
    CHECK(documented<TopicName>(FrameType::delete_topic).name == "hello");
    const auto trim = documented<TrimTopic>(FrameType::trim_topic);
    CHECK(trim.name == "hello");
    CHECK(trim.partition == PartitionId{0});
    CHECK(trim.before == Offset{100});
    const auto list = documented<ListTopics>(FrameType::list_topics);
    CHECK(list.after == "hello");
    CHECK(list.limit == 50);
}

TEST_CASE("docs/protocol.md: what the examples of topics' answers say", "[documents]") {
    const auto opened = documented<TopicOpened>(FrameType::topic_opened);
    CHECK(documented_frame("topic_opened").header.handle == 1);
    CHECK(opened.id == documented_id);
    CHECK(opened.epoch == Epoch{3});
    CHECK(opened.first == Offset{100});
    CHECK(opened.next == Offset{142});
    check_settings(opened.settings);
    const auto list = documented<TopicList>(FrameType::topic_list);
    REQUIRE(list.topics.size() == 1);
    CHECK(list.more == 1);
    CHECK(list.topics[0].name == "invoices");
    CHECK(list.topics[0].id == documented_id);
    CHECK(list.topics[0].epoch == Epoch{3});
    CHECK(list.topics[0].first == Offset{100});
    CHECK(list.topics[0].next == Offset{142});
    CHECK(list.topics[0].bytes == 2048);
}

TEST_CASE("docs/protocol.md: what the examples of descriptions say", "[documents]") {
    const auto topic = documented<TopicDescription>(FrameType::topic_description);
    CHECK(topic.name == "hello");
    CHECK(topic.id == documented_id);
    CHECK(topic.epoch == Epoch{3});
    CHECK(topic.first == Offset{100});
    CHECK(topic.next == Offset{142});
    check_settings(topic.settings);
    REQUIRE(topic.figures.size() == 1);
    CHECK(topic.figures[0].name == "records");
    CHECK(topic.figures[0].value == 42);
    REQUIRE(topic.positions.size() == 1);
    CHECK(topic.positions[0].name == "billing");
    CHECK(topic.positions[0].offset == Offset{120});
    const auto server = documented<ServerDescription>(FrameType::server_description);
    CHECK(server.server_version == "0.1.0");
    REQUIRE(server.figures.size() == 2);
    CHECK(server.figures[0].name == "connections");
    CHECK(server.figures[0].value == 5);
    CHECK(server.figures[1].name == "topics");
    CHECK(server.figures[1].value == 2);
}

TEST_CASE("docs/protocol.md: what the examples of publishing say", "[documents]") {
    const auto publish = documented<Publish>(FrameType::publish);
    CHECK(documented_frame("publish").header.handle == 1);
    CHECK(publish.partition == PartitionId{0});
    CHECK(publish.record_count == 2);
    CHECK(publish.producer_id == 0x0102'0304'0506'0708);
    CHECK(publish.first_sequence == 9);
    CHECK(publish.producer_epoch == 4);
    CHECK(publish.durability == Durability::sync);
    std::uint32_t bad_index = 0;
    CHECK_FALSE(check_batch(publish.records, publish.record_count, 1024, &bad_index));
    for (const RecordView record : Records(publish.records)) {
        CHECK(has_valid_content_checksum(record));
    }
    const auto published = documented<Published>(FrameType::published);
    CHECK(published.first == Offset{142});
    CHECK(published.accepted == 3);
    CHECK(published.duplicates == std::vector<std::uint32_t>{1, 4});
}

TEST_CASE("docs/protocol.md: what the examples of subscribing say", "[documents]") {
    const auto subscribe = documented<Subscribe>(FrameType::subscribe);
    CHECK(subscribe.partition == PartitionId{0});
    CHECK(subscribe.expected.id == documented_id);
    CHECK(subscribe.expected.epoch == Epoch{3});
    CHECK(subscribe.start.kind == Start::Kind::position);
    CHECK(subscribe.start.fallback == Start::Kind::earliest);
    CHECK(subscribe.start.value == 0);
    CHECK(subscribe.start.position == "billing");
    CHECK(subscribe.credit_records == 1000);
    CHECK(subscribe.credit_bytes == 65'536);
    CHECK(subscribe.flags == Subscribe::commit_gives_credit);
    CHECK(subscribe.filter_keys == std::vector<std::string_view>{"eur", "usd"});
    const auto subscribed = documented<Subscribed>(FrameType::subscribed);
    CHECK(documented_frame("subscribed").header.handle == 7);
    CHECK(subscribed.id == documented_id);
    CHECK(subscribed.epoch == Epoch{3});
    CHECK(subscribed.next == Offset{120});
    const auto seek = documented<Seek>(FrameType::seek);
    CHECK_FALSE(seek.expected.id.is_set());
    CHECK(seek.expected.epoch == Epoch{0});
    CHECK(seek.start.kind == Start::Kind::timestamp);
    CHECK(seek.start.value == 1'700'000'000'123'456);
    const auto grant = documented<Grant>(FrameType::grant);
    CHECK(grant.records == 100);
    CHECK(grant.bytes == 4096);
}

TEST_CASE("docs/protocol.md: what the examples of reading say", "[documents]") {
    const auto deliver = documented<Deliver>(FrameType::deliver);
    CHECK(documented_frame("deliver").header.handle == 7);
    CHECK(documented_frame("deliver").header.correlation == Correlation{0});
    CHECK(deliver.partition == PartitionId{0});
    CHECK(deliver.epoch == Epoch{3});
    CHECK(to_hex(deliver.records) == to_hex(documented_example("record", "stamped").bytes));
    const auto lagged = documented<Lagged>(FrameType::lagged);
    CHECK(lagged.epoch == Epoch{3});
    CHECK(lagged.from == Offset{120});
    CHECK(lagged.to == Offset{130});
    const auto commit = documented<Commit>(FrameType::commit);
    CHECK(commit.expected.epoch == Epoch{3});
    CHECK(commit.offset == Offset{142});
    CHECK(commit.position == "billing");
    const auto fetch = documented<Fetch>(FrameType::fetch);
    CHECK(fetch.start.kind == Start::Kind::offset);
    CHECK(fetch.start.value == 42);
    CHECK(fetch.max_bytes == 65'536);
    CHECK(fetch.max_wait_ms == 500);
    const auto fetched = documented<Fetched>(FrameType::fetched);
    CHECK(fetched.missed_from == Offset{42});
    CHECK(fetched.missed_to == Offset{100});
    CHECK(fetched.first == Offset{100});
    CHECK(fetched.next == Offset{101});
    CHECK(fetched.end == Offset{142});
    CHECK(RecordView(fetched.records.data()).offset() == Offset{100});
}

TEST_CASE("docs/protocol.md: the record as its publisher sends it", "[documents]") {
    const auto& bytes = documented_example("record", "published").bytes;
    const RecordView record = check_record(bytes).value();
    CHECK(record.size() == bytes.size());
    CHECK(record.key() == "key");
    CHECK(record.payload_text() == "message");
    CHECK(record.headers().size() == 1);
    CHECK(has_valid_content_checksum(record));
}

TEST_CASE("docs/protocol.md: the stamped record is the published one with a stamp", "[documents]") {
    auto bytes = documented_example("record", "published").bytes;
    stamp_record(bytes.data(), Offset{42}, Timestamp(std::chrono::microseconds(1'700'000'000'123'456)));
    CHECK(to_hex(bytes) == to_hex(documented_example("record", "stamped").bytes));
    CHECK(has_valid_checksum(RecordView(bytes.data())));
}

TEST_CASE("docs/protocol.md: the zaichik examples are the vectors, all of them", "[documents]") {
    const auto vectors = nlohmann::json::parse(project_file("tests/vectors/zaichik.json"));
    for (const auto& vector : vectors.at("frames")) {
        const auto name = vector.at("name").get<std::string>();
        CHECK(to_hex(documented_example("zaichik", name).bytes) == vector.at("hex").get<std::string>());
    }
    const auto is_zaichik = [](const Example& example) { return example.kind == "zaichik"; };
    CHECK(static_cast<std::size_t>(std::ranges::count_if(documented_examples(), is_zaichik)) ==
          vectors.at("frames").size());
}

TEST_CASE("docs/protocol.md: every example has a kind that a test reads", "[documents]") {
    for (const Example& example : documented_examples()) {
        CHECK((example.kind == "native" || example.kind == "zaichik" || example.kind == "record" ||
               example.kind == "connection"));
    }
}

}  // namespace
}  // namespace leveret
