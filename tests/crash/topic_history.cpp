#include "crash/topic_history.hpp"

#include <algorithm>
#include <cstring>

namespace leveret::test {

using Answer = SentBatch::Answer;

namespace {

std::string text(Offset offset) {
    return std::to_string(offset.value);
}

/// Whether this is what was sent, but for what the broker stamps and for the mark that more of the batch follow.
bool is_same(RecordView found, const MadeRecord& made) {
    const auto key = found.key();
    return found.payload_text() == made.payload && key.has_value() == made.key.has_value() &&
           (!key || *key == *made.key) && !found.is_tombstone() && found.headers().empty();
}

}  // namespace

TopicHistory::Figures& TopicHistory::Figures::operator+=(const Figures& other) noexcept {
    acknowledged_records += other.acknowledged_records;
    removed_records += other.removed_records;
    recovered_records += other.recovered_records;
    unanswered_batches += other.unanswered_batches;
    unanswered_found += other.unanswered_found;
    duplicates_dropped += other.duplicates_dropped;
    refused_batches += other.refused_batches;
    return *this;
}

void TopicHistory::problem(const std::string& text) {
    problems_.push_back("topic '" + std::string(crash_topics[topic_].name) + "': " + text);
}

// --- After a round

void TopicHistory::take_round(const ReadBack& found, std::span<const std::vector<SentBatch>> sent) {
    const Offset known_end = end();
    found_first_ = found.first;
    some_are_gone_ = found.first > known_end && crash_topics[topic_].is_bounded();
    if (found.end < known_end) {
        problem("lost: it ends at " + text(found.end) + " and once ended at " + text(known_end));
        return;
    }
    if (found.first > known_end && !some_are_gone_) {
        problem("lost: offsets " + text(known_end) + " to " + text(found.first));
    }
    digests_.resize(std::max(known_end, found.first).value);

    std::vector<Expected> expected(sent.size());
    for (std::size_t publisher = 0; publisher < sent.size(); ++publisher) {
        for (const SentBatch& batch : sent[publisher]) {
            if (batch.name.topic == topic_) {
                expected[publisher].batches.push_back(&batch);
            }
        }
    }
    std::vector<RecordView> batch;
    for (const RecordView record : Records(found.records)) {
        take_record(record);
        batch.push_back(record);
        if (!record.has(record_layout::more_in_batch)) {
            take_batch(batch, expected);
            batch.clear();
        }
    }
    if (!batch.empty()) {
        problem("the batch at " + text(batch.front().offset()) + " is not whole");
    }
    if (end() != found.end) {
        problem("it says that it ends at " + text(found.end) + " and reads to " + text(end()));
    }
    for (Expected& of_publisher : expected) {
        while (of_publisher.judged < of_publisher.batches.size()) {
            judge_absent(*of_publisher.batches[of_publisher.judged++], false);
        }
    }
}

void TopicHistory::take_record(RecordView record) {
    if (record.offset() != end()) {
        problem("offset " + text(record.offset()) + " instead of " + text(end()));
    }
    if (!has_valid_checksum(record)) {
        problem("the record at " + text(record.offset()) + " is damaged");
    }
    if (record.timestamp() < last_timestamp_) {
        problem("the time goes backwards at " + text(record.offset()));
    }
    last_timestamp_ = std::max(last_timestamp_, record.timestamp());
    digests_.push_back(record.checksum());
    ++figures_.recovered_records;
}

void TopicHistory::take_batch(std::span<const RecordView> records, std::vector<Expected>& expected) {
    const auto name = name_of(topic_, records.front());
    const SentBatch* const batch = name ? find(name->batch, expected) : nullptr;
    if (batch == nullptr) {
        problem("the record at " + text(records.front().offset()) +
                " is one that nobody published, or is there twice, or out of order: " +
                (name ? to_string(name->batch) : "of no publisher"));
        return;
    }
    judge_found(*batch, records);
}

/// The batch of that name, and judges those that the publisher sent before it as absent. Null where it was not sent in
/// this round, or has been passed by already.
const SentBatch* TopicHistory::find(const BatchName& name, std::vector<Expected>& expected) {
    if (name.publisher >= expected.size()) {
        return nullptr;
    }
    Expected& of_publisher = expected[name.publisher];
    const auto begin = of_publisher.batches.begin() + static_cast<std::ptrdiff_t>(of_publisher.judged);
    const auto found = std::find_if(begin, of_publisher.batches.end(),
                                    [&name](const SentBatch* batch) { return batch->name == name; });
    if (found == of_publisher.batches.end()) {
        return nullptr;
    }
    for (auto passed = begin; passed != found; ++passed) {
        judge_absent(**passed, true);
    }
    of_publisher.judged = static_cast<std::size_t>(found - of_publisher.batches.begin()) + 1;
    return *found;
}

void TopicHistory::judge_found(const SentBatch& batch, std::span<const RecordView> records) {
    const MadeBatch made = make_batch(seed_, batch.name);
    if (batch.answer == Answer::refused || made.is_spoiled) {
        problem(to_string(batch.name) + " was refused, and is there at " + text(records.front().offset()));
        return;
    }
    check_content(batch, made, records);
    if (batch.answer == Answer::none) {
        ++figures_.unanswered_batches;
        ++figures_.unanswered_found;
        return;
    }
    figures_.acknowledged_records += batch.accepted.accepted;
    if (batch.accepted.first != records.front().offset() || batch.accepted.accepted != records.size()) {
        problem(to_string(batch.name) + " was acknowledged as " + std::to_string(batch.accepted.accepted) +
                " records at " + text(batch.accepted.first) + ", and is there as " + std::to_string(records.size()) +
                " at " + text(records.front().offset()));
    }
}

/// Every record of the batch is there, in order, or was a duplicate, and the answer said so.
void TopicHistory::check_content(const SentBatch& batch, const MadeBatch& made, std::span<const RecordView> records) {
    std::vector<std::uint32_t> missing;
    std::size_t next = 0;
    for (std::uint32_t index = 0; index < made.records.size(); ++index) {
        const MadeRecord& record = made.records[index];
        const bool is_there = next < records.size() && is_same(records[next], record);
        next += is_there ? 1 : 0;
        if (!is_there) {
            missing.push_back(index);
        }
        if (record.key) {
            check_window(*record.key, records.front().timestamp(), is_there, batch.name);
        } else if (!is_there) {
            problem("record " + std::to_string(index) + " of " + to_string(batch.name) + " is not there");
        }
    }
    if (next != records.size()) {
        problem("the batch at " + text(records.front().offset()) + " is not what was sent as " + to_string(batch.name));
    }
    if (batch.answer == Answer::accepted && batch.accepted.duplicates != missing) {
        problem(to_string(batch.name) + " lacks other records than the answer said");
    }
    figures_.duplicates_dropped += missing.size();
}

/// A keyed record is there exactly when its key was not accepted less than a window ago: by this server or by one
/// before it.
void TopicHistory::check_window(const std::string& key, Timestamp time, bool is_there, const BatchName& batch) {
    const auto window = saturated_ms(crash_topics[topic_].settings.compaction_window_ms);
    const auto before = accepted_keys_.find(key);
    const bool is_duplicate = before != accepted_keys_.end() && time - before->second < window;
    if (is_there && is_duplicate) {
        problem("key '" + key + "' of " + to_string(batch) + " was accepted twice within the window");
    }
    if (!is_there && !is_duplicate) {
        problem("key '" + key + "' of " + to_string(batch) + " was dropped, and nothing there is its original");
    }
    if (is_there) {
        accepted_keys_[key] = time;
    }
}

void TopicHistory::judge_absent(const SentBatch& batch, bool others_follow) {
    const bool is_spoiled = make_batch(seed_, batch.name).is_spoiled;
    switch (batch.answer) {
        case Answer::refused:
            ++figures_.refused_batches;
            if (batch.refusal != Error::shutting_down && !(is_spoiled && batch.refusal == Error::checksum_mismatch)) {
                problem(to_string(batch.name) + " was refused: " + std::string(error_name(batch.refusal)));
            }
            return;
        case Answer::accepted:
            figures_.acknowledged_records += batch.accepted.accepted;
            if (is_spoiled) {
                problem(to_string(batch.name) + " has a wrong checksum, and was acknowledged");
            } else if (!some_are_gone_ || batch.accepted.first >= found_first_) {
                problem("lost: " + to_string(batch.name) + ", acknowledged at " + text(batch.accepted.first));
            } else {
                figures_.removed_records += batch.accepted.accepted;
            }
            return;
        case Answer::none:
            ++figures_.unanswered_batches;
            if (others_follow && !is_spoiled && !some_are_gone_) {
                problem(to_string(batch.name) + " is not there, and one that was sent after it is");
            }
            return;
    }
}

// --- Besides

void TopicHistory::check_delivered(const Delivery& delivery) {
    for (const DeliveredRecord& record : delivery.records) {
        if (record.offset >= end()) {
            problem("the record at " + text(record.offset) + " was delivered and is gone: it ends at " + text(end()));
            return;
        }
        const std::uint32_t digest = digests_[record.offset.value];
        if (digest != 0 && digest != record.checksum) {
            problem("the record at " + text(record.offset) + " is another than was delivered");
            return;
        }
    }
}

void TopicHistory::check_position(std::optional<Offset> found, const Delivery& delivery) {
    bool is_known = found == position_;
    for (const SentCommit& commit : delivery.commits) {
        if (commit.is_acknowledged) {
            is_known = false;  // what came before it does not count any more
        }
        is_known = is_known || found == commit.offset;
    }
    if (!is_known) {
        problem("the position is " + (found ? text(*found) : "unknown") +
                ", which is not the last acknowledged one nor one after it");
    }
    position_ = found;
}

void TopicHistory::check_all(const ReadBack& all) {
    if (!crash_topics[topic_].is_bounded() && all.first > trimmed_) {
        problem("lost: it begins at " + text(all.first));
    }
    if (all.end != end()) {
        problem("it ends at " + text(all.end) + " instead of " + text(end()));
    }
    Offset next = all.first;
    for (const RecordView record : Records(all.records)) {
        if (record.offset() != next || !has_valid_checksum(record)) {
            problem("read again, offset " + text(record.offset()) + " stands in the place of " + text(next) +
                    ", or is damaged");
            return;
        }
        const std::uint32_t digest = next < end() ? digests_[next.value] : 0;
        if (digest != 0 && digest != record.checksum()) {
            problem("read again, the record at " + text(next) + " has changed");
        }
        ++next.value;
    }
    if (next != all.end) {
        problem("read again, it ends at " + text(next) + " and says " + text(all.end));
    }
}

}  // namespace leveret::test
