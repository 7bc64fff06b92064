#include "stress/tcp_client.hpp"

#include <algorithm>
#include <array>

#include <asio/write.hpp>
#include <spdlog/spdlog.h>

namespace leveret::test {

TcpClient::TcpClient(std::uint16_t port) {
    socket_.connect({asio::ip::address_v4::loopback(), port});
    socket_.set_option(asio::ip::tcp::no_delay(true));
    static_cast<void>(ask(opening()));
}

void TcpClient::send(Bytes bytes) {
    asio::write(socket_, asio::buffer(bytes.data(), bytes.size()));
}

std::optional<ReceivedFrame> TcpClient::next() {
    while (frames_.empty()) {
        std::array<std::byte, 64U << 10U> bytes;  // NOLINT: filled by the read
        std::error_code error;
        const std::size_t count = socket_.read_some(asio::buffer(bytes), error);
        if (error) {
            return {};
        }
        append(unread_, Bytes(bytes).first(count));
        frames_ = take_frames(unread_);
        std::reverse(frames_.begin(), frames_.end());
    }
    ReceivedFrame frame = std::move(frames_.back());
    frames_.pop_back();
    return frame;
}

ReceivedFrame TcpClient::ask(Bytes request) {
    send(request);
    return next().value();
}

std::uint32_t TcpClient::open(std::string_view topic) {
    return ask(open_topic(topic)).header.handle;
}

ThreadedBroker::ThreadedBroker(const Limits& limits)
    : broker({.port = 0, .threads = 4, .limits = limits, .permissions = {.delete_topics = true}}) {
    spdlog::set_level(spdlog::level::off);
    if (const auto error = broker.start()) {
        throw std::system_error(error);
    }
}

}  // namespace leveret::test
