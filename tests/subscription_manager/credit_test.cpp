#include <algorithm>

#include <catch2/catch.hpp>

#include "subscription_manager/manager_fixture.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

native::Subscribe with_credit(std::uint64_t records, std::uint64_t bytes = 0) {
    native::Subscribe request = from_earliest();
    request.credit_records = records;
    request.credit_bytes = bytes;
    return request;
}

native::Subscribe credited_by_commits(std::uint64_t records) {
    native::Subscribe request = with_credit(records);
    request.start = start_at(native::Start::Kind::position, 0, "worker");
    request.flags = native::Subscribe::commit_gives_credit;
    return request;
}

struct CreditFixture : ManagerWorld {
    NativeClient client{*this};

    void publish_letters(std::string_view letters) {
        for (const char letter : letters) {
            publish("topic", std::string(1, letter));
        }
        run();
    }
};

}  // namespace

TEST_CASE("Credit: records come as far as it goes") {
    CreditFixture fixture;
    fixture.client.subscribe_to("topic", with_credit(2));
    fixture.publish_letters("abcd");
    CHECK(fixture.client.deliveries() == "a b ");
}

TEST_CASE("Credit: a grant lets the next ones come, also after a wait") {
    CreditFixture fixture;
    const auto subscription = fixture.client.subscribe_to("topic", with_credit(2));
    fixture.publish_letters("abcd");
    fixture.client.deliveries();
    fixture.client.grant(subscription, 1);
    CHECK(fixture.client.deliveries() == "c ");
    fixture.client.grant(subscription, 5);
    CHECK(fixture.client.deliveries() == "d ");
    fixture.publish_letters("efghij");
    CHECK(fixture.client.deliveries() == "e f g h ");
}

TEST_CASE("Credit: a last record may take more bytes than were left") {
    CreditFixture fixture;
    const auto subscription = fixture.client.subscribe_to("topic", with_credit(0, 1));
    fixture.publish_letters("abc");
    CHECK(fixture.client.deliveries() == "a ");
    fixture.client.grant(subscription, 0, 33);  // a whole record of one letter
    CHECK(fixture.client.deliveries() == "b ");
}

TEST_CASE("Credit: what a last record took beyond it is paid by what is granted next") {
    CreditFixture fixture;
    const auto subscription = fixture.client.subscribe_to("topic", with_credit(0, 1));
    fixture.publish_letters("ab");
    CHECK(fixture.client.deliveries() == "a ");  // 33 bytes
    fixture.client.grant(subscription, 0, 32);
    CHECK(fixture.client.deliveries().empty());
    fixture.client.grant(subscription, 0, 1);
    CHECK(fixture.client.deliveries() == "b ");
}

TEST_CASE("Credit: giving back what came never lets more than the credit and one record be on its way") {
    constexpr std::uint64_t credit_bytes = 1000;
    constexpr std::size_t longest = 700;
    CreditFixture fixture;
    const auto subscription = fixture.client.subscribe_to("topic", with_credit(0, credit_bytes));
    for (std::size_t round = 0; round < 100; ++round) {
        fixture.publish("topic", std::string(1 + round * 37 % longest, 'x'));
    }
    fixture.run();
    std::uint64_t delivered = 0;
    for (std::string came = fixture.client.deliveries(); !came.empty(); came = fixture.client.deliveries()) {
        const auto records = static_cast<std::size_t>(std::count(came.begin(), came.end(), ' '));
        const std::uint64_t bytes = came.size() - records + records * record_layout::header_bytes;
        CHECK(bytes < credit_bytes + record_layout::header_bytes + longest);
        delivered += records;
        fixture.client.grant(subscription, 0, bytes);
    }
    CHECK(delivered == 100);
}

TEST_CASE("Credit: none is unlimited, and a grant leaves it so") {
    CreditFixture fixture;
    const auto subscription = fixture.client.subscribe_to("topic", with_credit(0));
    fixture.client.grant(subscription, 1, 1);
    fixture.publish_letters("abcdef");
    CHECK(fixture.client.deliveries() == "a b c d e f ");
}

TEST_CASE("Credit: the largest grant does not wrap around") {
    CreditFixture fixture;
    const auto subscription = fixture.client.subscribe_to("topic", with_credit(1));
    fixture.client.grant(subscription, ~std::uint64_t{0});
    fixture.publish_letters("abc");
    CHECK(fixture.client.deliveries() == "a b c ");
}

TEST_CASE("Credit: without it what was evicted is told when it comes back") {
    CreditFixture fixture;
    fixture.create_topic("topic", {.retention_records = 2});
    const auto subscription = fixture.client.subscribe_to("topic", with_credit(1));
    fixture.publish_letters("a");
    fixture.publish_letters("bcdef");
    CHECK(fixture.client.deliveries() == "a ");
    fixture.client.grant(subscription, 10);
    CHECK(fixture.client.deliveries() == "missed:1-4 e f ");
}

TEST_CASE("Credit: a commit gives back what lies below it, where that was asked for") {
    CreditFixture fixture;
    fixture.client.subscribe_to("topic", credited_by_commits(2));
    fixture.publish_letters("abcdefg");
    CHECK(fixture.client.deliveries() == "a b ");
    fixture.client.commit(1, "worker", 2);
    CHECK(fixture.client.deliveries() == "c d ");
    fixture.client.commit(1, "worker", 3);
    CHECK(fixture.client.deliveries() == "e ");
    fixture.client.commit(1, "worker", 3);
    CHECK(fixture.client.deliveries().empty());
}

TEST_CASE("Credit: a commit of another position, or where it was not asked for, gives nothing back") {
    CreditFixture fixture;
    fixture.client.subscribe_to("topic", credited_by_commits(1));
    fixture.client.subscribe_to("topic", with_credit(1));
    fixture.publish_letters("abc");
    CHECK(fixture.client.deliveries() == "a a ");
    fixture.client.commit(1, "other", 1);
    CHECK(fixture.client.deliveries().empty());
    fixture.client.commit(1, "worker", 1);
    CHECK(fixture.client.deliveries() == "b ");
}

TEST_CASE("Credit: of many deliveries that wait for their commit some count as one, and none is forgotten") {
    constexpr std::uint64_t letter_bytes = 33;
    CreditFixture fixture;
    native::Subscribe request = credited_by_commits(0);
    request.credit_bytes = 100 * letter_bytes;
    fixture.client.subscribe_to("topic", request);
    for (int i = 0; i < 200; ++i) {
        fixture.publish_letters("a");
    }
    CHECK(fixture.client.deliveries().size() == 2 * 100);
    fixture.client.commit(1, "worker", 47);
    CHECK(fixture.client.deliveries().size() == 2 * 44);  // four at a time
    fixture.client.commit(1, "worker", 140);
    CHECK(fixture.client.deliveries().size() == 2 * 56);
}

TEST_CASE("Credit: none is needed to be told that the topic is deleted") {
    CreditFixture fixture;
    const auto without_credit = fixture.client.subscribe_to("topic", with_credit(1));
    fixture.publish_letters("ab");
    fixture.publish_letters("c");
    CHECK(fixture.client.deliveries() == "a ");
    REQUIRE_FALSE(fixture.registry.remove("topic"));
    fixture.run();
    const auto frames = fixture.client.received();
    REQUIRE(frames.size() == 1);
    CHECK(frames[0].header.handle == without_credit);
    CHECK(frames[0].as<native::ErrorAnswer>().code == Error::topic_deleted);
}

TEST_CASE("Filter: only the wanted keys come, and only they use credit") {
    CreditFixture fixture;
    native::Subscribe request = with_credit(2);
    request.filter_keys = {"blue", "red"};
    const auto subscription = fixture.client.subscribe_to("topic", request);
    DraftedRecords records;
    for (const auto* const key : {"red", "green", "blue", "green", "red", "blue"}) {
        records.add(key, key);
    }
    records.add("keyless").add("red", "last");
    fixture.publish("topic", records);
    fixture.run();
    CHECK(fixture.client.deliveries() == "red blue ");
    fixture.client.grant(subscription, 1);
    CHECK(fixture.client.deliveries() == "red ");
    fixture.client.grant(subscription, 10);
    CHECK(fixture.client.deliveries() == "blue last ");
}

TEST_CASE("Filter: records that nobody wants are passed over, however many") {
    CreditFixture fixture;
    native::Subscribe request = with_credit(1);
    request.filter_keys = {"wanted"};
    fixture.client.subscribe_to("topic", request);
    for (int i = 0; i < 2000; ++i) {
        fixture.publish("topic", DraftedRecords().add("other", std::string(500, 'x')));
    }
    fixture.publish("topic", DraftedRecords().add("wanted", "here"));
    fixture.run();
    CHECK(fixture.client.deliveries() == "here ");
}

TEST_CASE("Filter: an empty key is a key, and none is not") {
    CreditFixture fixture;
    native::Subscribe request = from_earliest();
    request.filter_keys = {""};
    fixture.client.subscribe_to("topic", request);
    fixture.publish("topic", DraftedRecords("keyless").add("", "empty"));
    fixture.run();
    CHECK(fixture.client.deliveries() == "empty ");
}
