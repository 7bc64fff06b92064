// The threads of a benchmark.
#pragma once

#include <future>
#include <memory>
#include <thread>
#include <vector>

#include <asio/any_io_executor.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

namespace leveret::cli {

/// Threads that run an io_context each, so that nothing in them is locked.
class Workers {
  public:
    explicit Workers(std::size_t threads) {
        for (std::size_t i = 0; i < threads; ++i) {
            workers_.push_back(std::make_unique<Worker>());
        }
    }
    ~Workers() { stop(); }
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    /// Those of the same number of threads apart share one.
    [[nodiscard]] asio::any_io_executor executor(std::size_t index) {
        return workers_[index % workers_.size()]->context.get_executor();
    }
    /// Ends all threads where they are. What still waits there is destroyed with this object.
    void stop() {
        for (const auto& worker : workers_) {
            worker->context.stop();
        }
        for (const auto& worker : workers_) {
            if (worker->thread.joinable()) {
                worker->thread.join();
            }
        }
    }

  private:
    struct Worker {
        asio::io_context context{1};
        asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
        std::thread thread{[this] { context.run(); }};
    };
    std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace leveret::cli
