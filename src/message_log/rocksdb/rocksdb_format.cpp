#include "message_log/rocksdb/rocksdb_format.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <concepts>
#include <cstring>

#include "protocol/wire.hpp"

namespace leveret {
namespace {

constexpr std::uint32_t format = 1;

std::int64_t microseconds(Timestamp time) noexcept {
    return time.time_since_epoch().count();
}
Timestamp timestamp(std::int64_t microseconds) noexcept {
    return Timestamp(std::chrono::microseconds(microseconds));
}

template <std::unsigned_integral T>
void put_big_endian(char* at, T value) noexcept {
    for (std::size_t i = sizeof value; i > 0; --i) {
        at[i - 1] = static_cast<char>(value & 0xFFU);
        value = static_cast<T>(value >> 8U);
    }
}

std::string text_of(const std::vector<std::byte>& bytes) {
    return std::string(as_text(bytes));
}

void write(WireWriter& out, const LogPart& part) {
    out.number(part.first.value);
    out.number(part.bytes);
    out.number(microseconds(part.last));
}

LogPart read_part(WireReader& in) noexcept {
    LogPart part;
    part.first = {in.number<std::uint64_t>()};
    part.bytes = in.number<std::uint64_t>();
    part.last = timestamp(in.number<std::int64_t>());
    return part;
}

}  // namespace

std::string encode(const LogTail& tail) {
    std::vector<std::byte> bytes;
    WireWriter out(bytes);
    out.number(tail.first.value);
    out.number(tail.end.value);
    write(out, tail.part);
    out.number(static_cast<std::uint8_t>(tail.last_timestamp.has_value()));
    out.number(microseconds(tail.last_timestamp.value_or(Timestamp{})));
    return text_of(bytes);
}

std::string encode(const LogPart& part) {
    std::vector<std::byte> bytes;
    WireWriter out(bytes);
    write(out, part);
    return text_of(bytes);
}

std::string encode(const PartitionState& state) {
    std::vector<std::byte> bytes;
    WireWriter out(bytes);
    out.number(format);
    out.bytes(std::as_bytes(std::span(state.boot_id)));
    out.number(static_cast<std::uint8_t>(state.closed_cleanly));
    for (const EpochStart& start : state.epochs) {
        out.number(start.epoch.value);
        out.number(start.first.value);
    }
    return text_of(bytes);
}

std::optional<LogTail> decode_tail(std::string_view value) {
    WireReader in(as_bytes(value));
    LogTail tail;
    tail.first = {in.number<std::uint64_t>()};
    tail.end = {in.number<std::uint64_t>()};
    tail.part = read_part(in);
    const auto has_timestamp = in.number<std::uint8_t>();
    const Timestamp last = timestamp(in.number<std::int64_t>());
    if (has_timestamp != 0) {
        tail.last_timestamp = last;
    }
    const bool valid = in.finished() && tail.first <= tail.end && tail.part.first <= tail.end;
    return valid ? std::optional(tail) : std::nullopt;
}

std::optional<LogPart> decode_part(std::string_view value) {
    WireReader in(as_bytes(value));
    const LogPart part = read_part(in);
    return in.finished() ? std::optional(part) : std::nullopt;
}

std::optional<PartitionState> decode_state(std::string_view value) {
    WireReader in(as_bytes(value));
    PartitionState state;
    if (in.number<std::uint32_t>() != format) {
        return std::nullopt;
    }
    const Bytes boot_id = in.take(state.boot_id.size());
    if (!in.ok()) {
        return std::nullopt;
    }
    std::memcpy(state.boot_id.data(), boot_id.data(), boot_id.size());
    state.closed_cleanly = in.number<std::uint8_t>() != 0;
    while (in.left() > 0) {
        const Epoch epoch{in.number<std::uint32_t>()};
        state.epochs.push_back({epoch, {in.number<std::uint64_t>()}});
    }
    return in.ok() && !state.epochs.empty() ? std::optional(std::move(state)) : std::nullopt;
}

PartitionKeys::PartitionKeys(const TopicId& topic, PartitionId partition) noexcept {
    std::memcpy(prefix_.data(), topic.bytes.data(), topic.bytes.size());
    put_big_endian(prefix_.data() + topic.bytes.size(), partition.value);
}

PartitionKeys::RecordKey PartitionKeys::record(Offset offset) const noexcept {
    RecordKey key;
    std::memcpy(key.data(), prefix_.data(), prefix_.size());
    put_big_endian(key.data() + prefix_.size(), offset.value);
    return key;
}

std::string PartitionKeys::meta(char kind) const {
    std::string key(prefix_.data(), prefix_.size());
    key += kind;
    return key;
}

std::string PartitionKeys::part(Offset first) const {
    std::array<char, sizeof first.value> number{};
    put_big_endian(number.data(), first.value);
    return meta('p').append(number.data(), number.size());
}

Offset PartitionKeys::offset(std::string_view key) noexcept {
    assert(key.size() == std::tuple_size_v<RecordKey>);
    Offset offset;
    for (const char byte : key.substr(prefix_bytes)) {
        offset.value = offset.value << 8U | static_cast<std::uint8_t>(byte);
    }
    return offset;
}

std::pair<std::string, std::string> PartitionKeys::of_topic(const TopicId& topic) {
    std::string first(topic.bytes.begin(), topic.bytes.end());
    // Above every partition with every offset: no key is longer.
    std::string end = first + std::string(std::tuple_size_v<RecordKey> - topic.bytes.size() + 2, '\xFF');
    return {std::move(first), std::move(end)};
}

}  // namespace leveret
