// A whole broker on a free port of this machine.
#pragma once

#include <chrono>
#include <functional>
#include <stdexcept>
#include <thread>

#include "server/broker.hpp"

namespace leveret::test {

/// Waits for something that has to come. Not for a time to pass: it fails only where the thing does not come at all.
inline void wait_until(const std::function<bool()>& holds) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!holds()) {
        if (std::chrono::steady_clock::now() > give_up) {
            throw std::runtime_error("what was waited for did not happen within a minute");
        }
        std::this_thread::yield();
    }
}

/// Started when it is made; two threads, so that what may happen at the same moment does.
class RunningBroker {
  public:
    RunningBroker() : RunningBroker(BrokerOptions{}) {}
    explicit RunningBroker(const Limits& limits) : RunningBroker(with_limits(limits)) {}
    explicit RunningBroker(BrokerOptions options) : broker_(on_any_port(std::move(options))) {
        if (const auto error = broker_.start()) {
            throw std::system_error(error);
        }
    }

    [[nodiscard]] std::uint16_t port() const noexcept { return broker_.port(); }
    [[nodiscard]] const Counters& counters() const noexcept { return broker_.counters(); }
    [[nodiscard]] TopicRegistry& registry() noexcept { return broker_.registry(); }
    [[nodiscard]] std::uint64_t memory_used_bytes() const noexcept { return broker_.memory_used_bytes(); }
    void stop() { broker_.stop(); }
    [[nodiscard]] bool is_stopped() const noexcept { return broker_.is_stopped(); }

    /// Until `counter` has come to `value`: for what one connection does and another one relies on.
    void wait_for(const Counter Counters::*counter, std::uint64_t value) const {
        wait_until([&] { return (counters().*counter).value() >= value; });
    }
    /// Until no connection is open.
    void wait_for_no_connection() const {
        wait_until([this] { return counters().connections.value() == 0; });
    }

  private:
    static BrokerOptions with_limits(const Limits& limits) {
        BrokerOptions options;
        options.limits = limits;
        return options;
    }
    static BrokerOptions on_any_port(BrokerOptions options) {
        options.port = 0;
        options.threads = 2;
        return options;
    }

    Broker broker_;
};

}  // namespace leveret::test
