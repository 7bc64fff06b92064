// What the systems that drive Leveret by way of its client library share.
#pragma once

#include <exception>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include "leveret/client.hpp"
#include "system.hpp"

namespace leveret::compare {

/// Throws where an Outcome has no value.
void check(const auto& outcome) {
    if (!outcome) {
        throw std::runtime_error("leveret: " + outcome.error().text);
    }
}

/// Runs coroutines of the client on this thread.
class Loop {
  public:
    void run(asio::awaitable<void> task) {
        bool is_done = false;
        std::exception_ptr thrown;
        asio::co_spawn(context_, std::move(task), [&](std::exception_ptr error) {
            is_done = true;
            thrown = std::move(error);
        });
        while (!is_done) {
            context_.run_one();
        }
        if (thrown) {
            std::rethrow_exception(thrown);
        }
    }
    [[nodiscard]] asio::io_context& context() { return context_; }

  private:
    asio::io_context context_{1};
};

[[nodiscard]] inline ClientOptions client_options(std::uint16_t port) {
    ClientOptions options;
    options.port = port;
    options.name = "compare";
    options.reconnect = false;
    return options;
}

/// The program beside this one.
[[nodiscard]] inline std::string leveret_server_program() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "leveret-server";
}

/// From the earliest record on, or from the latest where the work says so. See systems/leveret.cpp.
[[nodiscard]] std::unique_ptr<Subscriber> make_native_subscriber(std::uint16_t port, const Work& work,
                                                                 std::span<Sink> sinks);

}  // namespace leveret::compare
