// What a topic has promised so far, and whether a restarted server keeps it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "crash/publisher.hpp"
#include "crash/subscriber.hpp"

namespace leveret::test {

/// Everything that a topic holds from some offset on, as it was fetched.
struct ReadBack {
    Offset first{};  ///< of the first record in `records`; `end` where there is none
    Offset end{};
    ByteVector records;
};

/// Judges one topic over all rounds. What is wrong is a sentence; no sentence, nothing wrong.
///
/// A batch counts as *found* when the log has it whole. After a round every publisher's batches have to be there in the
/// order of sending, without a hole, but for those that were refused: all that were acknowledged, then perhaps some
/// more, and nothing else.
class TopicHistory {
  public:
    struct Figures {
        std::uint64_t acknowledged_records = 0;
        std::uint64_t removed_records = 0;     ///< of them, those that retention removed before they were looked at
        std::uint64_t recovered_records = 0;   ///< found in the log after the round in which they were sent
        std::uint64_t unanswered_batches = 0;  ///< when the server was killed
        std::uint64_t unanswered_found = 0;    ///< of them, those that the log has
        std::uint64_t duplicates_dropped = 0;  ///< of found batches
        std::uint64_t refused_batches = 0;

        Figures& operator+=(const Figures& other) noexcept;
    };

    TopicHistory(std::uint64_t seed, std::size_t topic) noexcept : seed_(seed), topic_(topic) {}

    /// Where the log ended when it was looked at last: where the next look begins.
    [[nodiscard]] Offset end() const noexcept { return {digests_.size()}; }
    /// Below this offset records may go from now on, because somebody trims them.
    void allow_trim(Offset before) noexcept { trimmed_ = before; }
    /// Nothing at or above this offset may be gone, but from a bounded topic.
    [[nodiscard]] Offset trimmed() const noexcept { return trimmed_; }
    /// Where the committing subscriber goes on, if it has committed yet; as found by check_position().
    [[nodiscard]] std::optional<Offset> position() const noexcept { return position_; }
    /// Takes what the restarted server has from end() on, after a round in which these were sent: one list for each
    /// publisher, also with batches to other topics.
    void take_round(const ReadBack& found, std::span<const std::vector<SentBatch>> sent);
    /// What subscribers were given in the round that take_round() has taken is there, unchanged.
    void check_delivered(const Delivery& delivery);
    /// The position is the last that was acknowledged, or one whose answer did not come any more.
    void check_position(std::optional<Offset> found, const Delivery& delivery);
    /// Everything from the first record that the server has, read once more.
    void check_all(const ReadBack& all);

    [[nodiscard]] const Figures& figures() const noexcept { return figures_; }
    /// Takes away what was found to be wrong.
    [[nodiscard]] std::vector<std::string> take_problems() noexcept { return std::exchange(problems_, {}); }

  private:
    /// The batches of one publisher to this topic in a round, and how far the log has been compared with them.
    struct Expected {
        std::vector<const SentBatch*> batches;
        std::size_t judged = 0;
    };

    void problem(const std::string& text);
    void take_record(RecordView record);
    void take_batch(std::span<const RecordView> records, std::vector<Expected>& expected);
    [[nodiscard]] const SentBatch* find(const BatchName& name, std::vector<Expected>& expected);
    void judge_found(const SentBatch& batch, std::span<const RecordView> records);
    void judge_absent(const SentBatch& batch, bool others_follow);
    void check_content(const SentBatch& batch, const MadeBatch& made, std::span<const RecordView> records);
    void check_window(const std::string& key, Timestamp time, bool is_there, const BatchName& batch);

    std::uint64_t seed_;
    std::size_t topic_;
    std::vector<std::uint32_t> digests_;  ///< each offset's stamped checksum; 0 where it was gone before it was read
    Timestamp last_timestamp_{};
    std::map<std::string, Timestamp> accepted_keys_;
    Offset trimmed_{};
    Offset found_first_{};        ///< of the round that is being taken
    bool some_are_gone_ = false;  ///< a bounded topic removed what nobody had looked at
    std::optional<Offset> position_;
    Figures figures_;
    std::vector<std::string> problems_;
};

}  // namespace leveret::test
