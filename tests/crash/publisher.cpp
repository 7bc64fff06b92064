#include "crash/publisher.hpp"

namespace leveret::test {

using native::FrameType;

Publisher::Publisher(std::uint16_t port, std::uint64_t seed, std::uint64_t round, std::uint32_t number,
                     const BatchNumbers& sent_before)
    : client_(port),
      seed_(seed),
      number_(number),
      choices_{seed, round, number},
      next_numbers_(sent_before.at(number)) {
    for (std::size_t topic = 0; topic < crash_topics.size(); ++topic) {
        handles_[topic] = client_.open(crash_topics[topic].name);
    }
}

void Publisher::run(std::uint32_t batches_in_flight, const std::function<void()>& answered) {
    for (bool is_there = true;;) {
        while (is_there && sent_.size() - answers_ < batches_in_flight) {
            is_there = send_one();
        }
        const auto answer = client_.next();
        if (!answer) {
            return;
        }
        if (take(*answer)) {
            answered();
        }
    }
}

bool Publisher::send_one() {
    const std::size_t topic = choices_.below(crash_topics.size());
    const BatchName name{topic, number_, next_numbers_[topic]++};
    sent_.push_back({.name = name});
    return client_.send(
        publish_frame(make_batch(seed_, name), handles_[topic], static_cast<std::uint32_t>(sent_.size())));
}

/// False where it answers no publish: a server that stops says so.
bool Publisher::take(const ReceivedFrame& answer) {
    const std::size_t correlation = answer.header.correlation.value;
    if (correlation == 0 && answer.header.type == FrameType::error &&
        answer.as<native::ErrorAnswer>().code == Error::shutting_down) {
        return false;
    }
    if (correlation == 0 || correlation > sent_.size() || sent_[correlation - 1].answer != SentBatch::Answer::none) {
        throw std::runtime_error("an answer to nothing that was asked");
    }
    SentBatch& batch = sent_[correlation - 1];
    ++answers_;
    if (answer.header.type == FrameType::published) {
        batch.answer = SentBatch::Answer::accepted;
        batch.accepted = answer.as<native::Published>();
    } else {
        batch.answer = SentBatch::Answer::refused;
        batch.refusal = answer.as<native::ErrorAnswer>().code;
    }
    return true;
}

}  // namespace leveret::test
