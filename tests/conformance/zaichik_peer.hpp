// A client of the zaichik dialect made of nothing but a socket and the codec.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/wire_socket.hpp"
#include "protocol/zaichik.hpp"

namespace leveret::test {

class ZaichikPeer {
  public:
    explicit ZaichikPeer(std::uint16_t port) : socket_(port) {}

    void send(const zaichik::Frame& frame) {
        std::vector<std::byte> bytes;
        zaichik::encode(frame, bytes);
        socket_.send(bytes);
    }
    void send_bytes(Bytes bytes) { socket_.send(bytes); }

    void create_topic(std::string_view topic, std::uint64_t ttl_ms = 0, std::uint64_t window_ms = 0) {
        send(zaichik::CreateTopic{topic, ttl_ms, window_ms});
    }
    void publish(std::string_view topic, std::string_view payload) {
        send(zaichik::Publish{topic, std::nullopt, as_bytes(payload)});
    }
    void publish(std::string_view topic, std::string_view key, std::string_view payload) {
        send(zaichik::Publish{topic, key, as_bytes(payload)});
    }
    void subscribe(std::string_view topic) { send(zaichik::Subscribe{topic}); }
    void unsubscribe(std::string_view topic) { send(zaichik::Unsubscribe{topic}); }
    void commit() { send(zaichik::Commit{}); }
    void close() { send(zaichik::CloseConnection{}); }

    /// The next Publish frame as "topic/key/payload", the key of a keyless one as "-"; "end" where the stream ends.
    [[nodiscard]] std::string next();
    /// The next one, and permission for one more.
    [[nodiscard]] std::string next_and_commit() {
        std::string message = next();
        commit();
        return message;
    }
    /// `count` messages, each followed by a space.
    [[nodiscard]] std::string take(int count) {
        std::string all;
        for (int i = 0; i < count; ++i) {
            all += next_and_commit() + " ";
        }
        return all;
    }
    /// The server has closed, and sent nothing that was not read before.
    [[nodiscard]] bool is_closed() { return next() == "end"; }

    WireSocket& socket() { return socket_; }

  private:
    WireSocket socket_;
    std::vector<std::byte> received_;
};

}  // namespace leveret::test
