#include <algorithm>
#include <stdexcept>

#include "systems/mosquitto.hpp"

namespace leveret::compare {
namespace {

using namespace std::string_view_literals;

enum class MqttPacket : std::uint8_t {
    connect = 0x10,
    connected = 0x20,
    publish = 0x30,
    subscribe = 0x82,
    subscribed = 0x90
};

/// The "remaining length" that every packet starts with, behind its first byte.
struct MqttLength {
    std::size_t value = 0;
    std::size_t packet_header_bytes = 0;  ///< the first byte and the length; 0 where not all of it has come

    [[nodiscard]] static MqttLength in(Bytes packet) noexcept {
        MqttLength length;
        for (std::size_t i = 1; i < packet.size() && i <= 4; ++i) {
            const auto byte = std::to_integer<std::size_t>(packet[i]);
            length.value |= (byte & 0x7FU) << 7 * (i - 1);
            if (byte < 0x80) {
                length.packet_header_bytes = i + 1;
                break;
            }
        }
        return length;
    }
};

class MqttProtocol final : public RawProtocol {
  public:
    explicit MqttProtocol(const Work& work) {
        for (const std::string& topic : work.topics) {
            const std::string name = string_of(topic);
            heads_.push_back(start_of(MqttPacket::publish, name.size() + work.payload_bytes) + name);
        }
        std::string body("\0\1"sv);  // the packet's number
        for (const std::string& topic : work.topics) {
            body += string_of(topic) + '\0';  // quality of service
        }
        subscribe_ = start_of(MqttPacket::subscribe, body.size()) + body;
    }

    void greet_publisher(Socket& socket) override {
        // The protocol's name and version, clean session, no keep-alive, no name of ours.
        constexpr std::string_view body = "\0\4MQTT\4\2\0\0\0\0"sv;
        socket.write(start_of(MqttPacket::connect, body.size()) + std::string(body));
        expect(socket, MqttPacket::connected);
    }
    void greet_subscriber(Socket& socket) override {
        greet_publisher(socket);
        socket.write(subscribe_);
        expect(socket, MqttPacket::subscribed);
    }

    void append(std::vector<std::byte>& out, std::span<const RawMessage> messages) override {
        for (const RawMessage& message : messages) {
            for (const Bytes part : {as_bytes(heads_[message.topic]), message.payload}) {
                out.insert(out.end(), part.begin(), part.end());
            }
        }
    }

    std::size_t take(Bytes received, Sink& sink, Socket& /*socket*/) override {
        for (Bytes left = received;;) {
            const MqttLength length = MqttLength::in(left);
            if (length.packet_header_bytes == 0 || left.size() - length.packet_header_bytes < length.value) {
                return received.size() - left.size();
            }
            const Bytes body = left.subspan(length.packet_header_bytes, length.value);
            if (MqttPacket{std::to_integer<std::uint8_t>(left.front())} != MqttPacket::publish) {
                throw std::runtime_error("mosquitto: an unexpected packet");
            }
            sink.take(body.subspan(2 + (std::to_integer<std::size_t>(body[0]) << 8U) +
                                   std::to_integer<std::size_t>(body[1])));  // behind the topic's length and name
            left = left.subspan(length.packet_header_bytes + length.value);
        }
    }

  private:
    static std::string start_of(MqttPacket type, std::size_t length) {
        std::string start(1, static_cast<char>(type));
        for (; length >= 0x80; length >>= 7U) {
            start += static_cast<char>(length | 0x80U);
        }
        return start + static_cast<char>(length);
    }
    static std::string string_of(std::string_view text) {
        std::string string{static_cast<char>(text.size() >> 8U), static_cast<char>(text.size())};
        return string.append(text);
    }

    /// Reads one packet, which has to be an answer of this type that grants everything.
    static void expect(Socket& socket, MqttPacket type) {
        std::vector<std::byte> packet = socket.read_exactly(2);
        while (MqttLength::in(packet).packet_header_bytes == 0) {
            packet.push_back(socket.read_exactly(1).front());
        }
        const std::vector<std::byte> body = socket.read_exactly(MqttLength::in(packet).value);
        // Two bytes of flags and a code, or of the packet's number and a code per topic.
        const auto codes = std::span(body).subspan(type == MqttPacket::connected ? 1 : 2);
        if (packet.front() != std::byte{static_cast<std::uint8_t>(type)} ||
            std::ranges::count(codes, std::byte{0}) != std::ssize(codes)) {
            throw std::runtime_error("mosquitto: the server refused it");
        }
    }

    std::vector<std::string> heads_;  // of a Publish, by topic
    std::string subscribe_;
};

}  // namespace

std::unique_ptr<RawProtocol> make_mqtt_protocol(const Work& work) {
    return std::make_unique<MqttProtocol>(work);
}

}  // namespace leveret::compare
