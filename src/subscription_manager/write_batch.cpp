#include "subscription_manager/write_batch.hpp"

#include <algorithm>
#include <cassert>

namespace leveret {

namespace {
constexpr std::size_t buffers_per_write_max = 64;  // what Asio hands to one sendmsg
constexpr std::size_t spare_bytes_max = 64U << 10U;
}  // namespace

WriteBatch::WriteBatch() : arena_(std::make_unique_for_overwrite<std::byte[]>(arena_bytes)) {}

void WriteBatch::add_buffer(const std::byte* data, std::size_t count) {
    if (count == 0) {
        return;
    }
    bytes_ += count;
    if (buffers_.size() > first_) {
        auto& last = buffers_.back();
        if (static_cast<const std::byte*>(last.data()) + last.size() == data) {
            last = asio::const_buffer(last.data(), last.size() + count);
            return;
        }
    }
    buffers_.emplace_back(data, count);
}

void WriteBatch::add_owned(std::vector<std::byte>& bytes) {
    if (bytes.empty()) {
        return;
    }
    owned_.push_back(std::move(bytes));
    bytes = std::move(spare_);
    bytes.clear();
    add_buffer(owned_.back().data(), owned_.back().size());
}

std::byte* WriteBatch::add_arena(std::size_t count) {
    assert(count <= arena_left());
    std::byte* const at = arena_.get() + arena_used_;
    arena_used_ += count;
    add_buffer(at, count);
    return at;
}

void WriteBatch::add_slices(std::span<const Slice> slices, std::uint64_t bytes) {
    if (bytes <= copied_bytes_max && bytes <= arena_left()) {
        std::byte* at = add_arena(bytes);
        for (const Slice& slice : slices) {
            at = std::copy(slice.records.begin(), slice.records.end(), at);
        }
        return;
    }
    for (const Slice& slice : slices) {
        pins_.push_back(slice.block);
        add_buffer(slice.records.data(), slice.records.size());
    }
}

std::span<const asio::const_buffer> WriteBatch::front() const noexcept {
    return std::span(buffers_).subspan(first_, std::min(buffers_per_write_max, buffers_.size() - first_));
}

void WriteBatch::consume(std::size_t count) {
    bytes_ -= count;
    while (count > 0 && count >= buffers_[first_].size()) {
        count -= buffers_[first_].size();
        ++first_;
    }
    if (count > 0) {
        buffers_[first_] += count;
    }
    if (empty()) {
        clear();
    }
}

bool WriteBatch::charge_owned(MemoryBudget& memory) {
    std::size_t owned_bytes = arena_bytes;
    for (const std::vector<std::byte>& bytes : owned_) {
        owned_bytes += bytes.capacity();
    }
    if (charge_ == nullptr) {
        charge_ = std::make_unique<MemoryCharge>(memory);
    }
    return charge_->resize(owned_bytes);
}

bool WriteBatch::let_go_of_evicted_blocks(MemoryBudget& memory) {
    if (std::none_of(pins_.begin(), pins_.end(), [](const BlockPin& pin) { return pin->is_evicted(); })) {
        return true;
    }
    auto charge = std::make_unique<MemoryCharge>(memory);
    if (!charge->resize(arena_bytes + bytes_)) {
        return false;
    }
    std::vector<std::byte> copy;
    copy.reserve(bytes_);
    for (std::size_t i = first_; i < buffers_.size(); ++i) {
        const auto* const data = static_cast<const std::byte*>(buffers_[i].data());
        copy.insert(copy.end(), data, data + buffers_[i].size());
    }
    clear();
    add_owned(copy);
    charge_ = std::move(charge);
    return true;
}

void WriteBatch::clear() {
    buffers_.clear();
    first_ = 0;
    bytes_ = 0;
    arena_used_ = 0;
    pins_.clear();
    if (!owned_.empty() && owned_.front().capacity() <= spare_bytes_max) {
        spare_ = std::move(owned_.front());
    }
    owned_.clear();
    charge_.reset();
}

std::unique_ptr<WriteBatch> WriteBatchPool::borrow() {
    {
        const std::scoped_lock lock(mutex_);
        if (!spare_.empty()) {
            auto batch = std::move(spare_.back());
            spare_.pop_back();
            return batch;
        }
    }
    return std::make_unique<WriteBatch>();
}

void WriteBatchPool::give_back(std::unique_ptr<WriteBatch> batch) {
    const std::scoped_lock lock(mutex_);
    if (spare_.size() < spare_max) {
        spare_.push_back(std::move(batch));
    }
}

}  // namespace leveret
