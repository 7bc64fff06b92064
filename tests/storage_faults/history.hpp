// What a test has asked of its logs and what was answered, with the moment of each on the disk.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "message_log/topic_catalogue.hpp"
#include "protocol/record.hpp"

namespace leveret::test {

/// How many operations the disk had seen.
using Moment = std::size_t;

/// A number that only grows, and when.
class Growing {
  public:
    void reached(std::uint64_t value, Moment when) { steps_.emplace_back(when, value); }
    [[nodiscard]] std::uint64_t at(Moment moment) const {
        std::uint64_t result = 0;
        for (const auto& [when, value] : steps_) {
            result = when <= moment && value > result ? value : result;
        }
        return result;
    }
    /// Whether it was this at some time up to then.
    [[nodiscard]] bool was(std::uint64_t value, Moment moment) const {
        return value == 0 || std::any_of(steps_.begin(), steps_.end(), [&](const auto& step) {
                   return step.first <= moment && step.second == value;
               });
    }
    [[nodiscard]] const std::vector<std::pair<Moment, std::uint64_t>>& steps() const noexcept { return steps_; }

  private:
    std::vector<std::pair<Moment, std::uint64_t>> steps_;
};

/// Asked: it may be on the disk from then on. Answered: it has to be.
struct AskedAndAnswered {
    Growing asked{};
    Growing answered{};
};

/// Batches of one log, each in the memory that append() is given; records are numbered and stamped consecutively.
class BatchBook {
  public:
    /// The next batch: a record for each size of a payload.
    Bytes make(const std::vector<std::size_t>& payload_bytes);
    /// Takes back what was made last and was not handed over.
    void forget_last();

    [[nodiscard]] std::uint64_t end() const noexcept { return record_at_.size(); }
    [[nodiscard]] Bytes record(std::uint64_t offset) const;
    /// Whether a batch begins here, or the next one will.
    [[nodiscard]] bool is_batch_start(std::uint64_t offset) const;

    [[nodiscard]] static Timestamp time_of(std::uint64_t offset);

  private:
    struct Place {
        const std::vector<std::byte>* batch;
        std::size_t at;
    };
    std::deque<std::vector<std::byte>> batches_;
    std::vector<Place> record_at_;
};

struct TopicHistory {
    TopicId id{};
    bool shows_unsynced = false;
    std::vector<StoredTopic> versions{};  ///< that were saved in the catalogue, one after the other
    AskedAndAnswered saved{};             ///< how many of them
    AskedAndAnswered created{};           ///< 1: the log
    AskedAndAnswered removed{};           ///< 1: the topic
    BatchBook batches{};
    Growing handed{};   ///< end of the records that append() was given
    Growing written{};  ///< end of what was acknowledged
    Growing synced{};   ///< of that, what a power cut must not take
    AskedAndAnswered trimmed{};
    AskedAndAnswered position{};  ///< "reader"
};

struct History {
    std::map<std::string, TopicHistory> topics{};
};

}  // namespace leveret::test
