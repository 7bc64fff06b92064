// The zaichik dialect's one record outstanding. That nothing comes is seen by closing: the next thing is then the end.
#include <catch2/catch.hpp>

#include "conformance/running_broker.hpp"
#include "conformance/zaichik_peer.hpp"

namespace leveret::test {
namespace {

struct ZaichikCredit {
    RunningBroker broker;
    ZaichikPeer peer{broker.port()};

    /// True where the server has nothing more for the peer, which is closed by this.
    bool nothing_more() {
        peer.close();
        return peer.is_closed();
    }
};

TEST_CASE_METHOD(ZaichikCredit, "zaichik credit: the first subscription allows one record, and no second") {
    peer.subscribe("a");
    peer.publish("a", "1");
    peer.publish("a", "2");
    CHECK(peer.next() == "a/-/1");
    CHECK(nothing_more());
}

TEST_CASE_METHOD(ZaichikCredit, "zaichik credit: a second subscription allows nothing more") {
    peer.subscribe("a");
    peer.subscribe("b");
    peer.publish("a", "1");
    peer.publish("a", "2");
    CHECK(peer.next() == "a/-/1");
    CHECK(nothing_more());
}

TEST_CASE_METHOD(ZaichikCredit, "zaichik credit: Commit allows the next record") {
    peer.subscribe("a");
    peer.publish("a", "1");
    peer.publish("a", "2");
    CHECK(peer.take(2) == "a/-/1 a/-/2 ");
}

TEST_CASE_METHOD(ZaichikCredit, "zaichik credit: commits do not add up") {
    peer.subscribe("a");
    peer.commit();
    peer.commit();
    peer.publish("a", "1");
    peer.publish("a", "2");
    CHECK(peer.next() == "a/-/1");
    CHECK(nothing_more());
}

TEST_CASE_METHOD(ZaichikCredit, "zaichik credit: commits without a subscription allow nothing") {
    peer.commit();
    peer.commit();
    peer.subscribe("a");
    peer.publish("a", "1");
    peer.publish("a", "2");
    CHECK(peer.next() == "a/-/1");
    CHECK(nothing_more());
}

TEST_CASE_METHOD(ZaichikCredit,
                 "zaichik credit: after the last Unsubscribe the next subscription is a first one again") {
    peer.subscribe("a");
    peer.publish("a", "1");
    CHECK(peer.next() == "a/-/1");
    peer.unsubscribe("a");
    peer.subscribe("a");
    peer.publish("a", "2");
    CHECK(peer.next() == "a/-/2");
    CHECK(nothing_more());
}

TEST_CASE_METHOD(ZaichikCredit,
                 "zaichik credit: while another subscription is left, subscribing again allows nothing") {
    peer.subscribe("a");
    peer.subscribe("b");
    peer.publish("a", "1");
    CHECK(peer.next() == "a/-/1");
    peer.unsubscribe("a");
    peer.subscribe("a");
    peer.publish("a", "2");
    CHECK(nothing_more());
}

TEST_CASE_METHOD(ZaichikCredit, "zaichik credit: Unsubscribe drops what was pending") {
    peer.subscribe("a");
    peer.subscribe("b");
    peer.publish("a", "1");
    peer.publish("a", "2");
    CHECK(peer.next() == "a/-/1");
    peer.unsubscribe("a");
    peer.commit();
    peer.publish("b", "3");
    CHECK(peer.next() == "b/-/3");
    CHECK(nothing_more());
}

TEST_CASE_METHOD(ZaichikCredit, "zaichik credit: Unsubscribe from what nobody subscribed to changes nothing") {
    peer.subscribe("a");
    peer.unsubscribe("b");
    peer.publish("a", "1");
    CHECK(peer.next() == "a/-/1");
}

TEST_CASE_METHOD(ZaichikCredit, "zaichik credit: subscribing again replaces the stream and replays what is retained") {
    peer.create_topic("a", 3'600'000);
    peer.subscribe("a");
    peer.publish("a", "1");
    peer.publish("a", "2");
    CHECK(peer.take(2) == "a/-/1 a/-/2 ");
    peer.subscribe("a");
    CHECK(peer.take(2) == "a/-/1 a/-/2 ");
    CHECK(nothing_more());
}

}  // namespace
}  // namespace leveret::test
