#include "history.hpp"

namespace leveret::test {

Bytes BatchBook::make(const std::vector<std::size_t>& payload_bytes) {
    std::vector<std::byte>& batch = batches_.emplace_back();
    for (std::size_t i = 0; i < payload_bytes.size(); ++i) {
        std::string payload = "record " + std::to_string(end()) + " ";
        payload.resize(payload_bytes[i], static_cast<char>('a' + end() % 26));
        const RecordDraft draft{.payload = as_bytes(payload)};
        const std::size_t at = batch.size();
        batch.resize(at + record_bytes(draft));
        write_record(batch.data() + at, draft, i + 1 < payload_bytes.size());
        stamp_record(batch.data() + at, Offset{end()}, time_of(end()));
        record_at_.push_back({&batch, at});
    }
    return batch;
}

void BatchBook::forget_last() {
    while (!record_at_.empty() && record_at_.back().batch == &batches_.back()) {
        record_at_.pop_back();
    }
    batches_.pop_back();
}

Bytes BatchBook::record(std::uint64_t offset) const {
    const Place& place = record_at_.at(offset);
    return RecordView(place.batch->data() + place.at).bytes();
}

bool BatchBook::is_batch_start(std::uint64_t offset) const {
    return offset == end() || record_at_.at(offset).at == 0;
}

Timestamp BatchBook::time_of(std::uint64_t offset) {
    return Timestamp(std::chrono::microseconds(1'700'000'000'000'000 + static_cast<std::int64_t>(offset) * 1000));
}

}  // namespace leveret::test
