// How the native dialect's fields stand on the wire, one overload per type, so that each body is a list of its fields.
// Internal to the native_*.cpp files.
#pragma once

#include <vector>

#include "protocol/native.hpp"

namespace leveret::native {

// --- Reading: what is missing or wrong makes the reader not ok ------------------------------------------------------

template <std::integral T>
void read_field(WireReader& in, T& field) noexcept {
    field = in.number<T>();
}
inline void read_field(WireReader& in, std::string_view& field) noexcept {
    field = in.short_text();
}
inline void read_field(WireReader& in, Offset& field) noexcept {
    field.value = in.number<std::uint64_t>();
}
inline void read_field(WireReader& in, Epoch& field) noexcept {
    field.value = in.number<std::uint32_t>();
}
inline void read_field(WireReader& in, PartitionId& field) noexcept {
    field.value = in.number<std::uint32_t>();
}

inline void read_field(WireReader& in, TopicId& field) noexcept {
    if (const Bytes bytes = in.take(field.bytes.size()); !bytes.empty()) {
        std::memcpy(field.bytes.data(), bytes.data(), bytes.size());
    }
}

/// An enumeration whose values go from 0 to `last` without a gap.
template <class Enum>
Enum read_enum(WireReader& in, Enum last) noexcept {
    const auto value = in.number<std::uint8_t>();
    if (value > static_cast<std::uint8_t>(last)) {
        in.refuse();
        return Enum{};
    }
    return static_cast<Enum>(value);
}
inline void read_field(WireReader& in, Store& field) noexcept {
    field = read_enum(in, Store::rocksdb);
}
inline void read_field(WireReader& in, Durability& field) noexcept {
    field = read_enum(in, Durability::sync);
}
inline void read_field(WireReader& in, Start::Kind& field) noexcept {
    field = read_enum(in, Start::Kind::position);
}

/// Bytes kept for later versions: zero, so that a later meaning is not taken for this one.
template <std::integral T>
void read_zero(WireReader& in) noexcept {
    if (in.number<T>() != 0) {
        in.refuse();
    }
}

/// Bits of which only those in `known` have a meaning.
template <std::integral T>
void read_bits(WireReader& in, T& field, T known) noexcept {
    field = in.number<T>();
    if ((field & ~known) != 0) {
        in.refuse();
    }
}

// Made of several fields, and so defined below the template that reads several.
inline void read_field(WireReader& in, TopicSettings& field) noexcept;
inline void read_field(WireReader& in, Expected& field) noexcept;
inline void read_field(WireReader& in, Start& field) noexcept;

template <class... Fields>
void read_fields(WireReader& in, Fields&... fields) noexcept {
    (read_field(in, fields), ...);
}

inline void read_field(WireReader& in, TopicSettings& field) noexcept {
    read_fields(in, field.retention_ttl_ms, field.compaction_window_ms, field.retention_bytes, field.retention_records,
                field.partitions, field.store, field.durability, field.durability_interval_ms);
}
inline void read_field(WireReader& in, Expected& field) noexcept {
    read_fields(in, field.id, field.epoch);
}

inline void read_field(WireReader& in, Start& field) noexcept {
    read_fields(in, field.kind, field.fallback, field.value, field.position);
    const bool names_position = field.kind == Start::Kind::position || field.position.empty();
    if (!names_position || field.fallback > Start::Kind::earliest) {
        in.refuse();
    }
}

/// A u32 count and the items. Room is made for as many as the bytes that are there could hold, whatever the count says.
template <class Item, class ReadItem>
void read_list(WireReader& in, std::vector<Item>& items, std::size_t item_bytes_min, ReadItem read_item) {
    const std::size_t count = in.number<std::uint32_t>();
    if (count > in.left() / item_bytes_min) {
        in.refuse();
        return;
    }
    items.reserve(count);
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        read_item(in, items.emplace_back());
    }
}

/// The body that was read, where all of it was there and nothing is left over.
template <class Body>
Result<Body> finish(const WireReader& in, Body body) {
    if (!in.finished()) {
        return fail(Error::bad_frame);
    }
    return body;
}

// --- Writing ---------------------------------------------------------------------------------------------------------

template <std::integral T>
void write_field(WireWriter& out, T field) {
    out.number(field);
}
inline void write_field(WireWriter& out, std::string_view field) {
    out.short_text(field);
}
inline void write_field(WireWriter& out, Offset field) {
    out.number(field.value);
}
inline void write_field(WireWriter& out, Epoch field) {
    out.number(field.value);
}
inline void write_field(WireWriter& out, PartitionId field) {
    out.number(field.value);
}
inline void write_field(WireWriter& out, const TopicId& field) {
    out.bytes(std::as_bytes(std::span(field.bytes)));
}
inline void write_field(WireWriter& out, Store field) {
    out.number(static_cast<std::uint8_t>(field));
}
inline void write_field(WireWriter& out, Durability field) {
    out.number(static_cast<std::uint8_t>(field));
}
inline void write_field(WireWriter& out, Start::Kind field) {
    out.number(static_cast<std::uint8_t>(field));
}

inline void write_field(WireWriter& out, const TopicSettings& field);
inline void write_field(WireWriter& out, const Expected& field);
inline void write_field(WireWriter& out, const Start& field);

template <class... Fields>
void write_fields(WireWriter& out, const Fields&... fields) {
    (write_field(out, fields), ...);
}

inline void write_field(WireWriter& out, const TopicSettings& field) {
    write_fields(out, field.retention_ttl_ms, field.compaction_window_ms, field.retention_bytes,
                 field.retention_records, field.partitions, field.store, field.durability,
                 field.durability_interval_ms);
}
inline void write_field(WireWriter& out, const Expected& field) {
    write_fields(out, field.id, field.epoch);
}
inline void write_field(WireWriter& out, const Start& field) {
    write_fields(out, field.kind, field.fallback, field.value, field.position);
}

template <class Item, class WriteItem>
void write_list(WireWriter& out, const std::vector<Item>& items, WriteItem write_item) {
    out.number(static_cast<std::uint32_t>(items.size()));
    for (const Item& item : items) {
        write_item(out, item);
    }
}

}  // namespace leveret::native
