#include "environment/notifier.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <catch2/catch.hpp>

using namespace leveret;

namespace {

struct Doorbell {
    asio::io_context io;
    Notifier notifier{io.get_executor()};
    asio::cancellation_signal cancel;
    int returned = 0;
    int cancelled = 0;

    void wait() {
        asio::co_spawn(io, notifier.wait(), asio::bind_cancellation_slot(cancel.slot(), [this](std::exception_ptr e) {
                           e ? ++cancelled : ++returned;
                       }));
        run();
    }
    void run() {
        io.restart();
        io.poll();
    }
    void ring() {
        notifier.notify();
        run();
    }
};

}  // namespace

TEST_CASE_METHOD(Doorbell, "Notifier: a wait returns at the next ring, not before") {
    wait();
    CHECK(returned == 0);
    ring();
    CHECK(returned == 1);
}

TEST_CASE_METHOD(Doorbell, "Notifier: a ring before the wait is remembered, several are one") {
    ring();
    ring();
    wait();
    CHECK(returned == 1);
    wait();
    CHECK(returned == 1);
}

TEST_CASE_METHOD(Doorbell, "Notifier: a cancelled wait ends, and the next one works") {
    wait();
    cancel.emit(asio::cancellation_type::all);
    run();
    CHECK(cancelled == 1);
    ring();
    wait();
    CHECK(returned == 1);
}

TEST_CASE_METHOD(Doorbell, "Notifier: a ring at the moment of the cancellation is kept for the next wait") {
    wait();
    notifier.notify();
    cancel.emit(asio::cancellation_type::all);
    run();
    CHECK(cancelled == 1);
    wait();
    CHECK(returned == 1);
}
