#include "crash/subscriber.hpp"

#include <algorithm>

namespace leveret::test {

using native::FrameType;

namespace {

// A commit for every so many records.
constexpr std::size_t records_per_commit = 20;

}  // namespace

Subscriber::Subscriber(std::uint16_t port, bool commits, const std::array<Offset, crash_topics.size()>& starts)
    : client_(port), commits_(commits) {
    // All topics are opened first: behind the first subscription deliveries mix with answers.
    for (std::size_t topic = 0; topic < crash_topics.size(); ++topic) {
        handles_[topic] = client_.open(crash_topics[topic].name);
    }
    for (std::size_t topic = 0; topic < crash_topics.size(); ++topic) {
        subscribe_to(topic, starts[topic]);
    }
}

void Subscriber::subscribe_to(std::size_t topic, Offset start) {
    native::Subscribe request{.start = at_offset(start.value)};
    if (commits_) {
        request.start = start_at(native::Start::Kind::position, 0, position);
        request.start.fallback = native::Start::Kind::earliest;
    }
    static_cast<void>(client_.send(subscribe(handles_[topic], request, static_cast<std::uint32_t>(topic + 1))));
    while (subscriptions_[topic] == 0) {
        const auto frame = client_.next();
        if (!frame || frame->header.type == FrameType::error) {
            throw std::runtime_error("no subscription to '" + std::string(crash_topics[topic].name) + "'");
        }
        if (frame->header.type != FrameType::subscribed) {
            take(*frame);
            continue;
        }
        subscriptions_[topic] = frame->header.handle;
        deliveries_[topic].next = frame->as<native::Subscribed>().next;
        if (!crash_topics[topic].is_bounded() && deliveries_[topic].next != start) {
            problems_.push_back("topic '" + std::string(crash_topics[topic].name) + "': a subscription begins at " +
                                std::to_string(deliveries_[topic].next.value) + " instead of " +
                                std::to_string(start.value));
        }
    }
}

void Subscriber::run() {
    for (bool is_there = true;;) {
        const auto frame = client_.next();
        if (!frame) {
            return;
        }
        take(*frame);
        for (std::size_t topic = 0; commits_ && is_there && topic < crash_topics.size(); ++topic) {
            is_there = commit(topic);
        }
    }
}

std::size_t Subscriber::topic_of(const ReceivedFrame& frame) const {
    const auto found = std::find(subscriptions_.begin(), subscriptions_.end(), frame.header.handle);
    if (found == subscriptions_.end()) {
        throw std::runtime_error("a delivery for no subscription of ours");
    }
    return static_cast<std::size_t>(found - subscriptions_.begin());
}

void Subscriber::take(const ReceivedFrame& frame) {
    const std::size_t correlation = frame.header.correlation.value;
    switch (frame.header.type) {
        case FrameType::deliver:
            return deliver(topic_of(frame), frame.as<native::Deliver>());
        case FrameType::lagged:
            return lag(topic_of(frame), frame.as<native::Lagged>());
        case FrameType::ok: {
            const CommitPlace place = commit_places_.at(correlation - 1);
            deliveries_[place.topic].commits[place.index].is_acknowledged = true;
            return;
        }
        case FrameType::error:
            // A server that stops says so to its subscribers, and refuses commits.
            if (frame.as<native::ErrorAnswer>().code != Error::shutting_down) {
                throw RefusedError(frame.as<native::ErrorAnswer>());
            }
            return;
        default:
            throw std::runtime_error("a subscriber was sent a frame that is not for it");
    }
}

void Subscriber::deliver(std::size_t topic, const native::Deliver& delivered) {
    Delivery& delivery = deliveries_[topic];
    for (const RecordView record : Records(delivered.records)) {
        if (record.offset() != delivery.next || !has_valid_checksum(record)) {
            problems_.push_back("topic '" + std::string(crash_topics[topic].name) + "': delivered offset " +
                                std::to_string(record.offset().value) + " instead of " +
                                std::to_string(delivery.next.value) + ", or damaged");
        }
        delivery.records.push_back({record.offset(), record.checksum()});
        delivery.next = Offset{record.offset().value + 1};
    }
}

void Subscriber::lag(std::size_t topic, const native::Lagged& lagged) {
    Delivery& delivery = deliveries_[topic];
    if (!crash_topics[topic].is_bounded() || lagged.from < delivery.next) {
        problems_.push_back("topic '" + std::string(crash_topics[topic].name) + "': missed offsets " +
                            std::to_string(lagged.from.value) + " to " + std::to_string(lagged.to.value));
    }
    delivery.next = lagged.to;
}

bool Subscriber::commit(std::size_t topic) {
    Delivery& delivery = deliveries_[topic];
    if (delivery.records.size() / records_per_commit <= delivery.commits.size()) {
        return true;
    }
    commit_places_.push_back({topic, delivery.commits.size()});
    delivery.commits.push_back({.offset = delivery.next});
    return client_.send(frame(FrameType::commit, native::Commit{.offset = delivery.next, .position = position},
                              static_cast<std::uint32_t>(commit_places_.size()), handles_[topic]));
}

}  // namespace leveret::test
