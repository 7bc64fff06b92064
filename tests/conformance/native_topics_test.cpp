// Topics of the native dialect: made, opened, changed, listed, described, trimmed, deleted.
#include <catch2/catch.hpp>

#include "conformance/native_peer.hpp"
#include "conformance/running_broker.hpp"

namespace leveret::test {
namespace {

using native::FrameType;

struct NativeTopics {
    NativeTopics() : NativeTopics(Permissions{}) {}
    explicit NativeTopics(const Permissions& permissions) : broker(options(permissions)) {}

    static BrokerOptions options(const Permissions& permissions) {
        BrokerOptions with;
        with.permissions = permissions;
        return with;
    }
    Answer describe(std::string_view topic) {
        return peer.request(FrameType::describe_topic, native::TopicName{topic});
    }
    TopicSettings settings_of(std::string_view topic) {
        return describe(topic).as<native::TopicDescription>().settings;
    }
    std::string remove(std::string_view topic) {
        return peer.request(FrameType::delete_topic, native::TopicName{topic}).said();
    }
    std::string trim(std::string_view topic, std::uint64_t before) {
        return peer.request(FrameType::trim_topic, native::TrimTopic{.name = topic, .before = {before}}).said();
    }
    std::string alter(std::string_view topic, std::uint32_t fields, const TopicSettings& settings) {
        return peer.request(FrameType::alter_topic, native::AlterTopic{topic, fields, settings}).said();
    }
    /// The names of a page, "…" behind them where there are more.
    std::string list(std::string_view after, std::uint32_t limit) {
        const Answer answer = peer.request(FrameType::list_topics, native::ListTopics{after, limit});
        const auto page = answer.as<native::TopicList>();
        std::string names;
        for (const native::TopicListEntry& topic : page.topics) {
            names += std::string(topic.name) + " ";
        }
        return names + (page.more == 1 ? "…" : "");
    }

    RunningBroker broker;
    NativePeer peer{broker.port()};
};

struct DeletingAllowed : NativeTopics {
    DeletingAllowed() : NativeTopics(Permissions{.delete_topics = true}) {}
};

struct NoAutoCreation : NativeTopics {
    NoAutoCreation() : NativeTopics(Permissions{.auto_create_topics = false}) {}
};

TEST_CASE_METHOD(NativeTopics, "native: creating a topic again with the same settings is a success") {
    CHECK(peer.create("a", {.retention_ttl_ms = 5}) == "ok");
    CHECK(peer.create("a", {.retention_ttl_ms = 5}) == "ok");
}

TEST_CASE_METHOD(NativeTopics, "native: creating a topic with other settings is topic_exists and changes nothing") {
    peer.create("a", {.retention_ttl_ms = 5});
    CHECK(peer.create("a", {.retention_ttl_ms = 6}) == "topic_exists");
    CHECK(settings_of("a").retention_ttl_ms == 5);
}

TEST_CASE_METHOD(NativeTopics, "native: a topic that nobody has configured takes the first CreateTopic's settings") {
    static_cast<void>(peer.open("a"));
    CHECK(peer.create("a", {.retention_ttl_ms = 5}) == "ok");
    CHECK(settings_of("a").retention_ttl_ms == 5);
    CHECK(peer.create("a", {.retention_ttl_ms = 6}) == "topic_exists");
}

TEST_CASE_METHOD(NativeTopics, "native: names and settings that cannot be are refused") {
    CHECK(peer.create("") == "bad_topic_name");
    CHECK(peer.create(std::string(250, 'x')) == "bad_topic_name");
    CHECK(peer.create("a\nb") == "bad_topic_name");
    CHECK(peer.create("\xC3\x28") == "bad_topic_name");
    CHECK(peer.create("a", {.partitions = 2}) == "not_supported");
    CHECK(peer.create("a", {.store = Store::file}) == "not_supported");
    CHECK(describe("a").said() == "unknown_topic");
}

TEST_CASE_METHOD(NativeTopics, "native: opening a topic gives one handle, and says what it is") {
    peer.create("a", {.retention_ttl_ms = 5'000'000});
    const std::uint32_t handle = peer.open("a");
    peer.publish_each(handle, {"x", "y"});
    const Answer answer = peer.request(FrameType::open_topic, native::TopicName{"a"});
    const auto opened = answer.as<native::TopicOpened>();
    CHECK(answer.header.handle == handle);
    CHECK(opened.id.is_set());
    CHECK(opened.first == Offset{0});
    CHECK(opened.next == Offset{2});
    CHECK(opened.settings.retention_ttl_ms == 5'000'000);
}

TEST_CASE_METHOD(NativeTopics, "native: no_create finds a topic and makes none") {
    const auto open = [&] {
        return peer.request(FrameType::open_topic, native::TopicName{"a"}, 0, native::flags::no_create).said();
    };
    CHECK(open() == "unknown_topic");
    peer.create("a");
    CHECK(open() == "topic_opened");
}

TEST_CASE_METHOD(NoAutoCreation, "native: a server can be told not to create topics by opening them") {
    CHECK(peer.request(FrameType::open_topic, native::TopicName{"a"}).said() == "unknown_topic");
    CHECK(peer.create("a") == "ok");
    CHECK(peer.request(FrameType::open_topic, native::TopicName{"a"}).said() == "topic_opened");
}

TEST_CASE_METHOD(NativeTopics, "native: AlterTopic takes the fields that it names and leaves the others") {
    using Field = native::AlterTopic::Field;
    peer.create("a", {.retention_ttl_ms = 1'000'000, .compaction_window_ms = 2});
    CHECK(alter("a", Field::compaction_window | Field::retention_records,
                {.retention_ttl_ms = 9, .compaction_window_ms = 3, .retention_records = 4}) == "ok");
    CHECK(settings_of("a") == TopicSettings{.retention_ttl_ms = 1'000'000,
                                            .compaction_window_ms = 3,
                                            .retention_records = 4,
                                            .store = Store::memory,
                                            .durability = Durability::os});
    CHECK(alter("unknown", Field::retention_ttl, {}) == "unknown_topic");
    CHECK(alter("a", 1U << 31U, {}) == "bad_frame");
}

TEST_CASE_METHOD(NativeTopics, "native: smaller bounds take effect at once") {
    const std::uint32_t topic = peer.open("a");
    peer.publish_each(topic, {"0", "1", "2", "3"});
    CHECK(alter("a", native::AlterTopic::retention_records, {.retention_records = 1}) == "ok");
    const Answer described = describe("a");
    CHECK(described.as<native::TopicDescription>().first == Offset{3});
}

TEST_CASE_METHOD(NativeTopics, "native: topics are listed page by page in the order of their names") {
    for (const char* const name : {"d", "b", "a", "c"}) {
        peer.create(name);
    }
    CHECK(list("", 0) == "a b c d ");
    CHECK(list("", 2) == "a b …");
    CHECK(list("b", 2) == "c d ");
    CHECK(list("d", 2).empty());
}

TEST_CASE_METHOD(NativeTopics, "native: a topic is described with its figures and positions") {
    const std::uint32_t topic = peer.open("a");
    peer.publish_each(topic, {"0", "1"});
    peer.commit(topic, "billing", 1);
    const Answer answer = describe("a");
    const auto description = answer.as<native::TopicDescription>();
    CHECK(description.name == "a");
    CHECK(description.next == Offset{2});
    REQUIRE(description.positions.size() == 1);
    CHECK(description.positions[0].name == "billing");
    CHECK(description.positions[0].offset == Offset{1});
    CHECK(describe("b").said() == "unknown_topic");
    CHECK(describe("").said() == "bad_topic_name");
}

TEST_CASE("native: of more positions than a frame can hold a description has the first") {
    BrokerOptions options;
    options.limits.frame_bytes_max = 4096;
    const RunningBroker broker(options);
    NativePeer peer{broker.port()};
    const std::uint32_t topic = peer.open("a");
    for (char letter = 'a'; letter <= 'z'; ++letter) {
        peer.commit(topic, std::string(name_bytes_max, letter), 0);
    }
    const Answer answer = peer.request(FrameType::describe_topic, native::TopicName{"a"});
    const auto positions = answer.as<native::TopicDescription>().positions;
    REQUIRE(positions.size() > 10);
    CHECK(positions.size() < 20);
    CHECK(positions.front().name.front() == 'a');
    CHECK(peer.request(FrameType::describe_topic, native::TopicName{"a"}).said() != "frame_too_large");
}

TEST_CASE_METHOD(NativeTopics, "native: trimming removes what lies below an offset, and readers are told") {
    const std::uint32_t topic = peer.open("a");
    peer.publish_each(topic, {"0", "1", "2"});
    const std::uint32_t subscription = peer.subscribe(topic, from(native::Start::Kind::offset, 0));
    CHECK(peer.take(subscription, 3) == "0:0 1:1 2:2");
    CHECK(trim("a", 2) == "ok");
    const std::uint32_t late = peer.subscribe(topic, from(native::Start::Kind::offset, 0));
    CHECK(peer.take(late, 2) == "lagged(0,2) 2:2");
    CHECK(trim("a", 4) == "offset_out_of_range");
    CHECK(trim("unknown", 0) == "unknown_topic");
}

TEST_CASE_METHOD(NativeTopics, "native: deleting is not allowed unless the server is told so") {
    peer.create("a");
    CHECK(remove("a") == "not_allowed");
    CHECK(describe("a").said() == "topic_description");
}

TEST_CASE_METHOD(DeletingAllowed, "native: who uses a deleted topic is told so") {
    const std::uint32_t topic = peer.open("a");
    const std::uint32_t subscription = peer.subscribe(topic);
    CHECK(remove("a") == "ok");
    CHECK(peer.take(subscription, 1) == "error(topic_deleted)");
    CHECK(peer.unsubscribe(subscription) == "unknown_subscription");
    CHECK(peer.publish(topic, {"x"}).said() == "topic_deleted");
    CHECK(remove("a") == "unknown_topic");
}

TEST_CASE_METHOD(DeletingAllowed, "native: a topic that is created again is another one, and its readers are told") {
    const std::uint32_t topic = peer.open("a");
    const Answer first = peer.request(FrameType::open_topic, native::TopicName{"a"});
    const auto known = first.as<native::TopicOpened>();
    remove("a");
    const std::uint32_t again = peer.open("a");
    CHECK(again != topic);
    native::Subscribe resumed = from_earliest();
    resumed.expected = {known.id, known.epoch};
    CHECK(peer.request(FrameType::subscribe, resumed, again).said() == "topic_changed");
    resumed.expected = {.epoch = known.epoch};
    CHECK(peer.request(FrameType::subscribe, resumed, again).said() == "topic_changed");
    CHECK(peer.request(FrameType::fetch, native::Fetch{.expected = {known.id, {}}}, again).said() == "topic_changed");
    CHECK(peer.request(FrameType::commit, native::Commit{.expected = {known.id, {}}, .position = "p"}, again).said() ==
          "topic_changed");
}

TEST_CASE_METHOD(DeletingAllowed, "native: a waiting Fetch of a deleted topic is answered") {
    const std::uint32_t topic = peer.open("a");
    peer.post(FrameType::fetch, native::Fetch{.max_wait_ms = 3'600'000}, topic);
    NativePeer administrator(broker.port());
    peer.ping();
    CHECK(administrator.request(FrameType::delete_topic, native::TopicName{"a"}).said() == "ok");
    CHECK(peer.next_answer().said() == "topic_deleted");
}

}  // namespace
}  // namespace leveret::test
