#include "bench/raw_connection.hpp"

#include <cerrno>
#include <cstring>

#include <asio/connect.hpp>
#include <asio/write.hpp>
#include <fmt/core.h>
#include <sys/socket.h>

namespace leveret::cli {
namespace {

constexpr std::size_t frame_bytes_max = 16U << 20U;
constexpr std::size_t read_bytes_min = 4U << 10U;
constexpr std::size_t read_bytes_max = 1U << 20U;
constexpr Correlation request_correlation{1};

tl::unexpected<Failure> failed(std::error_code code) {
    return tl::unexpected(Failure{code, code.message()});
}

Failure failure_of(const native::Frame& error_frame) {
    const auto answer = native::ErrorAnswer::decode(error_frame.body);
    if (!answer) {
        return {answer.error(), answer.error().message()};
    }
    return {make_error_code(answer->code), std::string(answer->text), answer->detail};
}

}  // namespace

Outcome<asio::ip::tcp::endpoint> resolve(asio::io_context& context, const CommonOptions& common) {
    std::error_code error;
    asio::ip::tcp::resolver resolver(context);
    const auto found = resolver.resolve(common.host, std::to_string(common.port), error);
    if (error || found.empty()) {
        return failed(error ? error : make_error_code(std::errc::host_unreachable));
    }
    return found.begin()->endpoint();
}

Outcome<RawConnection> RawConnection::open(asio::io_context& context, const asio::ip::tcp::endpoint& server,
                                           std::optional<asio::ip::address> source) {
    std::error_code error;
    asio::ip::tcp::socket socket(context);
    socket.open(server.protocol(), error);
    if (!error && source) {
        // The port is chosen at connect, so that one may serve many destinations.
        const int on = 1;
        ::setsockopt(socket.native_handle(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        socket.bind({*source, 0}, error);
    }
    if (!error) {
        socket.connect(server, error);
    }
    if (!error) {
        socket.set_option(asio::ip::tcp::no_delay(true), error);
    }
    if (error) {
        return failed(error);
    }
    return RawConnection(std::move(socket));
}

template <class Body>
Outcome<native::Frame> RawConnection::ask(native::FrameType type, const Body& body, std::uint32_t handle,
                                          native::FrameType answer) {
    std::vector<std::byte> request;
    if (type == native::FrameType::hello) {
        const Bytes magic = std::as_bytes(std::span(native::magic));
        request.assign(magic.begin(), magic.end());
    }
    native::append_frame(request, type, body, request_correlation, handle);
    if (const auto written = write(request); !written) {
        return tl::unexpected(written.error());
    }
    for (;;) {
        auto frame = read_frame();
        if (!frame || frame->header.type == answer) {
            return frame;
        }
    }
}

Outcome<void> RawConnection::hello() {
    const native::Hello greeting{.client_name = "leveret-bench", .mechanism = {}};
    const auto welcome = ask(native::FrameType::hello, greeting, 0, native::FrameType::welcome);
    return welcome ? Outcome<void>() : tl::unexpected(welcome.error());
}

Outcome<TopicHandle> RawConnection::open_topic(std::string_view name) {
    const auto opened = ask(native::FrameType::open_topic, native::TopicName{name}, 0, native::FrameType::topic_opened);
    if (!opened) {
        return tl::unexpected(opened.error());
    }
    return TopicHandle{opened->header.handle};
}

Outcome<SubscriptionId> RawConnection::subscribe(TopicHandle topic, native::Start::Kind from) {
    native::Subscribe request;
    request.start.kind = from;
    const auto subscribed = ask(native::FrameType::subscribe, request, topic.value, native::FrameType::subscribed);
    if (!subscribed) {
        return tl::unexpected(subscribed.error());
    }
    return SubscriptionId{subscribed->header.handle};
}

Outcome<void> RawConnection::write(Bytes bytes) {
    std::error_code error;
    asio::write(socket_, asio::buffer(bytes.data(), bytes.size()), error);
    return error ? Outcome<void>(failed(error)) : Outcome<void>();
}

Outcome<std::optional<native::Frame>> RawConnection::take_frame() {
    const auto frame = native::decode(Bytes(read_).subspan(begin_, end_ - begin_), frame_bytes_max);
    if (!frame) {
        return failed(frame.error());
    }
    if (*frame) {
        begin_ += (*frame)->header.length;
        if ((*frame)->header.type == native::FrameType::error) {
            return tl::unexpected(failure_of(**frame));
        }
    }
    return *frame;
}

Outcome<std::size_t> RawConnection::fill(bool wait) {
    std::memmove(read_.data(), read_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (end_ == read_.size()) {
        const bool is_busy = end_ >= read_bytes_min;
        read_.resize(std::max(end_ * 2, is_busy ? read_bytes_max : read_bytes_min));
    }
    for (;;) {
        const ssize_t count =
            ::recv(socket_.native_handle(), read_.data() + end_, read_.size() - end_, wait ? 0 : MSG_DONTWAIT);
        if (count > 0) {
            end_ += static_cast<std::size_t>(count);
            return static_cast<std::size_t>(count);
        }
        if (count == 0) {
            return failed(make_error_code(Error::connection_lost));
        }
        if (!wait && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return std::size_t{0};
        }
        if (errno != EINTR) {
            return failed({errno, std::generic_category()});
        }
    }
}

Outcome<native::Frame> RawConnection::read_frame() {
    for (;;) {
        const auto frame = take_frame();
        if (!frame) {
            return tl::unexpected(frame.error());
        }
        if (*frame) {
            return **frame;
        }
        if (const auto filled = fill(true); !filled) {
            return tl::unexpected(filled.error());
        }
    }
}

Outcome<std::optional<native::Frame>> RawConnection::poll_frame() {
    auto frame = take_frame();
    if (!frame || *frame) {
        return frame;
    }
    if (const auto filled = fill(false); !filled) {
        return tl::unexpected(filled.error());
    }
    return take_frame();
}

void RawConnection::shut_down() noexcept {
    std::error_code ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
}

std::vector<std::byte> publish_frame(TopicHandle topic, std::size_t count, std::size_t payload_bytes, bool one_way) {
    const std::vector<std::byte> payload(payload_bytes);
    const RecordDraft draft{.payload = payload};
    const std::size_t record_size = record_bytes(draft);
    const std::size_t records_at = native::header_bytes + native::Publish::prefix_bytes;
    std::vector<std::byte> frame(records_at + count * record_size);
    native::write_header(frame.data(), {.length = static_cast<std::uint32_t>(frame.size()),
                                        .type = native::FrameType::publish,
                                        .flags = one_way ? native::flags::one_way : std::uint8_t{0},
                                        .correlation = request_correlation,
                                        .handle = topic.value});
    native::Publish prefix;
    prefix.record_count = static_cast<std::uint32_t>(count);
    prefix.write_prefix(frame.data() + native::header_bytes);
    for (std::size_t i = 0; i < count; ++i) {
        write_record(frame.data() + records_at + i * record_size, draft, i + 1 < count);
    }
    return frame;
}

}  // namespace leveret::cli
