#include "conformance/native_peer.hpp"

#include <algorithm>

namespace leveret::test {

using native::FrameType;

namespace {

std::string text(RecordView record) {
    return std::to_string(record.offset().value) + ":" + std::string(record.payload_text());
}

std::string joined(const std::vector<std::string>& parts, const char* between) {
    std::string all;
    for (const std::string& part : parts) {
        all += (all.empty() ? "" : between) + part;
    }
    return all;
}

}  // namespace

std::string texts(Bytes records) {
    std::vector<std::string> parts;
    for (const RecordView record : Records(records)) {
        parts.push_back(text(record));
    }
    return joined(parts, " ");
}

std::string text(const native::Published& published) {
    std::vector<std::string> duplicates;
    for (const std::uint32_t index : published.duplicates) {
        duplicates.push_back(std::to_string(index));
    }
    return std::to_string(published.first.value) + "+" + std::to_string(published.accepted) +
           (duplicates.empty() ? "" : " without " + joined(duplicates, ","));
}

std::string Answer::said() const {
    return std::string(header.type == FrameType::error ? error_name(error().code) : frame_type_name(header.type));
}

NativePeer::NativePeer(std::uint16_t port) : socket_(port) {
    send_magic();
    const Answer welcome = request(FrameType::hello, native::Hello{});
    if (welcome.said() != "welcome") {
        throw std::runtime_error("not welcome: " + welcome.said());
    }
}

Correlation NativePeer::post_publish(std::uint32_t topic, const DraftBatch& batch, std::uint8_t flags,
                                     const native::Publish& fields) {
    native::Publish publish = fields;
    publish.record_count = publish.record_count == 0 ? batch.batch().record_count : publish.record_count;
    const Correlation correlation{++last_correlation_};
    std::vector<std::byte> frame(native::header_bytes + native::Publish::prefix_bytes);
    frame.insert(frame.end(), batch.bytes().begin(), batch.bytes().end());
    native::write_header(frame.data(), {.length = static_cast<std::uint32_t>(frame.size()),
                                        .type = FrameType::publish,
                                        .flags = flags,
                                        .correlation = correlation,
                                        .handle = topic});
    publish.write_prefix(frame.data() + native::header_bytes);
    socket_.send(frame);
    return correlation;
}

Answer NativePeer::next_frame() {
    constexpr std::size_t frame_bytes_max = 64U << 20U;
    for (;;) {
        const auto frame = native::decode(received_, frame_bytes_max);
        if (!frame) {
            throw std::runtime_error("the server sent bytes that are no frame");
        }
        if (frame->has_value()) {
            Answer whole{(*frame)->header, {(*frame)->body.begin(), (*frame)->body.end()}};
            received_.erase(received_.begin(),
                            received_.begin() + static_cast<std::ptrdiff_t>((*frame)->header.length));
            return whole;
        }
        if (!socket_.receive(received_)) {
            throw std::runtime_error("the server has closed the connection");
        }
    }
}

void NativePeer::keep(const Answer& frame) {
    const std::uint32_t subscription = frame.header.handle;
    if (frame.header.type == FrameType::deliver) {
        const auto deliver = frame.as<native::Deliver>();
        for (const RecordView record : Records(deliver.records)) {
            events_.push_back({subscription, text(record)});
        }
    } else if (frame.header.type == FrameType::lagged) {
        const auto lagged = frame.as<native::Lagged>();
        events_.push_back({subscription, "lagged(" + std::to_string(lagged.from.value) + "," +
                                             std::to_string(lagged.to.value) + ")"});
    } else {
        events_.push_back({subscription, "error(" + frame.said() + ")"});
    }
}

Answer NativePeer::next_answer() {
    for (;;) {
        Answer frame = next_frame();
        if (frame.header.correlation != Correlation{}) {
            return frame;
        }
        keep(frame);
    }
}

std::uint32_t NativePeer::open(std::string_view topic) {
    const Answer answer = request(FrameType::open_topic, native::TopicName{topic});
    static_cast<void>(answer.as<native::TopicOpened>());
    return answer.header.handle;
}

void NativePeer::publish_each(std::uint32_t topic, std::initializer_list<std::string_view> payloads) {
    for (const std::string_view payload : payloads) {
        static_cast<void>(publish(topic, {payload}).as<native::Published>());
    }
}

std::uint32_t NativePeer::subscribe(std::uint32_t topic, const native::Subscribe& how) {
    const Answer answer = request(FrameType::subscribe, how, topic);
    static_cast<void>(answer.as<native::Subscribed>());
    return answer.header.handle;
}

std::string NativePeer::take(std::uint32_t subscription, std::size_t count) {
    std::vector<std::string> parts;
    const auto is_meant = [subscription](const Event& event) { return event.subscription == subscription; };
    while (parts.size() < count) {
        const auto found = std::find_if(events_.begin(), events_.end(), is_meant);
        if (found == events_.end()) {
            keep(next_frame());
            continue;
        }
        parts.push_back(found->text);
        events_.erase(found);
    }
    return joined(parts, " ");
}

bool NativePeer::is_silent(std::uint32_t subscription) {
    ping();
    ping();
    return std::none_of(events_.begin(), events_.end(),
                        [subscription](const Event& event) { return event.subscription == subscription; });
}

std::vector<std::byte> NativePeer::next_delivered_bytes() {
    Answer frame = next_frame();
    const Bytes records = frame.as<native::Deliver>().records;
    return {records.begin(), records.end()};
}

bool NativePeer::is_closed() {
    return socket_.read_to_end() == 0 && received_.empty();
}

}  // namespace leveret::test
