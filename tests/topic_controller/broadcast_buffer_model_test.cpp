// BroadcastBuffer against the simplest thing that could be right: a deque of records.
#include <deque>
#include <random>

#include <catch2/catch.hpp>

#include "batch_fixture.hpp"
#include "topic_controller/broadcast_buffer.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

struct ModelRecord {
    std::uint64_t offset;
    Timestamp timestamp;
    std::string payload;
};

class Comparison {
  public:
    explicit Comparison(std::uint32_t seed, BroadcastBuffer::Bounds bounds) : random_(seed), buffer_(memory_, bounds) {}

    void step() {
        time_ += std::chrono::microseconds(number(0, 3));
        switch (number(0, 9)) {
            case 0:
                remove();
                break;
            case 1:
                find_time();
                break;
            case 2:
            case 3:
            case 4:
            case 5:
                append();
                break;
            default:
                gather(cursors_[number(0, cursors_.size() - 1)]);
        }
        check_figures();
    }

  private:
    std::uint64_t number(std::uint64_t from, std::uint64_t to) {
        return std::uniform_int_distribution<std::uint64_t>(from, to)(random_);
    }

    void append() {
        DraftBatch draft;
        std::vector<ModelRecord> added;
        const bool is_large = number(0, 20) == 0;
        for (std::uint64_t count = number(1, 30); count > 0; --count) {
            std::string payload(number(0, is_large ? 6000 : 300), static_cast<char>('a' + number(0, 25)));
            draft.add({.payload = as_bytes(payload)});
            added.push_back({next_ + added.size(), time_, std::move(payload)});
        }
        const bool fits =
            draft.bytes().size() <= buffer_.bounds().bytes_max && added.size() <= buffer_.bounds().records_max;
        if (!fits) {
            return;
        }
        const std::uint64_t lost = buffer_.make_room(draft.bytes().size(), added.size(), removed_);
        forget(lost, true);
        const Bytes run = draft.bytes();
        if (buffer_.append({&run, 1}, time_)) {
            buffer_.make_visible();
            next_ += added.size();
            records_.insert(records_.end(), added.begin(), added.end());
        } else {
            ++refused;
        }
        removed_.clear();
    }

    void forget(std::uint64_t count, bool is_loss) {
        REQUIRE(count <= records_.size());
        records_.erase(records_.begin(), records_.begin() + static_cast<std::ptrdiff_t>(count));
        if (is_loss && count > 0) {
            lost_end_ = first();
        }
    }

    void remove() {
        const std::uint64_t records_before = records_.size();
        switch (number(0, 3)) {
            case 0: {
                const Timestamp expired = time_ - std::chrono::microseconds(number(0, 200));
                std::uint64_t due = 0;
                while (due < records_before && records_[due].timestamp <= expired) {
                    ++due;
                }
                REQUIRE(buffer_.expire(expired, removed_) == due);
                forget(due, false);
                break;
            }
            case 1: {
                const std::uint64_t before = number(first(), std::min(next_, first() + 20));
                REQUIRE(buffer_.trim(Offset{before}, removed_) == before - first());
                forget(before - first(), true);
                break;
            }
            case 2:
                forget(buffer_.remove_oldest_block(removed_), true);
                break;
            default:
                buffer_.drop_spares(removed_);
        }
        if (number(0, 1) == 0) {
            removed_.clear();
        }
    }

    void find_time() {
        const Timestamp time = time_ - std::chrono::microseconds(number(0, 200)) + std::chrono::microseconds(1);
        std::uint64_t expected = next_;
        for (auto record = records_.rbegin(); record != records_.rend() && record->timestamp >= time; ++record) {
            expected = record->offset;
        }
        const Cursor found = buffer_.find_time(time);
        REQUIRE(found.next == Offset{expected});
        cursors_[number(0, cursors_.size() - 1)] = found;
    }

    void gather(Cursor& cursor) {
        if (number(0, 9) == 0) {
            cursor.next = Offset{number(0, next_)};  // the hint is now wrong, or right by chance
        }
        const std::uint64_t records_max = number(0, 2) == 0 ? number(0, 40) : ~std::uint64_t{0};
        const std::size_t bytes_max = number(0, 20'000);
        const Timestamp expired =
            number(0, 2) == 0 ? time_ - std::chrono::microseconds(number(0, 200)) : Timestamp::min();
        const std::uint64_t from = cursor.next.value;
        gathered_.clear();
        buffer_.gather(cursor, bytes_max, records_max, expired, gathered_);

        REQUIRE(gathered_.lagged().has_value() == (from < lost_end_));
        if (gathered_.lagged()) {
            REQUIRE(gathered_.lagged()->from == Offset{from});
            REQUIRE(gathered_.lagged()->to == Offset{lost_end_});
        }
        check_gathered(cursor, std::max(from, first()), bytes_max, records_max, expired);
    }

    void check_gathered(const Cursor& cursor, std::uint64_t from, std::size_t bytes_max, std::uint64_t records_max,
                        Timestamp expired) {
        std::size_t at = from - first();
        while (at < records_.size() && records_[at].timestamp <= expired) {
            ++at;
        }
        std::uint64_t count = 0;
        std::uint64_t bytes = 0;
        for (const Slice& slice : gathered_.slices()) {
            for (const RecordView record : Records(slice.records)) {
                REQUIRE(at < records_.size());
                REQUIRE(record.offset() == Offset{records_[at].offset});
                REQUIRE(record.timestamp() == records_[at].timestamp);
                REQUIRE(record.payload_text() == records_[at].payload);
                REQUIRE(has_valid_checksum(record));
                ++at;
                ++count;
                bytes += record.size();
            }
        }
        REQUIRE(gathered_.records() == count);
        REQUIRE(gathered_.bytes() == bytes);
        REQUIRE(cursor.next == Offset{first() + at});
        REQUIRE(count <= records_max);
        REQUIRE((bytes <= bytes_max || count == 1));
        // It stopped because of a bound, or because there is no more.
        const bool is_full = count == records_max || gathered_.slices().size() == Gathered::slices_max;
        const bool next_fits =
            at < records_.size() && (count == 0 || bytes + 32 + records_[at].payload.size() <= bytes_max);
        REQUIRE((is_full || !next_fits));
    }

    [[nodiscard]] std::uint64_t first() const { return next_ - records_.size(); }

    void check_figures() {
        std::uint64_t bytes = 0;
        for (const ModelRecord& record : records_) {
            bytes += 32 + record.payload.size();
        }
        REQUIRE(buffer_.first() == Offset{first()});
        REQUIRE(buffer_.visible() == Offset{next_});
        REQUIRE(buffer_.records() == records_.size());
        REQUIRE(buffer_.bytes() == bytes);
        REQUIRE(bytes <= buffer_.bounds().bytes_max);
        REQUIRE(records_.size() <= buffer_.bounds().records_max);
    }

    std::mt19937 random_;
    MemoryBudget memory_{192U << 10U};
    BroadcastBuffer buffer_;
    BroadcastBuffer::Removed removed_;
    Gathered gathered_;
    std::array<Cursor, 5> cursors_{};
    Timestamp time_ = Timestamp(std::chrono::seconds(1000));

    std::deque<ModelRecord> records_;
    std::uint64_t next_ = 0;
    std::uint64_t lost_end_ = 0;

  public:
    int refused = 0;
};

int refused_in_run(std::uint32_t seed, BroadcastBuffer::Bounds bounds) {
    Comparison comparison(seed, bounds);
    for (int i = 0; i < 3000; ++i) {
        comparison.step();
    }
    return comparison.refused;
}

}  // namespace

TEST_CASE("BroadcastBuffer: does what a deque of records would do") {
    const auto seed = GENERATE(range(0U, 8U));
    INFO("seed " << seed);
    refused_in_run(seed, {.bytes_max = 96U << 10U, .records_max = 1U << 20U});
    refused_in_run(seed, {.bytes_max = 1U << 20U, .records_max = 100});
    refused_in_run(seed, {.bytes_max = 5000, .records_max = 1000});
}

TEST_CASE("BroadcastBuffer: does so where the budget refuses blocks now and then") {
    CHECK(refused_in_run(1, {.bytes_max = 1U << 20U, .records_max = 1U << 20U}) > 0);
}
