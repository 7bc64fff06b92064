#include "protocol/native_bodies.hpp"

namespace leveret::test {
namespace {

using namespace native;

template <class Body>
Result<std::vector<std::byte>> reencode(Bytes body) {
    const auto decoded = Body::decode(body);
    if (!decoded) {
        return tl::unexpected(decoded.error());
    }
    return encoded(*decoded);
}

/// Frames whose body has no fields: raw bytes, or none at all.
Result<std::vector<std::byte>> reencode_raw(FrameType type, Bytes body) {
    const bool carries_bytes = type == FrameType::ping || type == FrameType::pong;
    if (!carries_bytes && !body.empty()) {
        return fail(Error::bad_frame);
    }
    return encoded(RawBody{body});
}

Result<std::vector<std::byte>> reencode_answer(FrameType type, Bytes body) {
    switch (type) {
        case FrameType::welcome:
            return reencode<Welcome>(body);
        case FrameType::topic_opened:
            return reencode<TopicOpened>(body);
        case FrameType::published:
            return reencode<Published>(body);
        case FrameType::subscribed:
            return reencode<Subscribed>(body);
        case FrameType::deliver:
            return reencode<Deliver>(body);
        case FrameType::lagged:
            return reencode<Lagged>(body);
        case FrameType::fetched:
            return reencode<Fetched>(body);
        case FrameType::topic_list:
            return reencode<TopicList>(body);
        case FrameType::topic_description:
            return reencode<TopicDescription>(body);
        case FrameType::server_description:
            return reencode<ServerDescription>(body);
        case FrameType::error:
            return reencode<ErrorAnswer>(body);
        default:
            return reencode_raw(type, body);
    }
}

}  // namespace

Result<std::vector<std::byte>> reencode_body(FrameType type, Bytes body) {
    switch (type) {
        case FrameType::hello:
            return reencode<Hello>(body);
        case FrameType::create_topic:
            return reencode<CreateTopic>(body);
        case FrameType::alter_topic:
            return reencode<AlterTopic>(body);
        case FrameType::open_topic:
        case FrameType::describe_topic:
        case FrameType::delete_topic:
            return reencode<TopicName>(body);
        case FrameType::publish:
            return reencode<Publish>(body);
        case FrameType::subscribe:
            return reencode<Subscribe>(body);
        case FrameType::grant:
            return reencode<Grant>(body);
        case FrameType::commit:
            return reencode<Commit>(body);
        case FrameType::seek:
            return reencode<Seek>(body);
        case FrameType::fetch:
            return reencode<Fetch>(body);
        case FrameType::trim_topic:
            return reencode<TrimTopic>(body);
        case FrameType::list_topics:
            return reencode<ListTopics>(body);
        default:
            return reencode_answer(type, body);
    }
}

Result<std::vector<std::byte>> reencode_frame(Bytes frame) {
    const auto decoded = decode(frame, frame.size());
    if (!decoded || !*decoded || (*decoded)->header.length != frame.size()) {
        return fail(Error::bad_frame);
    }
    const FrameHeader& header = (*decoded)->header;
    const auto body = reencode_body(header.type, (*decoded)->body);
    if (!body) {
        return tl::unexpected(body.error());
    }
    std::vector<std::byte> bytes;
    append_frame(bytes, header.type, RawBody{*body}, header.correlation, header.handle, header.flags);
    return bytes;
}

std::vector<FrameType> all_frame_types() {
    std::vector<FrameType> types;
    for (unsigned number = 0; number <= 0xFF; ++number) {
        if (const auto type = static_cast<FrameType>(number); frame_type_name(type) != "unknown") {
            types.push_back(type);
        }
    }
    return types;
}

}  // namespace leveret::test
