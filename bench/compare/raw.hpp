// Clients without a library: prebuilt bytes out, messages picked out of what comes in. One publisher, one subscriber
// and one crowd of idle connections serve every protocol.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "socket.hpp"
#include "system.hpp"

namespace leveret::compare {

struct RawMessage {
    std::uint32_t topic = 0;  ///< its number in Work::topics
    Bytes payload;
};

/// One connection's bytes. Knows the work's topics and payload size from its construction.
class RawProtocol {
  public:
    virtual ~RawProtocol() = default;
    /// Says hello on a connection that will publish; waits for the answer where there is one. From then on the server
    /// answers nothing.
    virtual void greet_publisher(Socket& socket) = 0;
    /// Says hello and subscribes to all topics; waits until the server has confirmed it.
    virtual void greet_subscriber(Socket& socket) = 0;
    /// Appends what publishes these messages.
    virtual void append(std::vector<std::byte>& out, std::span<const RawMessage> messages) = 0;
    /// Hands the whole messages at the front of `received` to `sink`; returns how many bytes that was. `socket` is
    /// there for protocols whose subscribers have to answer.
    [[nodiscard]] virtual std::size_t take(Bytes received, Sink& sink, Socket& socket) = 0;
};

/// After how many messages of a topic a raw publisher starts again with its first: see Sink.
[[nodiscard]] std::uint32_t raw_sequence_period(const Work& work);
[[nodiscard]] std::unique_ptr<Publisher> make_raw_publisher(const System& system, std::uint16_t port, const Work& work);
[[nodiscard]] std::unique_ptr<Subscriber> make_raw_subscriber(const System& system, std::uint16_t port,
                                                              const Work& work, std::span<Sink> sinks);

/// Connections that have subscribed and do nothing.
class IdleConnections {
  public:
    IdleConnections(const System& system, std::uint16_t port, const Work& work, std::size_t count);

  private:
    std::vector<Socket> sockets_;
};

}  // namespace leveret::compare
