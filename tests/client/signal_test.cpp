// Waiting and waking.
#include "signal.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/post.hpp>

#include "fake_server.hpp"

using namespace leveret;
using client_side::Signal;
using client_side::Wakeups;

namespace {

struct SignalFixture {
    /// Starts a coroutine that waits and then notes its number.
    void wait(int number, asio::cancellation_slot slot = {}) {
        asio::co_spawn(io, wait_and_note(*this, number),
                       asio::bind_cancellation_slot(slot, [this, number](const std::exception_ptr& exception) {
                           if (exception) {
                               woken.push_back(-number);
                           }
                       }));
        io.poll();
        io.restart();
    }
    static asio::awaitable<void> wait_and_note(SignalFixture& fixture, int number) {
        co_await fixture.signal.wait();
        fixture.woken.push_back(number);
    }
    void poll() {
        io.poll();
        io.restart();
    }

    asio::io_context io;
    std::shared_ptr<Wakeups> wakeups = std::make_shared<Wakeups>(io.get_executor());
    Signal signal{io.get_executor(), wakeups};
    std::vector<int> woken;
};

}  // namespace

TEST_CASE("Signal: a ring wakes all that wait, in their order, and not within the call") {
    SignalFixture fixture;
    fixture.wait(1);
    fixture.wait(2);
    fixture.signal.ring();
    REQUIRE(fixture.woken.empty());
    fixture.poll();
    REQUIRE(fixture.woken == std::vector<int>{1, 2});
}

TEST_CASE("Signal: a ring that nobody waits for is not remembered") {
    SignalFixture fixture;
    fixture.signal.ring();
    fixture.wait(1);
    fixture.poll();
    REQUIRE(fixture.woken.empty());
}

TEST_CASE("Signal: a wait that is cancelled ends alone") {
    SignalFixture fixture;
    asio::cancellation_signal cancel;
    fixture.wait(1, cancel.slot());
    fixture.wait(2);
    cancel.emit(asio::cancellation_type::terminal);
    fixture.poll();
    REQUIRE(fixture.woken == std::vector<int>{-1});
    fixture.signal.ring();
    fixture.poll();
    REQUIRE(fixture.woken == std::vector<int>{-1, 2});
}

TEST_CASE("Wakeups: what is collected runs in run(), and what that wakes too") {
    SignalFixture fixture;
    fixture.wait(1);
    fixture.wakeups->begin_collecting();
    fixture.wakeups->call([&] { fixture.signal.ring(); });
    REQUIRE(fixture.woken.empty());
    asio::post(fixture.io, [&] { fixture.wakeups->run(); });
    REQUIRE(fixture.io.run_one() == 1);
    REQUIRE(fixture.woken == std::vector<int>{1});
}

TEST_CASE_METHOD(SignalFixture, "Wakeups: what a callback throws comes out of the executor, and the others run") {
    bool other_ran = false;
    wakeups->begin_collecting();
    wakeups->call([] { throw std::logic_error("of a user"); });
    wakeups->call([&] { other_ran = true; });
    wakeups->run();
    CHECK(other_ran);
    CHECK_THROWS_AS(io.run(), std::logic_error);
}
