#include "fuzz/fuzzed_client.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <asio/error.hpp>

#include "fuzz/fuzzing.hpp"
#include "protocol/zaichik.hpp"
#include "server/memory_transport.hpp"

namespace leveret::test {

namespace {

using native::FrameType;

constexpr std::size_t unsent_bytes_max = 256U << 10U;
constexpr std::array<std::string_view, 4> topics{"w", "a", "b", "no\x01name"};
constexpr std::array<FrameType, 18> kinds{
    FrameType::hello,          FrameType::create_topic, FrameType::open_topic,      FrameType::publish,
    FrameType::subscribe,      FrameType::unsubscribe,  FrameType::grant,           FrameType::commit,
    FrameType::seek,           FrameType::fetch,        FrameType::trim_topic,      FrameType::list_topics,
    FrameType::describe_topic, FrameType::delete_topic, FrameType::describe_server, FrameType::ping,
    FrameType::close,          FrameType::alter_topic};

std::string_view topic_of(std::uint8_t number) {
    return topics[number % topics.size()];
}

bool bit(std::uint8_t number, unsigned which) {
    return (number >> which & 1U) != 0;
}

TopicSettings settings_of(std::uint8_t number) {
    return {.retention_ttl_ms = bit(number, 2) ? number * 10U : 0U,
            .compaction_window_ms = bit(number, 3) ? number * 10U : 0U,
            .retention_bytes = bit(number, 4) ? number * 64U : 0U,
            .retention_records = bit(number, 5) ? number % 16U : 0U};
}

native::Start start_of(std::uint8_t number) {
    const auto kind = static_cast<native::Start::Kind>(number % 5);
    const bool has_value = kind == native::Start::Kind::offset || kind == native::Start::Kind::timestamp;
    return {.kind = kind,
            .value = has_value ? std::uint64_t{number} / 8 : 0,
            .position = kind == native::Start::Kind::position ? "place" : ""};
}

DraftedRecords records_of(std::uint8_t number) {
    DraftedRecords records;
    const std::string payload(number * 8U, 'p');
    for (unsigned i = 0; i <= number % 4U; ++i) {
        if (bit(number, 2)) {
            records.add(std::string(1, static_cast<char>('a' + i % 3)), payload);
        } else {
            records.add(payload);
        }
    }
    return records;
}

native::Subscribe subscription_of(std::uint8_t number) {
    native::Subscribe request{.start = start_of(number)};
    request.credit_records = bit(number, 6) ? number % 8U : 0U;
    request.credit_bytes = bit(number, 7) ? number * 16U : 0U;
    request.flags = bit(number, 5) ? native::Subscribe::commit_gives_credit : std::uint8_t{0};
    if (bit(number, 4)) {
        request.filter_keys = {"b", "a"};
    }
    return request;
}

native::Fetch fetch_of(std::uint8_t number) {
    return {.start = start_of(number),
            .max_bytes = bit(number, 5) ? number * 32U : 0U,
            .max_wait_ms = bit(number, 7) ? number * 8U : 0U};
}

ByteVector named_request(FrameType type, std::uint8_t handle, std::uint8_t number) {
    const std::string_view name = topic_of(number);
    switch (type) {
        case FrameType::create_topic:
            return frame(type, native::CreateTopic{.name = name, .settings = settings_of(number)}, 1);
        case FrameType::alter_topic:
            return frame(type,
                         native::AlterTopic{.name = name, .fields = handle % 16U, .settings = settings_of(number)}, 1);
        case FrameType::trim_topic:
            return frame(type, native::TrimTopic{.name = name, .before = Offset{number}}, 1);
        case FrameType::list_topics:
            return frame(type, native::ListTopics{.after = name, .limit = number % 3U}, 1);
        default:
            return frame(type, native::TopicName{.name = name}, 1, 0, number / 128);
    }
}

}  // namespace

ByteVector native_request(std::uint8_t kind, std::uint8_t handle, std::uint8_t number) {
    const FrameType type = kinds[kind % kinds.size()];
    const std::uint8_t flags = bit(number, 7) ? native::flags::one_way : std::uint8_t{0};
    switch (type) {
        case FrameType::hello:
            return frame(type, native::Hello{.client_name = "fuzz"}, 1);
        case FrameType::publish:
            return publish(handle, records_of(number), number, flags);
        case FrameType::subscribe:
            return subscribe(handle, subscription_of(number), number);
        case FrameType::grant:
            return frame(type, native::Grant{.records = number % 8U, .bytes = number * 16U}, number, handle, flags);
        case FrameType::commit:
            return frame(type, native::Commit{.offset = Offset{number % 32U}, .position = "place"}, number, handle,
                         flags);
        case FrameType::seek:
            return frame(type, native::Seek{.start = start_of(number)}, number, handle);
        case FrameType::fetch:
            return frame(type, fetch_of(number), number, handle);
        case FrameType::unsubscribe:
        case FrameType::describe_server:
        case FrameType::close:
            return frame(type, native::RawBody{}, number, handle);
        case FrameType::ping:
            return frame(type, native::RawBody{as_bytes("ping")}, number);
        default:
            return named_request(type, handle, number);
    }
}

ByteVector zaichik_request(std::uint8_t kind, std::uint8_t topic, std::uint8_t number) {
    const std::string_view name = topic_of(topic);
    const std::string payload(number * 8U, 'z');
    const std::array<zaichik::Frame, 6> frames{
        zaichik::CreateTopic{.topic = name, .retention_ttl_ms = number, .compaction_window_ms = number / 2U},
        zaichik::Publish{.topic = name,
                         .key = bit(number, 0) ? std::optional<std::string_view>("a") : std::nullopt,
                         .payload = as_bytes(payload)},
        zaichik::Subscribe{name},
        zaichik::Unsubscribe{name},
        zaichik::CloseConnection{},
        zaichik::Commit{}};
    ByteVector bytes;
    zaichik::encode(frames[kind % frames.size()], bytes);
    return bytes;
}

FuzzedClient::FuzzedClient(Broker& broker, const asio::any_io_executor& executor, std::size_t capacity_bytes) {
    auto [ours, theirs] = make_memory_transports(executor, capacity_bytes);
    transport_ = std::move(ours);
    broker.attach(std::move(theirs), executor);
}

void FuzzedClient::send(Bytes bytes) {
    append(dialect_, bytes.first(std::min(bytes.size(), native::magic.size() - dialect_.size())));
    if (unsent_.size() + bytes.size() <= unsent_bytes_max) {
        append(unsent_, bytes);
    }
    flush();
}

void FuzzedClient::flush() {
    std::error_code error;
    const asio::const_buffer buffer(unsent_.data(), unsent_.size());
    const std::size_t count = unsent_.empty() ? 0 : transport_->write_some({&buffer, 1}, error);
    unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(count));
}

void FuzzedClient::read(std::size_t bytes_max) {
    flush();
    ByteVector bytes(bytes_max);
    std::error_code error;
    bytes.resize(bytes.empty() ? 0 : transport_->read_some(bytes, error));
    append(unread_, bytes);
    const Bytes magic = std::as_bytes(std::span(native::magic));
    if (!std::equal(dialect_.begin(), dialect_.end(), magic.begin(), magic.end())) {
        while (const auto decoded = zaichik::decode(unread_, unsent_bytes_max).value()) {
            require(std::holds_alternative<zaichik::Publish>(decoded->frame),
                    "a zaichik client gets Publish frames only");
            unread_.erase(unread_.begin(), unread_.begin() + static_cast<std::ptrdiff_t>(decoded->bytes));
        }
        return;
    }
    for (const ReceivedFrame& received : take_frames(unread_)) {
        check(received);
    }
}

void FuzzedClient::check(const ReceivedFrame& frame) {
    require(native::frame_type_name(frame.header.type) != "unknown" && frame.header.type >= FrameType::ok,
            "the broker sends answers");
    const std::uint32_t subscription = frame.header.handle;
    switch (frame.header.type) {
        case FrameType::subscribed:
            next_[subscription] = frame.as<native::Subscribed>().next;
            break;
        case FrameType::deliver:
            check_delivery(frame);
            break;
        case FrameType::lagged: {
            const auto lagged = frame.as<native::Lagged>();
            require(next_[subscription] <= lagged.from && lagged.from < lagged.to, "what was missed had not been read");
            missed_ += lagged.to.value - lagged.from.value;
            next_[subscription] = lagged.to;
            break;
        }
        case FrameType::error:
            lost_a_topic_ =
                lost_a_topic_ || (subscription != 0 && frame.as<native::ErrorAnswer>().code == Error::topic_deleted);
            break;
        default:
            break;
    }
}

void FuzzedClient::check_delivery(const ReceivedFrame& frame) {
    require(next_.contains(frame.header.handle), "only a subscription is delivered to");
    Offset& next = next_[frame.header.handle];
    const auto deliver = frame.as<native::Deliver>();
    require(!deliver.records.empty(), "a delivery has records");
    for (Bytes rest = deliver.records; !rest.empty();) {
        const auto record = check_record(rest);
        require(record.has_value(), "records are delivered well-formed");
        require(record->offset() >= next, "records come in order, none twice");
        next = Offset{record->offset().value + 1};
        ++received_;
        rest = rest.subspan(record->size());
    }
}

}  // namespace leveret::test
