#include "protocol/native.hpp"

namespace leveret::native {
namespace {

constexpr std::size_t length_at = 0;
constexpr std::size_t type_at = 4;
constexpr std::size_t flags_at = 5;
constexpr std::size_t zero_at = 6;
constexpr std::size_t correlation_at = 8;
constexpr std::size_t handle_at = 12;

template <class T>
T load(Bytes bytes, std::size_t at) noexcept {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

template <class T>
void store(std::byte* out, std::size_t at, T value) noexcept {
    std::memcpy(out + at, &value, sizeof value);
}

}  // namespace

std::string_view frame_type_name(FrameType type) noexcept {
    switch (type) {
        case FrameType::hello:
            return "hello";
        case FrameType::create_topic:
            return "create_topic";
        case FrameType::alter_topic:
            return "alter_topic";
        case FrameType::open_topic:
            return "open_topic";
        case FrameType::publish:
            return "publish";
        case FrameType::subscribe:
            return "subscribe";
        case FrameType::unsubscribe:
            return "unsubscribe";
        case FrameType::grant:
            return "grant";
        case FrameType::commit:
            return "commit";
        case FrameType::seek:
            return "seek";
        case FrameType::fetch:
            return "fetch";
        case FrameType::trim_topic:
            return "trim_topic";
        case FrameType::list_topics:
            return "list_topics";
        case FrameType::describe_topic:
            return "describe_topic";
        case FrameType::delete_topic:
            return "delete_topic";
        case FrameType::describe_server:
            return "describe_server";
        case FrameType::ping:
            return "ping";
        case FrameType::close:
            return "close";
        case FrameType::ok:
            return "ok";
        case FrameType::welcome:
            return "welcome";
        case FrameType::topic_opened:
            return "topic_opened";
        case FrameType::published:
            return "published";
        case FrameType::subscribed:
            return "subscribed";
        case FrameType::deliver:
            return "deliver";
        case FrameType::lagged:
            return "lagged";
        case FrameType::fetched:
            return "fetched";
        case FrameType::topic_list:
            return "topic_list";
        case FrameType::topic_description:
            return "topic_description";
        case FrameType::server_description:
            return "server_description";
        case FrameType::pong:
            return "pong";
        case FrameType::error:
            return "error";
    }
    return "unknown";
}

Result<std::optional<FrameHeader>> decode_header(Bytes bytes, std::size_t frame_bytes_max) noexcept {
    if (bytes.size() < sizeof(std::uint32_t)) {
        return std::nullopt;
    }
    FrameHeader header;
    header.length = load<std::uint32_t>(bytes, length_at);
    if (header.length < header_bytes) {
        return fail(Error::bad_frame);
    }
    if (header.length > frame_bytes_max) {
        return fail(Error::frame_too_large);
    }
    if (bytes.size() < header_bytes) {
        return std::nullopt;
    }
    if (load<std::uint16_t>(bytes, zero_at) != 0) {
        return fail(Error::bad_frame);
    }
    header.type = FrameType{load<std::uint8_t>(bytes, type_at)};
    header.flags = load<std::uint8_t>(bytes, flags_at);
    header.correlation.value = load<std::uint32_t>(bytes, correlation_at);
    header.handle = load<std::uint32_t>(bytes, handle_at);
    return header;
}

Result<std::optional<Frame>> decode(Bytes bytes, std::size_t frame_bytes_max) noexcept {
    const auto header = decode_header(bytes, frame_bytes_max);
    if (!header) {
        return tl::unexpected(header.error());
    }
    if (!*header || bytes.size() < (*header)->length) {
        return std::nullopt;
    }
    return Frame{**header, bytes.subspan(header_bytes, (*header)->length - header_bytes)};
}

void write_header(std::byte* out, const FrameHeader& header) noexcept {
    store(out, length_at, header.length);
    store(out, type_at, static_cast<std::uint8_t>(header.type));
    store(out, flags_at, header.flags);
    store(out, zero_at, std::uint16_t{0});
    store(out, correlation_at, header.correlation.value);
    store(out, handle_at, header.handle);
}

}  // namespace leveret::native
