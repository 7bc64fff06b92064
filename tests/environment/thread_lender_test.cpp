#include "environment/thread_lender.hpp"

#include <thread>

#include <catch2/catch.hpp>

using namespace leveret;
using namespace std::chrono_literals;

namespace {

using Use = ThreadLender::Use;

struct Lending {
    ManualClock clock;
    ThreadLender lender{clock};

    bool lends_to(std::uint64_t connection) {
        const ThreadLender::Scope scope(lender, connection);
        return ThreadLender::borrow(Use::wait).has_value();
    }
    void be_alone(std::uint64_t connection) {
        CHECK_FALSE(lends_to(connection));
        clock.advance(ThreadLender::alone_for);
    }
};

}  // namespace

TEST_CASE_METHOD(Lending, "thread lender: a connection that has been alone for a while gets the thread, nobody else") {
    CHECK_FALSE(lends_to(1));
    clock.advance(ThreadLender::alone_for - 1us);
    CHECK_FALSE(lends_to(1));
    clock.advance(1us);
    CHECK(lends_to(1));
    CHECK(lends_to(1));
    CHECK_FALSE(lends_to(2));
    CHECK_FALSE(lends_to(1));
    clock.advance(ThreadLender::alone_for);
    CHECK(lends_to(1));
}

TEST_CASE_METHOD(Lending, "thread lender: for something brief a thread is lent although others are active") {
    for (const std::uint64_t connection : {1U, 2U, 1U}) {
        const ThreadLender::Scope scope(lender, connection);
        CHECK(ThreadLender::borrow(Use::brief));
        CHECK_FALSE(ThreadLender::borrow(Use::brief));
    }
    {
        const ThreadLender::Scope scope(lender, 1);
        const auto loan = ThreadLender::borrow(Use::brief);
        clock.advance(ThreadLender::long_loan + 1us);
    }
    const ThreadLender::Scope scope(lender, 1);
    CHECK_FALSE(ThreadLender::borrow(Use::brief));
}

TEST_CASE_METHOD(Lending, "thread lender: a thread is lent only in its own scope") {
    be_alone(1);
    CHECK_FALSE(ThreadLender::borrow(Use::wait));
    const ThreadLender::Scope scope(lender, 1);
    bool lends_elsewhere = true;
    std::thread([&] { lends_elsewhere = ThreadLender::borrow(Use::wait).has_value(); }).join();
    CHECK_FALSE(lends_elsewhere);
    CHECK(ThreadLender::borrow(Use::wait));
}

TEST_CASE_METHOD(Lending, "thread lender: there is one loan in a scope, and one thread that is lent at a time") {
    be_alone(1);
    const ThreadLender::Scope scope(lender, 1);
    {
        const auto loan = ThreadLender::borrow(Use::wait);
        CHECK(loan);
        CHECK_FALSE(ThreadLender::borrow(Use::wait));
        bool lends_another = true;
        std::thread([&] { lends_another = lends_to(1); }).join();
        CHECK_FALSE(lends_another);
    }
    CHECK_FALSE(ThreadLender::borrow(Use::wait));
    bool lends_another = false;
    std::thread([&] { lends_another = lends_to(1); }).join();
    CHECK(lends_another);
}

TEST_CASE_METHOD(Lending, "thread lender: after a long loan there is none for a while") {
    be_alone(1);
    const auto borrow_for = [&](std::chrono::microseconds time) {
        const ThreadLender::Scope scope(lender, 1);
        const auto loan = ThreadLender::borrow(Use::wait);
        REQUIRE(loan);
        clock.advance(time);
    };
    borrow_for(ThreadLender::long_loan);
    CHECK(lends_to(1));
    borrow_for(ThreadLender::long_loan + 1us);
    CHECK_FALSE(lends_to(1));
    clock.advance(ThreadLender::rest_per_loan * (ThreadLender::long_loan + 1us));
    CHECK(lends_to(1));
}
