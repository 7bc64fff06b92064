#include "crash/load.hpp"

#include <algorithm>
#include <cstring>

namespace leveret::test {

namespace {

/// The front of every payload.
struct Label {
    std::uint32_t publisher;
    std::uint32_t index;
    std::uint64_t number;
};
static_assert(sizeof(Label) == 16);

constexpr std::uint64_t one_batch_in_is_large = 64;
constexpr std::uint64_t one_batch_in_is_spoiled = 50;
constexpr std::uint64_t keys = 500;

std::string payload_of(const BatchName& name, std::uint32_t index, std::size_t filler_bytes, SeededNumbers& numbers) {
    const Label label{name.publisher, index, name.number};
    std::string payload(sizeof label + filler_bytes, static_cast<char>('a' + numbers.below(26)));
    std::memcpy(payload.data(), &label, sizeof label);
    return payload;
}

}  // namespace

SeededNumbers::SeededNumbers(std::initializer_list<std::uint64_t> seeds) noexcept {
    for (const std::uint64_t seed : seeds) {
        state_ = (state_ ^ seed) * 0x9E37'79B9'7F4A'7C15U;
        state_ = next();
    }
}

// SplitMix64: https://prng.di.unimi.it/splitmix64.c
std::uint64_t SeededNumbers::next() noexcept {
    state_ += 0x9E37'79B9'7F4A'7C15U;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xBF58'476D'1CE4'E5B9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94D0'49BB'1331'11EBU;
    return mixed ^ (mixed >> 31U);
}

std::uint64_t SeededNumbers::of_any_size(unsigned doublings) noexcept {
    const std::uint64_t power = std::uint64_t{1} << below(doublings);
    return power + below(power);
}

std::string to_string(const BatchName& name) {
    return "batch " + std::to_string(name.number) + " of publisher " + std::to_string(name.publisher) + " to topic '" +
           std::string(crash_topics[name.topic].name) + "'";
}

MadeBatch make_batch(std::uint64_t seed, const BatchName& name) {
    SeededNumbers numbers{seed, name.topic, name.publisher, name.number};
    const bool is_large = numbers.below(one_batch_in_is_large) == 0;
    const std::uint64_t count = is_large ? 5 + numbers.below(20) : 1 + numbers.below(8);
    // Larger than a segment: the kill has a chance to come in the middle of the write. The bounded topic removes whole
    // segments, so its own stay small beside what it keeps.
    const std::uint64_t large_bytes =
        crash_segment_bytes * (crash_topics[name.topic].is_bounded() ? 2 : 2 + numbers.below(14));
    const std::uint64_t keyless = numbers.below(count);
    MadeBatch batch;
    batch.is_spoiled = numbers.below(one_batch_in_is_spoiled) == 0;
    for (std::uint32_t index = 0; index < count; ++index) {
        const std::size_t filler_bytes = is_large ? large_bytes / count : numbers.below(100);
        MadeRecord& record = batch.records.emplace_back();
        record.payload = payload_of(name, index, filler_bytes, numbers);
        if (crash_topics[name.topic].is_keyed() && index != keyless) {
            record.key = "key " + std::to_string(numbers.below(keys));
        }
    }
    return batch;
}

ByteVector publish_frame(const MadeBatch& batch, std::uint32_t handle, std::uint32_t correlation) {
    DraftedRecords records;
    for (const MadeRecord& record : batch.records) {
        RecordDraft draft{.payload = as_bytes(record.payload)};
        if (record.key) {
            draft.key = *record.key;
        }
        records.add(draft);
    }
    ByteVector bytes = publish(handle, records, correlation);
    if (batch.is_spoiled) {
        bytes.back() ^= std::byte{1};
    }
    return bytes;
}

std::optional<RecordName> name_of(std::size_t topic, RecordView record) {
    Label label{};
    const Bytes payload = record.payload();
    if (payload.size() < sizeof label) {
        return {};
    }
    std::memcpy(&label, payload.data(), sizeof label);
    if (label.publisher >= crash_publishers) {
        return {};
    }
    return RecordName{{topic, label.publisher, label.number}, label.index};
}

RoundPlan plan_round(std::uint64_t seed, std::uint64_t round) {
    using std::chrono::microseconds;
    SeededNumbers numbers{seed, round};
    RoundPlan plan;
    const std::uint64_t kind = numbers.below(20);
    plan.moment = kind < 9    ? RoundPlan::Moment::acknowledgements
                  : kind < 16 ? RoundPlan::Moment::microseconds
                              : RoundPlan::Moment::stop;
    plan.acknowledgements = numbers.of_any_size(9);
    plan.after = microseconds(plan.moment == RoundPlan::Moment::stop ? numbers.of_any_size(16)    // up to 66 ms
                                                                     : numbers.of_any_size(18));  // up to 262 ms
    plan.batches_in_flight = static_cast<std::uint32_t>(numbers.of_any_size(5));
    if (numbers.below(5) == 0) {
        for (std::uint64_t kill = numbers.below(3) + 1; kill > 0; --kill) {
            plan.kills_while_starting.emplace_back(500 + numbers.of_any_size(16));
        }
    }
    return plan;
}

}  // namespace leveret::test
