// Batches as a publisher writes them, and records as text.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/record.hpp"
#include "topic_controller/broadcast_buffer.hpp"
#include "topic_controller/topic_controller.hpp"

namespace leveret::test {

/// Owns the bytes of a Publish frame's records.
class DraftBatch {
  public:
    DraftBatch() = default;
    /// Records without a key.
    DraftBatch(std::initializer_list<std::string_view> payloads) {
        for (const std::string_view payload : payloads) {
            add({.payload = as_bytes(payload)});
        }
    }
    DraftBatch& add(const RecordDraft& draft) {
        if (record_count_ > 0) {
            set_more_in_batch(bytes_.data() + last_at_, true);
        }
        last_at_ = bytes_.size();
        bytes_.resize(last_at_ + record_bytes(draft));
        write_record(bytes_.data() + last_at_, draft, false);
        ++record_count_;
        return *this;
    }
    DraftBatch& add(std::string_view key, std::string_view payload) {
        return add({.payload = as_bytes(payload), .key = key});
    }
    [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::vector<std::byte>& mutable_bytes() noexcept { return bytes_; }
    [[nodiscard]] Batch batch() const noexcept { return {bytes_, record_count_}; }

  private:
    std::vector<std::byte> bytes_;
    std::size_t last_at_ = 0;
    std::uint32_t record_count_ = 0;
};

/// The payloads of what was gathered, each followed by a space.
inline std::string payloads(const Gathered& gathered) {
    std::string text;
    for (const Slice& slice : gathered.slices()) {
        for (const RecordView record : Records(slice.records)) {
            text += record.payload_text();
            text += ' ';
        }
    }
    return text;
}

/// The offsets of what was gathered.
inline std::vector<std::uint64_t> offsets(const Gathered& gathered) {
    std::vector<std::uint64_t> found;
    for (const Slice& slice : gathered.slices()) {
        for (const RecordView record : Records(slice.records)) {
            found.push_back(record.offset().value);
        }
    }
    return found;
}

}  // namespace leveret::test
