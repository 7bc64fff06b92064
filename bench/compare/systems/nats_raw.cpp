#include <cstring>
#include <stdexcept>

#include <fmt/core.h>

#include "systems/nats.hpp"

namespace leveret::compare {
namespace {

constexpr std::string_view line_end = "\r\n";

class NatsProtocol final : public RawProtocol {
  public:
    explicit NatsProtocol(const Work& work) {
        for (std::size_t i = 0; i < work.topics.size(); ++i) {
            heads_.push_back(fmt::format("PUB {} {}\r\n", work.topics[i], work.payload_bytes));
            subscribe_ += fmt::format("SUB {} {}\r\n", work.topics[i], i + 1);
        }
    }

    void greet_publisher(Socket& socket) override { greet(socket, {}); }
    void greet_subscriber(Socket& socket) override { greet(socket, subscribe_); }

    void append(std::vector<std::byte>& out, std::span<const RawMessage> messages) override {
        for (const RawMessage& message : messages) {
            for (const Bytes part : {as_bytes(heads_[message.topic]), message.payload, as_bytes(line_end)}) {
                out.insert(out.end(), part.begin(), part.end());
            }
        }
    }

    std::size_t take(Bytes received, Sink& sink, Socket& socket) override {
        for (Bytes left = received;;) {
            const void* const found = left.empty() ? nullptr : std::memchr(left.data(), '\r', left.size());
            const auto line = static_cast<std::size_t>(static_cast<const std::byte*>(found) - left.data());
            if (found == nullptr || left.size() < line + line_end.size()) {
                return received.size() - left.size();
            }
            std::size_t taken = line + line_end.size();
            if (left.front() == std::byte{'M'}) {  // "MSG topic number payload-bytes"
                const std::size_t payload_bytes = number_at_the_end_of(as_text(left.first(line)));
                if (left.size() < taken + payload_bytes + line_end.size()) {
                    return received.size() - left.size();
                }
                sink.take(left.subspan(taken, payload_bytes));
                taken += payload_bytes + line_end.size();
            } else {
                answer(as_text(left.first(line)), socket);
            }
            left = left.subspan(taken);
        }
    }

  private:
    static std::size_t number_at_the_end_of(std::string_view line) noexcept {
        std::size_t number = 0;
        std::size_t unit = 1;
        for (std::size_t i = line.size() - 1; i > 0 && line[i] != ' '; --i) {
            number += static_cast<std::size_t>(line[i] - '0') * unit;
            unit *= 10;
        }
        return number;
    }

    static void answer(std::string_view line, Socket& socket) {
        if (line.starts_with("PING")) {
            socket.write("PONG\r\n");
        } else if (line.starts_with("-ERR")) {
            throw std::runtime_error(fmt::format("nats: {}", line));
        }
    }

    /// The server answers a Ping after it has carried out what came before.
    static void greet(Socket& socket, const std::string& subscribe) {
        socket.write("CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c++\",\"version\":\"1\"}\r\n" +
                     subscribe + "PING\r\n");
        for (std::string line; line != "PONG\r\n";) {
            line = socket.read_line();
            answer(line, socket);
        }
    }

    std::vector<std::string> heads_;  // of a message, by topic
    std::string subscribe_;
};

}  // namespace

std::unique_ptr<RawProtocol> make_nats_protocol(const Work& work) {
    return std::make_unique<NatsProtocol>(work);
}

}  // namespace leveret::compare
