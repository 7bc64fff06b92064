// The broker as a library: construct, start, stop.
//
//   leveret::Broker broker({.port = 0});
//   if (const auto error = broker.start()) { … }
//   std::printf("listening on %u\n", broker.port());
//   broker.stop();
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <system_error>

#include <asio/io_context.hpp>

#include "environment/clock.hpp"
#include "environment/counters.hpp"
#include "environment/limits.hpp"
#include "environment/random.hpp"
#include "server/storage.hpp"
#include "server/transport.hpp"
#include "subscription_manager/subscription_manager.hpp"

namespace leveret {

struct BrokerOptions {
    std::string host = "127.0.0.1";  ///< an address of this machine; a name is looked up, an empty one is refused
    std::uint16_t port = 8889;       ///< 0: any free one, see Broker::port()
    unsigned threads = 0;            ///< 0: one less than the processors that this process may use, at least 1
    /// How long an io thread, where it is the only one, looks for more to do before it sleeps. 0: not at all
    std::chrono::microseconds busy_poll{50};
    Limits limits{};
    Permissions permissions{};
    StorageOptions storage{};
    TopicDefaults topic_defaults{};
    Clock* clock = nullptr;    ///< null: system_clock(). Outlives the broker
    Random* random = nullptr;  ///< null: seeded by the operating system. Outlives the broker
    asio::io_context* context =
        nullptr;  ///< null: threads of its own. Else the caller runs it, and outlives the broker
};

/// Starts once and stops once; make another to start again. Several may live in one process: they share nothing.
class Broker {
  public:
    explicit Broker(BrokerOptions options);
    /// Stops if that has not been done. With a context of the caller's: call stop() and run it until it is out of work
    /// before.
    ~Broker();
    Broker(const Broker&) = delete;
    Broker& operator=(const Broker&) = delete;

    /// Opens the data directory, brings its topics back, listens and starts the threads. Errors: those of
    /// Storage::open() and the system's, as for a port that is in use or not ours to open.
    [[nodiscard]] std::error_code start();
    /// The same without listening; connections come through attach() alone.
    [[nodiscard]] std::error_code start_without_listening();
    /// One line for people about the error that the start answered: what failed and what would be right. Empty without
    /// an error.
    [[nodiscard]] const std::string& start_failure() const noexcept;
    /// The port that is listened on.
    [[nodiscard]] std::uint16_t port() const noexcept;
    /// Takes over a connection that was made otherwise. `strand` is where its transport lives.
    void attach(std::unique_ptr<Transport> transport, asio::any_io_executor strand);

    /// Stops accepting, lets every connection write what is due, closes them; after drain_timeout whatever is left.
    /// Returns when that has been done and the threads have ended; with a context of the caller's returns at once.
    /// Not from a thread of the broker's own.
    void stop();
    [[nodiscard]] bool is_stopped() const noexcept;

    [[nodiscard]] const Limits& limits() const noexcept;
    [[nodiscard]] const Counters& counters() const noexcept;
    [[nodiscard]] std::uint64_t memory_used_bytes() const noexcept;
    /// Until stop().
    [[nodiscard]] TopicRegistry& registry() noexcept;
    [[nodiscard]] unsigned threads() const noexcept;

  private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace leveret
