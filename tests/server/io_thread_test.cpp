#include "server/io_thread.hpp"

#include <ctime>
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
        timespec time{};
        if (pthread_getcpuclockid(thread_.native_handle(), &clock) != 0 || clock_gettime(clock, &time) != 0) {
            return {};
        }
        return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    }
    /// Whether it ever does nothing at all for 50 ms.
    [[nodiscard]] bool comes_to_rest(int attempts = 100) {
        for (int attempt = 0; attempt < attempts; ++attempt) {
            const auto before = processor_time();
            std::this_thread::sleep_for(50ms);
            if (processor_time() == before) {
                return true;
            }
        }
        return false;
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
    CHECK(thread.comes_to_rest());
    thread.do_something();
}

TEST_CASE("io thread: looks for more to do before it sleeps") {
    RunningThread thread(1h);
    thread.do_something();
    CHECK_FALSE(thread.comes_to_rest(3));
    thread.do_something();
}
