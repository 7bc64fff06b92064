// Credit in the native dialect: in records, in bytes, given back by Grant or by commits.
#include <catch2/catch.hpp>

#include "conformance/native_peer.hpp"
#include "conformance/running_broker.hpp"

namespace leveret::test {
namespace {

using native::FrameType;

constexpr std::size_t record_size = 33;  // a payload of one byte

struct NativeCredit {
    RunningBroker broker;
    NativePeer peer{broker.port()};
    std::uint32_t topic = peer.open("a");

    NativeCredit() { peer.publish_each(topic, {"0", "1", "2", "3", "4", "5"}); }

    std::uint32_t subscribe(std::uint64_t records, std::uint64_t bytes = 0) {
        native::Subscribe how = from_earliest();
        how.credit_records = records;
        how.credit_bytes = bytes;
        return peer.subscribe(topic, how);
    }
    /// From the position "p", whose commits give credit.
    std::uint32_t subscribe_committing(std::uint64_t records) {
        native::Subscribe how = from_position("p");
        how.credit_records = records;
        how.flags = native::Subscribe::commit_gives_credit;
        return peer.subscribe(topic, how);
    }
};

TEST_CASE_METHOD(NativeCredit, "native credit: no more records than were granted, exactly") {
    const std::uint32_t subscription = subscribe(2);
    CHECK(peer.take(subscription, 2) == "0:0 1:1");
    CHECK(peer.is_silent(subscription));
    CHECK(peer.grant(subscription, 3) == "ok");
    CHECK(peer.take(subscription, 3) == "2:2 3:3 4:4");
    CHECK(peer.is_silent(subscription));
}

TEST_CASE_METHOD(NativeCredit, "native credit: grants add up") {
    const std::uint32_t subscription = subscribe(1);
    CHECK(peer.take(subscription, 1) == "0:0");
    peer.grant(subscription, 1);
    peer.grant(subscription, 1);
    CHECK(peer.take(subscription, 2) == "1:1 2:2");
    CHECK(peer.is_silent(subscription));
}

TEST_CASE_METHOD(NativeCredit,
                 "native credit: the record that uses up the bytes is still delivered, and what it took more is owed") {
    const std::uint32_t subscription = subscribe(0, record_size + 1);
    CHECK(peer.take(subscription, 2) == "0:0 1:1");
    CHECK(peer.is_silent(subscription));
    peer.grant(subscription, 0, record_size - 1);  // pays for what it took beyond the credit
    CHECK(peer.is_silent(subscription));
    peer.grant(subscription, 0, 1);
    CHECK(peer.take(subscription, 1) == "2:2");
    CHECK(peer.is_silent(subscription));
}

TEST_CASE_METHOD(NativeCredit, "native credit: where records and bytes are limited, both have to be there") {
    const std::uint32_t subscription = subscribe(1, 1'000'000);
    CHECK(peer.take(subscription, 1) == "0:0");
    peer.grant(subscription, 0, 1'000'000);
    CHECK(peer.is_silent(subscription));
    peer.grant(subscription, 1);
    CHECK(peer.take(subscription, 1) == "1:1");
}

TEST_CASE_METHOD(NativeCredit, "native credit: 0 is unlimited") {
    const std::uint32_t subscription = subscribe(0, 0);
    CHECK(peer.take(subscription, 6) == "0:0 1:1 2:2 3:3 4:4 5:5");
}

TEST_CASE_METHOD(NativeCredit, "native credit: a one-way Grant is silent, and counts") {
    const std::uint32_t subscription = subscribe(1);
    CHECK(peer.take(subscription, 1) == "0:0");
    peer.post(FrameType::grant, native::Grant{.records = 1}, subscription, native::flags::one_way);
    CHECK(peer.take(subscription, 1) == "1:1");
    CHECK(peer.ping() == "pong");
}

TEST_CASE_METHOD(NativeCredit, "native credit: one subscription's credit is not another's") {
    const std::uint32_t starved = subscribe(1);
    const std::uint32_t fed = subscribe(0);
    CHECK(peer.take(fed, 6) == "0:0 1:1 2:2 3:3 4:4 5:5");
    CHECK(peer.take(starved, 1) == "0:0");
    CHECK(peer.is_silent(starved));
}

TEST_CASE_METHOD(NativeCredit, "native credit: a commit gives credit back where the subscription asked for that") {
    const std::uint32_t subscription = subscribe_committing(2);
    CHECK(peer.take(subscription, 2) == "0:0 1:1");
    CHECK(peer.is_silent(subscription));
    peer.commit(topic, "p", 1);
    CHECK(peer.take(subscription, 1) == "2:2");
    CHECK(peer.is_silent(subscription));
    peer.commit(topic, "p", 3);
    CHECK(peer.take(subscription, 2) == "3:3 4:4");
    CHECK(peer.is_silent(subscription));
}

TEST_CASE_METHOD(NativeCredit, "native credit: committing the same again gives nothing twice") {
    const std::uint32_t subscription = subscribe_committing(1);
    CHECK(peer.take(subscription, 1) == "0:0");
    peer.commit(topic, "p", 1);
    CHECK(peer.take(subscription, 1) == "1:1");
    peer.commit(topic, "p", 1);
    peer.commit(topic, "p", 0);
    CHECK(peer.is_silent(subscription));
}

TEST_CASE_METHOD(NativeCredit, "native credit: commits of other positions and other subscriptions give nothing") {
    const std::uint32_t committing = subscribe_committing(1);
    const std::uint32_t other = subscribe(1);
    CHECK(peer.take(committing, 1) == "0:0");
    CHECK(peer.take(other, 1) == "0:0");
    peer.commit(topic, "q", 1);
    CHECK(peer.is_silent(committing));
    peer.commit(topic, "p", 1);
    CHECK(peer.is_silent(other));
    CHECK(peer.take(committing, 1) == "1:1");
}

}  // namespace
}  // namespace leveret::test
