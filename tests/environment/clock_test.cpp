#include "environment/clock.hpp"

#include <memory>
#include <string>

#include <asio/io_context.hpp>
#include <catch2/catch.hpp>

using namespace leveret;
using namespace std::chrono_literals;

namespace {

struct Alarms {
    asio::io_context io;
    ManualClock clock;
    std::unique_ptr<Timer> first = clock.make_timer(io.get_executor());
    std::unique_ptr<Timer> second = clock.make_timer(io.get_executor());
    std::string rung;

    void set(Timer& timer, std::chrono::microseconds delay, char name) {
        timer.set_after(delay, [this, name] { rung += name; });
    }
    std::string after_advancing(std::chrono::microseconds by) {
        clock.advance(by);
        io.restart();
        io.poll();
        return rung;
    }
};

}  // namespace

TEST_CASE("ManualClock: stands still until it is advanced, then moves both clocks") {
    ManualClock clock(Timestamp(5s));
    const SteadyTime steady = clock.steady_now();
    CHECK(clock.wall_now() == Timestamp(5s));
    clock.advance(3s);
    CHECK(clock.wall_now() == Timestamp(8s));
    CHECK(clock.steady_now() - steady == 3s);
}

TEST_CASE("ManualClock: setting the wall clock back leaves the steady one alone") {
    ManualClock clock;
    const SteadyTime steady = clock.steady_now();
    clock.set_wall(Timestamp(1s));
    CHECK(clock.wall_now() == Timestamp(1s));
    CHECK(clock.steady_now() == steady);
}

TEST_CASE_METHOD(Alarms, "ManualClock: alarms go off in the order of their times, not of their setting") {
    set(*first, 20ms, 'b');
    set(*second, 10ms, 'a');
    CHECK(after_advancing(20ms) == "ab");
}

TEST_CASE_METHOD(Alarms, "ManualClock: alarms of one time go off in the order of their setting") {
    set(*second, 10ms, 'a');
    set(*first, 10ms, 'b');
    CHECK(after_advancing(10ms) == "ab");
}

TEST_CASE_METHOD(Alarms, "ManualClock: an alarm waits for its time and goes off once") {
    set(*first, 10ms, 'a');
    CHECK(after_advancing(10ms - 1us).empty());
    CHECK(after_advancing(1us) == "a");
    CHECK(after_advancing(1h) == "a");
}

TEST_CASE_METHOD(Alarms, "ManualClock: setting again replaces the alarm, cancelling and destroying take it back") {
    set(*first, 10ms, 'a');
    set(*first, 30ms, 'b');
    set(*second, 10ms, 'c');
    SECTION("cancel") {
        second->cancel();
    }
    SECTION("destroy") {
        second.reset();
    }
    CHECK(after_advancing(10ms).empty());
    CHECK(after_advancing(20ms) == "b");
}

TEST_CASE_METHOD(Alarms, "ManualClock: a delay of zero or less is due at once, yet not within set_after") {
    set(*first, -5s, 'a');
    CHECK(rung.empty());
    CHECK(after_advancing(0s) == "a");
}

TEST_CASE_METHOD(Alarms, "ManualClock: the longest delay there is does not overflow") {
    set(*first, std::chrono::microseconds::max(), 'a');
    CHECK(after_advancing(1h).empty());
}

TEST_CASE("System clock: a timer calls back on its executor, and not when cancelled") {
    asio::io_context io;
    const auto kept = system_clock().make_timer(io.get_executor());
    const auto cancelled = system_clock().make_timer(io.get_executor());
    std::string rung;
    kept->set_after(0us, [&] { rung += 'k'; });
    cancelled->set_after(std::chrono::microseconds::max(), [&] { rung += 'c'; });
    cancelled->cancel();
    CHECK(rung.empty());
    io.run();
    CHECK(rung == "k");
}

TEST_CASE("System clock: its steady time does not go back") {
    const SteadyTime before = system_clock().steady_now();
    CHECK(system_clock().steady_now() >= before);
}
