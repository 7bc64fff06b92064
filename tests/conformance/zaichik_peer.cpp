#include "conformance/zaichik_peer.hpp"

#include <stdexcept>

namespace leveret::test {

std::string ZaichikPeer::next() {
    constexpr std::size_t frame_bytes_max = 64U << 20U;
    for (;;) {
        const auto decoded = zaichik::decode(received_, frame_bytes_max);
        if (!decoded) {
            throw std::runtime_error("the server sent bytes that are no frame");
        }
        if (decoded->has_value()) {
            const auto& publish = std::get<zaichik::Publish>((*decoded)->frame);  // nothing else is ever sent
            std::string message = std::string(publish.topic) + "/" + std::string(publish.key.value_or("-")) + "/" +
                                  std::string(as_text(publish.payload));
            received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>((*decoded)->bytes));
            return message;
        }
        if (!socket_.receive(received_)) {
            if (!received_.empty()) {
                throw std::runtime_error("the stream ended in the middle of a frame");
            }
            return "end";
        }
    }
}

}  // namespace leveret::test
