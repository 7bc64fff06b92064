// What the micro-benchmarks share: a topic on the machine's clock, and batches of records.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "environment/environment.hpp"
#include "topic_controller/topic_controller.hpp"

namespace leveret::bench {

struct BenchTopic {
    Limits limits;
    std::unique_ptr<Random> random = make_random(1);
    MemoryBudget memory{4ULL << 30U};
    Counters counters;
    std::shared_ptr<TopicController> topic;

    explicit BenchTopic(const TopicSettings& settings = {}) {
        topic = std::make_shared<TopicController>("bench", random->topic_id(), Epoch{1}, settings, true,
                                                  Environment{limits, system_clock(), *random, memory, counters},
                                                  nullptr, nullptr);
    }
    void append(const Batch& batch) const {
        topic->append({&batch, 1}, [](std::span<AppendResult>) {});
    }
};

/// Owns the bytes of `record_count` records of `bytes_per_record`, header included.
class BenchBatch {
  public:
    BenchBatch(std::uint32_t record_count, std::size_t bytes_per_record) : record_count_(record_count) {
        const std::string payload(bytes_per_record - record_layout::header_bytes, 'x');
        bytes_.resize(record_count * bytes_per_record);
        for (std::uint32_t i = 0; i < record_count; ++i) {
            write_record(bytes_.data() + i * bytes_per_record, {.payload = as_bytes(payload)}, i + 1 < record_count);
        }
    }
    /// With a key of 8 bytes each, counted up from `first_key`.
    void write_keyed(std::uint64_t first_key, std::size_t payload_bytes) {
        const std::string payload(payload_bytes, 'x');
        const std::size_t size = record_layout::header_bytes + sizeof first_key + payload_bytes;
        bytes_.resize(record_count_ * size);
        for (std::uint32_t i = 0; i < record_count_; ++i) {
            const std::uint64_t key = first_key + i;
            const std::string_view text(reinterpret_cast<const char*>(&key), sizeof key);
            write_record(bytes_.data() + i * size, {.payload = as_bytes(payload), .key = text}, i + 1 < record_count_);
        }
    }
    [[nodiscard]] Batch batch() const noexcept { return {bytes_, record_count_}; }

  private:
    std::vector<std::byte> bytes_;
    std::uint32_t record_count_;
};

}  // namespace leveret::bench
