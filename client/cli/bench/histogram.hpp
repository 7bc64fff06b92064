// Latencies, counted in buckets whose width grows with the value.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <vector>

namespace leveret::cli {

/// Knows every value to within 1/128 of itself. The idea is that of HdrHistogram: values that share their leading bits
/// share a bucket. Not thread-safe: one per thread, merged at the end.
class Histogram {
  public:
    Histogram() : counts_(bucket_count) {}

    /// A negative latency counts as zero.
    void add(std::chrono::nanoseconds latency) noexcept {
        const auto value = static_cast<std::uint64_t>(latency.count() < 0 ? 0 : latency.count());
        ++counts_[bucket_of(value)];
        ++count_;
        max_ = value > max_ ? value : max_;
    }
    void merge(const Histogram& other) noexcept;

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] std::chrono::nanoseconds max() const noexcept { return std::chrono::nanoseconds(max_); }
    /// The value that `fraction` of all values do not exceed (the upper end of its bucket, but never above max()); zero
    /// where there are none.
    [[nodiscard]] std::chrono::nanoseconds quantile(double fraction) const noexcept;

  private:
    static constexpr unsigned sub_bucket_bits = 7;
    static constexpr std::uint64_t sub_buckets = 1U << sub_bucket_bits;
    static constexpr std::size_t bucket_count = (64 - sub_bucket_bits + 1) * sub_buckets;

    /// Values below 2 * sub_buckets have a bucket each; above, each power of two has sub_buckets of them.
    static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
        const auto width = static_cast<unsigned>(std::bit_width(value));
        const unsigned shift = width > sub_bucket_bits + 1 ? width - sub_bucket_bits - 1 : 0;
        return shift * sub_buckets + (value >> shift);
    }
    static constexpr std::uint64_t last_value_of(std::size_t bucket) noexcept {
        const std::size_t shift = bucket < 2 * sub_buckets ? 0 : bucket / sub_buckets - 1;
        return ((bucket - shift * sub_buckets + 1) << shift) - 1;
    }

    std::vector<std::uint64_t> counts_;
    std::uint64_t count_ = 0;
    std::uint64_t max_ = 0;
};

}  // namespace leveret::cli
