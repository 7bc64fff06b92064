#include "server/io_thread.hpp"

#include <ctime>
#include <functional>
#include <future>
#include <optional>
#include <thread>

#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <catch2/catch.hpp>
#include <pthread.h>

using namespace leveret;
using namespace std::chrono_literals;

namespace {

std::chrono::nanoseconds time_of(clockid_t clock) {
    timespec time{};
    REQUIRE(clock_gettime(clock, &time) == 0);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// Looks again and again, but not for ever, and says whether it came to be so.
bool comes_true(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
    }
    return true;
}

/// A thread that runs a context, and how much of a processor it has used.
class RunningThread {
  public:
    explicit RunningThread(std::chrono::microseconds busy_poll)
        : thread_([this, busy_poll] { run_io_thread(context_, busy_poll); }) {}
    ~RunningThread() {
        work_.reset();
        thread_.join();
    }
    RunningThread(const RunningThread&) = delete;
    RunningThread& operator=(const RunningThread&) = delete;

    void do_something() {
        std::promise<void> done;
        asio::post(context_, [&] { done.set_value(); });
        done.get_future().wait();
    }
    [[nodiscard]] std::chrono::nanoseconds processor_time() {
        clockid_t clock{};
        REQUIRE(pthread_getcpuclockid(thread_.native_handle(), &clock) == 0);
        return time_of(clock);
    }

  private:
    asio::io_context context_{1};
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_{context_.get_executor()};
    std::thread thread_;
};

}  // namespace

TEST_CASE("io thread: carries out what is posted, ends when nothing is left, and sleeps where there is nothing") {
    const auto busy_poll = GENERATE(0us, 50us, 5000us);
    RunningThread thread(busy_poll);
    thread.do_something();
    CHECK(comes_true([&] {  // it does nothing while this thread works for 20 ms
        const auto before = thread.processor_time();
        const auto begin = time_of(CLOCK_THREAD_CPUTIME_ID);
        while (time_of(CLOCK_THREAD_CPUTIME_ID) - begin < 20ms) {
        }
        return thread.processor_time() == before;
    }));
    thread.do_something();
}

TEST_CASE("io thread: looks for more to do before it sleeps") {
    RunningThread thread(1h);
    thread.do_something();
    const auto before = thread.processor_time();
    CHECK(comes_true([&] { return thread.processor_time() - before > 5ms; }));
    thread.do_something();
}
