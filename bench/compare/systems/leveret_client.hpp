// What the systems that drive Leveret by way of its client library share.
#pragma once

#include <exception>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

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

/// One connection with a publisher for each topic. The library writes while poll() runs: as soon as something is
/// queued, and meanwhile the next is gathered.
class ClientPublishers {
  public:
    ClientPublishers(std::uint16_t port, const std::vector<std::string>& topics)
        : client_(loop_.context().get_executor()) {
        loop_.run(connect(port, topics));
    }

    /// `send(publisher)`, when the library has room for it.
    template <class Send>
    void send(std::uint32_t topic, Send send) {
        std::error_code error = send(publishers_[topic]);
        while (error == Error::publish_queue_full) {
            loop_.context().run_one();
            error = send(publishers_[topic]);
        }
        if (error) {
            throw std::runtime_error("leveret: " + error.message());
        }
        if (++since_poll_ == poll_interval_messages) {
            since_poll_ = 0;
            poll();
        }
    }
    void poll() { loop_.context().poll(); }
    /// Only what is due first: the write, where something was sent. poll() would look for more, which is a system call.
    void push() { loop_.context().poll_one(); }
    void wait() { loop_.context().run_one(); }
    /// Everything has been written, and read by the server: it answers what comes behind it.
    void flush() { loop_.run(flush_all()); }

  private:
    static constexpr std::uint32_t poll_interval_messages = 256;

    asio::awaitable<void> connect(std::uint16_t port, std::vector<std::string> topics) {
        const ClientOptions options = client_options(port);
        check(co_await client_.connect(options));
        for (const std::string& topic : topics) {
            auto publisher = co_await client_.publisher(topic);
            check(publisher);
            publishers_.push_back(*std::move(publisher));
        }
    }
    asio::awaitable<void> flush_all() {
        for (leveret::Publisher& publisher : publishers_) {
            check(co_await publisher.flush());
        }
        check(co_await client_.ping());
    }

    Loop loop_;
    Client client_;
    std::vector<leveret::Publisher> publishers_;  // by topic
    std::uint32_t since_poll_ = 0;
};

/// The program beside this one.
[[nodiscard]] inline std::string leveret_server_program() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "leveret-server";
}

/// From the earliest record on, or from the latest where the work says so. See systems/leveret.cpp.
[[nodiscard]] std::unique_ptr<Subscriber> make_native_subscriber(std::uint16_t port, const Work& work,
                                                                 std::span<Sink> sinks);

}  // namespace leveret::compare
