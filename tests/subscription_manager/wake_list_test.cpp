#include "subscription_manager/wake_list.hpp"

#include <atomic>
#include <thread>

#include <asio/io_context.hpp>
#include <catch2/catch.hpp>

using namespace leveret;

namespace {

class CountingWaiter final : public StrandWaiter {
  public:
    explicit CountingWaiter(const std::shared_ptr<WakeList>& list) : StrandWaiter(list) {}
    void resume() override { ++resumed; }
    int resumed = 0;
};

struct WakeListFixture {
    asio::io_context context;
    int works = 0;
    std::shared_ptr<WakeList> list = std::make_shared<WakeList>(context.get_executor(), [this] { ++works; });
    std::shared_ptr<CountingWaiter> waiter = std::make_shared<CountingWaiter>(list);

    ~WakeListFixture() { list->close(); }
    void run() {
        context.restart();
        context.poll();
    }
    /// What a connection does when it is asked to work; answers how many waiters there were.
    std::size_t work() {
        std::size_t resumed = 0;
        list->begin();
        do {
            for (const auto& taken : list->take()) {
                taken->resume();
                ++resumed;
            }
        } while (!list->finish());
        return resumed;
    }
};

}  // namespace

TEST_CASE("WakeList: a wake-up asks for work, later and not inline") {
    WakeListFixture fixture;
    fixture.waiter->wake();
    CHECK(fixture.works == 0);
    fixture.run();
    CHECK(fixture.works == 1);
    CHECK(fixture.work() == 1);
    CHECK(fixture.waiter->resumed == 1);
}

TEST_CASE("WakeList: many wake-ups before the work ask for it once") {
    WakeListFixture fixture;
    for (int i = 0; i < 100; ++i) {
        fixture.waiter->wake();
    }
    fixture.run();
    CHECK(fixture.works == 1);
    CHECK(fixture.work() == 100);
}

TEST_CASE("WakeList: what is pushed during work is taken by it and not posted") {
    WakeListFixture fixture;
    fixture.list->begin();
    fixture.waiter->wake();
    CHECK(fixture.list->take().size() == 1);
    fixture.waiter->wake();  // after the last look
    CHECK_FALSE(fixture.list->finish());
    CHECK(fixture.list->take().size() == 1);
    CHECK(fixture.list->finish());
    fixture.run();
    CHECK(fixture.works == 0);
}

TEST_CASE("WakeList: a wake-up after the work asks for it again") {
    WakeListFixture fixture;
    fixture.waiter->wake();
    fixture.run();
    fixture.work();
    fixture.waiter->wake();
    fixture.run();
    CHECK(fixture.works == 2);
}

TEST_CASE("WakeList: after close nothing is kept and nobody is asked") {
    WakeListFixture fixture;
    fixture.waiter->wake();
    fixture.list->close();
    fixture.waiter->wake();
    fixture.run();
    CHECK(fixture.works == 0);
    CHECK(fixture.list->take().empty());
    CHECK(fixture.waiter.use_count() == 1);
}

TEST_CASE("WakeList: a waiter that outlives its list is woken in vain") {
    WakeListFixture fixture;
    fixture.list->close();
    const auto waiter = fixture.waiter;
    fixture.list = std::make_shared<WakeList>(fixture.context.get_executor(), [] {});
    waiter->wake();
    CHECK(waiter->resumed == 0);
}

TEST_CASE("WakeList: asked for, work comes also where nothing was pushed") {
    WakeListFixture fixture;
    fixture.list->ask_for_work();
    fixture.run();
    CHECK(fixture.works == 1);
}

TEST_CASE("WakeList: no ring of another thread is lost") {
    constexpr int rings = 20'000;
    asio::io_context context;
    std::shared_ptr<WakeList> list;
    int resumed = 0;
    list = std::make_shared<WakeList>(context.get_executor(), [&] {
        list->begin();
        do {
            resumed += static_cast<int>(list->take().size());
        } while (!list->finish());
    });
    const auto waiter = std::make_shared<CountingWaiter>(list);
    auto keep_running = asio::make_work_guard(context);
    std::thread ringer([&] {
        for (int i = 0; i < rings; ++i) {
            waiter->wake();
        }
        keep_running.reset();
    });
    context.run();
    ringer.join();
    CHECK(resumed == rings);
    list->close();
}
