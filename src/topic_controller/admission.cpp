#include "topic_controller/admission.hpp"

#include <algorithm>

namespace leveret {

void Admission::clear() noexcept {
    constexpr std::size_t mended_bytes_kept = 64U << 10U;
    if (mended_.capacity() > mended_bytes_kept) {
        mended_ = {};
    }
    runs_.clear();
    bytes_ = 0;
    record_count_ = 0;
    keys_ = 0;
    last_ = {};
}

void Admission::admit_all(Bytes records, std::uint32_t record_count) {
    clear();
    runs_.push_back(records);
    bytes_ = records.size();
    record_count_ = record_count;
}

std::error_code Admission::admit(Bytes records, CompactionWindow& window, WindowTime now,
                                 std::chrono::microseconds length, std::vector<std::uint32_t>& duplicates) {
    clear();
    std::error_code error;
    std::uint32_t first_index = 0;
    for (Records::Iterator at = Records(records).begin(); at != Records(records).end() && !error;) {
        Group group;
        for (; at != Records(records).end() && group.count < group_records; ++at) {
            group.add(*at);
        }
        error = admit_group(group, first_index, window, now, length, duplicates);
        first_index += group_records;
    }
    if (!error) {
        error = end_batch();
    }
    if (error) {
        withdraw(window);
        duplicates.clear();
    }
    return error;
}

std::error_code Admission::admit_group(const Group& group, std::uint32_t first_index, CompactionWindow& window,
                                       WindowTime now, std::chrono::microseconds length,
                                       std::vector<std::uint32_t>& duplicates) {
    using Verdict = CompactionWindow::Verdict;
    std::array<Verdict, group_records> verdicts{};
    window.accept({group.keys.data(), group.key_count}, now, length, verdicts);
    const std::span given(verdicts.data(), group.key_count);
    if (std::all_of(given.begin(), given.end(), [](Verdict verdict) { return verdict == Verdict::accepted; })) {
        keys_ += group.key_count;
        keep(RecordView(group.records[0]), RecordView(group.records[group.count - 1]), group.count);
        return {};
    }
    std::size_t next_key = 0;
    for (std::uint32_t i = 0; i < group.count; ++i) {
        const bool has_key = next_key < group.key_count && group.record_of_key[next_key] == i;
        const Verdict verdict = has_key ? verdicts[next_key++] : Verdict::accepted;
        if (verdict == Verdict::duplicate) {
            duplicates.push_back(first_index + i);
        } else if (verdict == Verdict::accepted) {
            keys_ += has_key ? 1 : 0;
            const RecordView record(group.records[i]);
            keep(record, record, 1);
        } else {
            return verdict == Verdict::window_full ? Error::window_full : Error::memory_full;
        }
    }
    return {};
}

void Admission::Group::add(RecordView record) noexcept {
    if (const auto key = record.key()) {
        record_of_key[key_count] = count;
        // Not *key: g++ 12 would put its halves on the stack, and wait to read them back as one (4.6 -> 2.5 % of the
        // server's time for this function).
        keys[key_count++] = {key->data(), key->size()};
    }
    records[count++] = record.bytes().data();
}

/// `count` records that lie back to back.
void Admission::keep(RecordView first, RecordView last, std::uint32_t count) {
    const std::byte* const begin = first.bytes().data();
    last_ = last.bytes();
    const auto bytes = static_cast<std::size_t>(last_.data() + last_.size() - begin);
    if (!runs_.empty() && runs_.back().data() + runs_.back().size() == begin) {
        runs_.back() = {runs_.back().data(), runs_.back().size() + bytes};
    } else {
        runs_.emplace_back(begin, bytes);
    }
    bytes_ += bytes;
    record_count_ += count;
}

/// Where what followed the last record was dropped, a copy of it that ends the batch takes its place.
std::error_code Admission::end_batch() {
    if (last_.empty() || !RecordView(last_.data()).has(record_layout::more_in_batch)) {
        return {};
    }
    if (!has_valid_content_checksum(RecordView(last_.data()))) {
        return Error::bad_record;  // a new checksum would vouch for bytes that the old one says are wrong
    }
    mended_.assign(last_.begin(), last_.end());
    set_more_in_batch(mended_.data(), false);
    runs_.back() = runs_.back().first(runs_.back().size() - last_.size());
    if (runs_.back().empty()) {
        runs_.pop_back();
    }
    runs_.emplace_back(mended_);
    return {};
}

}  // namespace leveret
