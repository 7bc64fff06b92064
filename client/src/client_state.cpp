// The frames that come in.
#include "client_state.hpp"

#include <utility>

#include "delivered_records.hpp"

namespace leveret {

using client_side::failure_of;
using client_side::UnansweredPublish;
using client_side::unexpected;
using client_side::WriteQueue;
using native::FrameType;

namespace {

Failure broken_protocol(std::string what) {
    return failure_of(Error::bad_frame, "the server does not keep to the protocol: " + what);
}

}  // namespace

Client::State::State(asio::any_io_executor on)
    : executor(std::move(on)),
      wakeups(std::make_shared<client_side::Wakeups>(executor)),
      progress(executor, wakeups),
      delay_(executor),
      linger_(executor) {}

/// Where a frame goes: behind what is queued, or, while a connection is being prepared, ahead of it.
void Client::State::send(Bytes frame) {
    if (phase == Phase::ready) {
        queue->append_frame(frame);
    } else if (connection) {
        connection->append_first(frame);
    }
}

std::optional<Failure> Client::State::on_frame(const native::Frame& frame, client_side::ReceiveBuffer& buffer) {
    switch (frame.header.type) {
        case FrameType::deliver:
            return on_deliver(frame, buffer);
        case FrameType::published:
            return on_published(frame);
        case FrameType::lagged:
            return on_lagged(frame);
        case FrameType::error:
            return on_error(frame);
        default:
            return on_answer(frame, buffer);
    }
}

std::optional<Failure> Client::State::on_answer(const native::Frame& frame, client_side::ReceiveBuffer& buffer) {
    const auto request = requests.take(frame.header.correlation);
    if (!request || request->expected != frame.header.type) {
        auto broken =
            broken_protocol("nobody asked for this " + std::string(native::frame_type_name(frame.header.type)));
        if (request) {
            request->answered(unexpected(broken));
        }
        return broken;
    }
    request->answered(Answer{frame.header, frame.body, frame.body.empty() ? nullptr : buffer.owner()});
    progress.ring();
    return std::nullopt;
}

std::optional<Failure> Client::State::on_published(const native::Frame& frame) {
    UnansweredPublish* const publish = queue->find_unanswered(frame.header.correlation.value);
    if (publish == nullptr) {
        return broken_protocol("it acknowledged what was not published");
    }
    auto answer = native::Published::decode(frame.body);
    if (!answer || std::size_t{answer->accepted} + answer->duplicates.size() != publish->record_count) {
        return broken_protocol("an acknowledgement does not fit what was published");
    }
    for (std::size_t i = 0; i < answer->duplicates.size(); ++i) {
        const bool ascending = i == 0 || answer->duplicates[i - 1] < answer->duplicates[i];
        if (!ascending || answer->duplicates[i] >= publish->record_count) {
            return broken_protocol("an acknowledgement names duplicates that cannot be");
        }
    }
    tell(queue->take_answered(*publish), std::move(*answer));
    progress.ring();
    return std::nullopt;
}

std::optional<Failure> Client::State::on_error(const native::Frame& frame) {
    const auto decoded = native::ErrorAnswer::decode(frame.body);
    if (!decoded) {
        return broken_protocol("an Error that cannot be read");
    }
    const Failure why{make_error_code(decoded->code), std::string(decoded->text), decoded->detail};
    const native::FrameHeader& header = frame.header;
    if ((header.correlation.value & (WriteQueue::one_way_bit | WriteQueue::publish_bit)) != 0) {
        on_publish_error(header, why);
        progress.ring();  // last: a flush returns after the callbacks that it waits for
        return std::nullopt;
    }
    progress.ring();
    if (header.correlation.value != 0) {
        const auto request = requests.take(header.correlation);
        if (!request) {
            return broken_protocol("it answers what was not asked: " + why.text);
        }
        request->answered(unexpected(why));
    } else if (const auto found = by_handle.find(header.handle); found != by_handle.end()) {
        const auto subscription = found->second->shared_from_this();
        subscription->end(why);
        if (why.code == Error::topic_deleted) {
            fail_topic(subscription->topic, why);
        }
    } else if (header.handle == 0) {
        farewell = why;  // the connection is about to end, but not all that is due has come yet
    }
    return std::nullopt;
}

void Client::State::on_publish_error(const native::FrameHeader& header, const Failure& why) {
    const std::uint32_t correlation = header.correlation.value;
    const bool one_way = (correlation & WriteQueue::one_way_bit) != 0;
    std::uint32_t number = correlation & ~WriteQueue::one_way_bit;
    if (!one_way) {
        UnansweredPublish* const publish = queue->find_unanswered(correlation);
        if (publish == nullptr) {
            return;
        }
        number = publish->topic_number;
        tell(queue->take_answered(*publish), unexpected(why));
    }
    if (number >= topics.size()) {
        return;
    }
    if (one_way && !topics[number]->one_way_failure) {
        topics[number]->one_way_failure = why;
    }
    if (why.code == Error::topic_deleted || why.code == Error::unknown_topic) {
        fail_topic(topics[number], why);
    }
}

std::optional<Failure> Client::State::on_deliver(const native::Frame& frame, client_side::ReceiveBuffer& buffer) {
    const auto deliver = native::Deliver::decode(frame.body);
    if (!deliver || deliver->records.empty()) {
        return broken_protocol("a Deliver without records");
    }
    const auto found = by_handle.find(frame.header.handle);
    if (found == by_handle.end()) {
        return std::nullopt;  // on its way while we unsubscribed
    }
    const auto checked = client_side::check_delivered(deliver->records, options.verify_checksums);
    const bool is_damaged = checked.failure == Error::checksum_mismatch;
    if (checked.failure && !is_damaged) {
        return broken_protocol("a Deliver with a record that is none");
    }
    if (!found->second->has_credit()) {
        return broken_protocol("it delivers more than it was given credit for");
    }
    if (!checked.good.empty()) {
        Delivery delivery = client_side::delivery_of(checked.good, deliver->epoch, buffer);
        found->second->on_deliver(std::move(delivery), Offset{checked.last_offset.value + 1});
    }
    if (is_damaged) {
        const auto subscription = found->second->shared_from_this();
        forget(*subscription);
        subscription->end(client_side::damaged_record(checked.damaged_offset));
    }
    return std::nullopt;
}

std::optional<Failure> Client::State::on_lagged(const native::Frame& frame) {
    const auto lagged = native::Lagged::decode(frame.body);
    if (!lagged || lagged->to < lagged->from) {
        return broken_protocol("a Lagged that cannot be");
    }
    if (const auto found = by_handle.find(frame.header.handle); found != by_handle.end()) {
        found->second->on_lagged(*lagged);
    }
    return std::nullopt;
}

}  // namespace leveret
