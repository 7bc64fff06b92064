// The judge of the crash test sees what it is there to see.
#include "crash/topic_history.hpp"

#include <catch2/catch.hpp>

using namespace leveret;
using namespace leveret::test;

namespace {

constexpr std::uint64_t seed = 7;

/// One publisher, one round, one topic: what was sent, and the log of a server that was killed.
class KilledTopic {
  public:
    explicit KilledTopic(std::size_t topic = plain_topic) : topic_(topic), history_(seed, topic) {}

    /// The next batch that is not spoiled.
    SentBatch& send() {
        while (make_batch(seed, {topic_, 0, next_number_}).is_spoiled) {
            ++next_number_;
        }
        return sent_.emplace_back(SentBatch{.name = {topic_, 0, next_number_++}});
    }
    SentBatch& send_spoiled() {
        while (!make_batch(seed, {topic_, 0, next_number_}).is_spoiled) {
            ++next_number_;
        }
        return sent_.emplace_back(SentBatch{.name = {topic_, 0, next_number_++}});
    }
    /// Puts it into the log, whole or without its last records.
    void keep(const SentBatch& batch, std::size_t records_cut = 0) {
        const MadeBatch made = make_batch(seed, batch.name);
        for (std::size_t i = 0; i + records_cut < made.records.size(); ++i) {
            RecordDraft draft{.payload = as_bytes(made.records[i].payload)};
            if (made.records[i].key) {
                draft.key = *made.records[i].key;
            }
            const std::size_t at = log_.size();
            log_.resize(at + record_bytes(draft));
            write_record(log_.data() + at, draft, i + 1 < made.records.size());
            stamp_record(log_.data() + at, end_, time_);
            ++end_.value;
        }
    }
    void send_acknowledged_and_keep() {
        SentBatch& batch = send();
        acknowledge(batch);
        keep(batch);
    }
    void acknowledge(SentBatch& batch) const {
        batch.answer = SentBatch::Answer::accepted;
        batch.accepted.first = end_;
        batch.accepted.accepted = static_cast<std::uint32_t>(make_batch(seed, batch.name).records.size());
    }
    /// The first thing that is wrong, without what stands before it; empty where nothing is.
    std::string judged() {
        const std::vector<std::vector<SentBatch>> sent{sent_};
        history_.take_round({.first = {}, .end = end_, .records = log_}, sent);
        return first_problem();
    }
    std::string first_problem() {
        const auto problems = history_.take_problems();
        return problems.empty() ? "" : problems.front();
    }
    TopicHistory& history() { return history_; }
    ByteVector& log() { return log_; }
    Offset& end() { return end_; }
    void wait(std::chrono::microseconds time) { time_ += time; }
    std::vector<SentBatch>& sent() { return sent_; }

  private:
    std::size_t topic_;
    TopicHistory history_;
    std::uint64_t next_number_ = 0;
    std::vector<SentBatch> sent_;
    ByteVector log_;
    Offset end_{};
    Timestamp time_{std::chrono::seconds(1)};
};

bool says(const std::string& problem, const std::string& words) {
    return problem.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("TopicHistory: what was acknowledged, and a beginning of what was not, is as it should be") {
    KilledTopic topic;
    topic.send_acknowledged_and_keep();
    topic.send_acknowledged_and_keep();
    topic.keep(topic.send());
    static_cast<void>(topic.send());
    CHECK(topic.judged().empty());
    CHECK(topic.history().end() == topic.end());
    CHECK(topic.history().figures().unanswered_found == 1);
}

TEST_CASE("TopicHistory: an acknowledged batch that is not there is lost") {
    KilledTopic topic;
    topic.send_acknowledged_and_keep();
    topic.acknowledge(topic.send());
    CHECK(says(topic.judged(), "lost: batch"));
}

TEST_CASE("TopicHistory: a log that has become shorter has lost something") {
    KilledTopic topic;
    topic.send_acknowledged_and_keep();
    REQUIRE(topic.judged().empty());
    topic.end() = Offset{};
    topic.log().clear();
    topic.sent().clear();
    CHECK(says(topic.judged(), "lost: it ends"));
}

TEST_CASE("TopicHistory: a hole in what was not acknowledged is seen") {
    KilledTopic topic;
    static_cast<void>(topic.send());
    topic.keep(topic.send());
    CHECK(says(topic.judged(), "one that was sent after it is"));
}

TEST_CASE("TopicHistory: batches in another order than they were sent are seen") {
    KilledTopic topic;
    const SentBatch first = topic.send();
    const SentBatch second = topic.send();
    topic.keep(second);
    topic.keep(first);
    CHECK_FALSE(topic.judged().empty());
}

TEST_CASE("TopicHistory: a batch that is there twice is seen") {
    KilledTopic topic;
    const SentBatch batch = topic.send();
    topic.keep(batch);
    topic.keep(batch);
    CHECK(says(topic.judged(), "is there twice"));
}

TEST_CASE("TopicHistory: a batch that nobody published is seen") {
    KilledTopic topic;
    topic.keep({.name = {plain_topic, 0, 1}});
    CHECK(says(topic.judged(), "nobody published"));
}

TEST_CASE("TopicHistory: a batch that was refused and is there is seen") {
    KilledTopic topic;
    SentBatch& batch = topic.send_spoiled();
    batch.answer = SentBatch::Answer::refused;
    batch.refusal = Error::checksum_mismatch;
    topic.keep(batch);
    CHECK(says(topic.judged(), "was refused"));
}

TEST_CASE("TopicHistory: half a batch is seen") {
    KilledTopic topic;
    while (make_batch(seed, topic.send().name).records.size() < 2) {
    }
    const SentBatch batch = topic.sent().back();
    topic.sent() = {batch};
    topic.keep(batch, 1);
    CHECK_FALSE(topic.judged().empty());
}

TEST_CASE("TopicHistory: a gap in the offsets is seen") {
    KilledTopic topic;
    topic.keep(topic.send());
    ++topic.end().value;
    topic.keep(topic.send());
    CHECK(says(topic.judged(), "instead of"));
}

TEST_CASE("TopicHistory: an acknowledged batch at another offset than was said is seen") {
    KilledTopic topic;
    SentBatch& batch = topic.send();
    topic.acknowledge(batch);
    ++batch.accepted.first.value;
    topic.keep(batch);
    CHECK(says(topic.judged(), "was acknowledged as"));
}

TEST_CASE("TopicHistory: a key that is accepted twice within the window is seen, one after the window is not") {
    KilledTopic topic(keyed_topic);
    // Enough for some key to come twice.
    for (int i = 0; i < 200; ++i) {
        topic.keep(topic.send());
        topic.wait(std::chrono::milliseconds(i < 100 ? 0 : 1));
    }
    CHECK(says(topic.judged(), "accepted twice"));

    KilledTopic slow(keyed_topic);
    for (int i = 0; i < 5; ++i) {
        slow.keep(slow.send());
        slow.wait(std::chrono::seconds(3));
    }
    CHECK(slow.judged().empty());
}

TEST_CASE("TopicHistory: a delivered record that is gone, or another one, is seen") {
    KilledTopic topic;
    topic.send_acknowledged_and_keep();
    REQUIRE(topic.judged().empty());
    const std::uint32_t checksum = RecordView(topic.log().data()).checksum();
    topic.history().check_delivered({.records = {{Offset{0}, checksum}}});
    CHECK(topic.first_problem().empty());
    topic.history().check_delivered({.records = {{Offset{0}, checksum + 1}}});
    CHECK(says(topic.first_problem(), "is another than was delivered"));
    topic.history().check_delivered({.records = {{topic.end(), checksum}}});
    CHECK(says(topic.first_problem(), "was delivered and is gone"));
}

TEST_CASE("TopicHistory: a position behind the last acknowledged commit is seen") {
    KilledTopic topic;
    const Delivery delivery{.commits = {{Offset{1}, true}, {Offset{2}, true}, {Offset{3}, false}}};
    SECTION("the last acknowledged one") {
        topic.history().check_position(Offset{2}, delivery);
        CHECK(topic.first_problem().empty());
    }
    SECTION("one whose answer did not come") {
        topic.history().check_position(Offset{3}, delivery);
        CHECK(topic.first_problem().empty());
    }
    SECTION("one before") {
        topic.history().check_position(Offset{1}, delivery);
        CHECK(says(topic.first_problem(), "the position is 1"));
    }
    SECTION("none") {
        topic.history().check_position({}, delivery);
        CHECK(says(topic.first_problem(), "the position is unknown"));
    }
}

TEST_CASE("TopicHistory: a record that has changed since it was read is seen") {
    KilledTopic topic;
    topic.send_acknowledged_and_keep();
    REQUIRE(topic.judged().empty());
    ByteVector other = topic.log();
    other.back() ^= std::byte{1};
    topic.history().check_all({.first = {}, .end = topic.end(), .records = other});
    CHECK(says(topic.first_problem(), "or is damaged"));
    topic.history().check_all({.first = {}, .end = topic.end(), .records = topic.log()});
    CHECK(topic.first_problem().empty());
}
