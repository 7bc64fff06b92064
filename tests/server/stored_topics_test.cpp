// Stored topics behind a whole broker, on a directory of their own; one thread drives the disk's work too.
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>

#include <catch2/catch.hpp>

#include "broker_fixture.hpp"

using namespace leveret;
using namespace leveret::test;
using namespace std::chrono_literals;

namespace {

class Directory {
  public:
    Directory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "leveret-XXXXXX").string();
        path = ::mkdtemp(pattern.data());
    }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    ~Directory() { std::filesystem::remove_all(path); }
    std::string path;
};

BrokerOptions on(const Directory& directory, Store store = Store::file) {
    BrokerOptions options;
    options.storage.data_dir = directory.path;
    options.topic_defaults.store = store;
    return options;
}

std::vector<native::FrameType> types(const std::vector<ReceivedFrame>& frames) {
    std::vector<native::FrameType> found;
    for (const ReceivedFrame& frame : frames) {
        found.push_back(frame.header.type);
    }
    return found;
}

using native::FrameType;

/// The error that the last answer is.
native::ErrorAnswer refusal(const std::vector<ReceivedFrame>& frames) {
    return frames.back().as<native::ErrorAnswer>();
}

}  // namespace

TEST_CASE("Stored topics: what was acknowledged is there after a restart, with topic, settings, position and end") {
    const Store store = GENERATE(Store::file, Store::rocksdb);
    const Directory directory;
    TopicId id{};
    {
        BrokerFixture fixture(on(directory, store));
        OpenedClient client(fixture);
        client.send(publish(1, DraftedRecords("first").add("second")));
        fixture.run();
        REQUIRE(types(client.received()) == std::vector{FrameType::published});
        client.send(frame(FrameType::commit, native::Commit{.offset = {1}, .position = "reader"}, 0, 1));
        fixture.run();
        REQUIRE(types(client.received()) == std::vector{FrameType::ok});
        id = fixture.topic("topic")->id();
        REQUIRE(fixture.broker.registry().alter("topic",
                                                [](TopicSettings& settings) { settings.retention_ttl_ms = 60'000; }));
        fixture.run();
    }
    BrokerFixture fixture(on(directory, store));
    const TopicPtr topic = fixture.broker.registry().find("topic");
    REQUIRE(topic);
    CHECK(topic->id() == id);
    CHECK(topic->settings().retention_ttl_ms == 60'000);
    CHECK(topic->settings().store == store);
    CHECK(topic->figures().next == Offset{2});
    CHECK(topic->position("reader") == Offset{1});
    OpenedClient client(fixture);
    client.send(subscribe(1, from_earliest()));
    fixture.run();
    CHECK(client.received().back().payloads() == "first second ");
}

TEST_CASE("Stored topics: a deleted one is gone from the disk, and does not come back") {
    const Directory directory;
    {
        BrokerFixture fixture(on(directory));
        OpenedClient client(fixture);
        client.send(publish(1, DraftedRecords("first")));
        client.send(frame(FrameType::delete_topic, native::TopicName{.name = "topic"}));
        fixture.run();
        fixture.run();
        CHECK(types(client.received()).back() == FrameType::ok);
        CHECK(std::filesystem::is_empty(directory.path + "/topics"));
    }
    BrokerFixture fixture(on(directory));
    CHECK(fixture.broker.registry().size() == 0);
}

TEST_CASE("Stored topics: what was trimmed is gone after a restart, also within a segment") {
    const Store store = GENERATE(Store::file, Store::rocksdb);
    const Directory directory;
    const Directory copy;
    {
        BrokerFixture fixture(on(directory, store));
        OpenedClient client(fixture);
        client.send(publish(1, DraftedRecords("first").add("second").add("third")));
        client.send(frame(FrameType::trim_topic, native::TrimTopic{.name = "topic", .before = {2}}));
        fixture.run();
        REQUIRE(types(client.received()) == std::vector{FrameType::published, FrameType::ok});
        // What a server finds when this one is killed now.
        std::filesystem::copy(directory.path, copy.path, std::filesystem::copy_options::recursive);
    }
    for (const Directory* found : {&directory, &copy}) {
        BrokerFixture fixture(on(*found, store));
        CHECK(fixture.topic("topic")->figures().first == Offset{2});
        CHECK(fixture.topic("topic")->figures().next == Offset{3});
        OpenedClient client(fixture);
        client.send(subscribe(1, from_earliest()));
        fixture.run();
        CHECK(client.received().back().payloads() == "third ");
    }
}

TEST_CASE("Stored topics: a trim that the disk refuses is answered with an error") {
    const Directory directory;
    BrokerFixture fixture(on(directory));
    OpenedClient client(fixture);
    client.send(publish(1, DraftedRecords("first").add("second")));
    client.send(frame(FrameType::trim_topic, native::TrimTopic{.name = "topic", .before = {3}}));
    fixture.run();
    const auto refused = client.received();
    REQUIRE(types(refused) == std::vector{FrameType::published, FrameType::error});
    CHECK(refused.back().as<native::ErrorAnswer>().code == Error::offset_out_of_range);
    std::filesystem::remove_all(directory.path + "/topics");
    client.send(frame(FrameType::trim_topic, native::TrimTopic{.name = "topic", .before = {1}}));
    fixture.run();
    const auto failed = client.received();
    REQUIRE(types(failed) == std::vector{FrameType::error});
    CHECK(failed.back().as<native::ErrorAnswer>().code == Error::log_failed);
}

TEST_CASE("Stored topics: a second server is kept out of the directory") {
    const Directory directory;
    BrokerFixture fixture(on(directory));
    Broker second(on(directory));
    CHECK(second.start_without_listening() == std::errc::resource_unavailable_try_again);
}

TEST_CASE("Stored topics: a server without a data directory says that it has none") {
    BrokerFixture fixture;
    CHECK(fixture.broker.registry().create("topic", {.store = Store::file}).error() == Error::not_supported);
    OpenedClient client(fixture);
    const auto text_for = [&](const TopicSettings& settings) {
        client.send(frame(FrameType::create_topic, native::CreateTopic{.name = "stored", .settings = settings}));
        const auto answers = client.received();
        CHECK(refusal(answers).code == Error::not_supported);
        return std::string(refusal(answers).text);
    };
    CHECK(text_for({.store = Store::file}).find("--data-dir") != std::string::npos);
    CHECK(text_for({.durability = Durability::sync}).find("in memory") != std::string::npos);
    CHECK(text_for({.partitions = 2}).find("partition") != std::string::npos);
}

TEST_CASE("Stored topics: what was asked for before Close is answered before it") {
    const Directory directory;
    BrokerFixture fixture(on(directory));
    OpenedClient client(fixture);
    ByteVector bytes = publish(1, DraftedRecords("first"));
    append(bytes, frame(FrameType::fetch, native::Fetch{.start = at_offset(0), .max_wait_ms = 60'000}, 0, 1));
    append(bytes, bodiless(FrameType::close));
    client.send(bytes);
    fixture.run();
    const auto frames = types(client.received());
    REQUIRE(frames.size() == 3);
    CHECK(std::count(frames.begin(), frames.end(), FrameType::published) == 1);
    CHECK(std::count(frames.begin(), frames.end(), FrameType::fetched) == 1);
    CHECK(frames.back() == FrameType::ok);
    CHECK(client.is_closed());
}

TEST_CASE("Stored topics: a name is free again when its topic is gone from the disk, not before") {
    const Directory directory;
    BrokerFixture fixture(on(directory));
    REQUIRE(fixture.topic("topic"));
    fixture.run();
    REQUIRE_FALSE(fixture.broker.registry().remove("topic"));
    CHECK(fixture.broker.registry().find_or_create("topic").error() == Error::topic_busy);
    CHECK(fixture.broker.counters().topics_refused.value() == 0);
    fixture.run();
    CHECK(fixture.broker.registry().find_or_create("topic"));
    fixture.run();
}

TEST_CASE("Stored topics: who opens one that is being removed is told that it is") {
    const Directory directory;
    BrokerFixture fixture(on(directory));
    OpenedClient client(fixture);
    for (const ByteVector& request :
         {open_topic("topic"), frame(FrameType::create_topic, native::CreateTopic{.name = "topic", .settings = {}})}) {
        ByteVector both = frame(FrameType::delete_topic, native::TopicName{.name = "topic"});
        append(both, request);
        client.send(both);
        fixture.run();
        const auto answers = client.received();
        REQUIRE(types(answers) == std::vector{FrameType::error, FrameType::ok});
        const auto refused = answers.front().as<native::ErrorAnswer>();
        CHECK(refused.code == Error::topic_busy);
        CHECK(refused.text.find("is being removed") != std::string::npos);
        client.send(open_topic("topic"));
        fixture.run();
        client.received();
    }
}

TEST_CASE("Stored topics: a start that fails for want of a port closes the logs that it has opened") {
    const Directory directory;
    {
        BrokerFixture fixture(on(directory));
        OpenedClient client(fixture);
        client.send(publish(1, DraftedRecords("first")));
        fixture.run();
        REQUIRE(types(client.received()) == std::vector{FrameType::published});
    }
    Broker other({.port = 0});
    REQUIRE_FALSE(other.start());
    {
        BrokerOptions options = on(directory);
        options.port = other.port();
        Broker late(options);
        CHECK(late.start().value() == static_cast<int>(std::errc::address_in_use));
    }
    BrokerFixture fixture(on(directory));
    CHECK(fixture.topic("topic")->figures().next == Offset{1});
}

TEST_CASE("Stored topics: readers whose clients take nothing leave memory to those who do") {
    const Directory directory;
    BrokerOptions options = on(directory);
    options.limits.catch_up_bytes_max = 1U << 20U;
    constexpr int records = 400;
    {
        BrokerFixture fixture(options);
        OpenedClient client(fixture);
        for (int i = 0; i < records; ++i) {
            client.send(publish(1, DraftedRecords(std::string(10'000, 'x'))));
        }
        REQUIRE(fixture.topic("topic")->figures().next == Offset{records});
    }
    BrokerFixture fixture(options);
    OpenedClient client(fixture);
    std::deque<OpenedClient> stalled;
    for (int i = 0; i < 8; ++i) {
        stalled.emplace_back(fixture, 1000).send_without_run(subscribe(1, from_earliest()));
    }
    client.send_without_run(subscribe(1, from_earliest()));
    std::size_t delivered_bytes = 0;
    for (int i = 0; i < 100; ++i) {
        fixture.advance(100ms);
        for (const ReceivedFrame& frame : client.received()) {
            if (frame.header.type == FrameType::deliver) {
                delivered_bytes += frame.as<native::Deliver>().records.size();
            }
        }
    }
    CHECK(delivered_bytes == fixture.topic("topic")->figures().bytes);
    CHECK(fixture.broker.counters().catch_up_waits.value() > 0);
    CHECK(fixture.connections() == 9);
}
