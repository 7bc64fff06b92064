#include "topic_controller/admission.hpp"

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

std::error_code Admission::admit(Bytes records, CompactionWindow& window, Timestamp now,
                                 std::chrono::microseconds length, std::vector<std::uint32_t>& duplicates) {
    using Verdict = CompactionWindow::Verdict;
    clear();
    std::error_code error;
    std::uint32_t index = 0;
    for (const RecordView record : Records(records)) {
        const auto key = record.key();
        const Verdict verdict = key ? window.accept(*key, now, length) : Verdict::accepted;
        if (verdict == Verdict::duplicate) {
            duplicates.push_back(index);
        } else if (verdict == Verdict::accepted) {
            keys_ += key ? 1 : 0;
            keep(record);
        } else {
            error = verdict == Verdict::window_full ? Error::window_full : Error::memory_full;
            break;
        }
        ++index;
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

void Admission::keep(RecordView record) {
    const Bytes bytes = record.bytes();
    if (!runs_.empty() && runs_.back().data() + runs_.back().size() == bytes.data()) {
        runs_.back() = {runs_.back().data(), runs_.back().size() + bytes.size()};
    } else {
        runs_.push_back(bytes);
    }
    last_ = bytes;
    bytes_ += bytes.size();
    ++record_count_;
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
