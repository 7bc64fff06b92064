// Records as tests want them: written, changed and looked at.
#pragma once

#include <cstring>
#include <string_view>
#include <vector>

#include "protocol/record.hpp"

namespace leveret::test {

inline std::vector<std::byte> written(const RecordDraft& draft, bool more_in_batch = false) {
    std::vector<std::byte> record(record_bytes(draft));
    write_record(record.data(), draft, more_in_batch);
    return record;
}

inline std::vector<std::byte> keyed_record(bool more_in_batch = false) {
    return written({.payload = as_bytes("message"), .key = "key"}, more_in_batch);
}

/// A key, two headers (one without a value) and a payload.
inline std::vector<std::byte> full_record() {
    const std::vector<Header> headers{{"trace", as_bytes("0123")}, {"flag", std::nullopt}};
    return written({.payload = as_bytes("message"), .key = "key", .headers = headers});
}

template <class T>
void set_field(std::vector<std::byte>& record, std::size_t at, T value) {
    std::memcpy(record.data() + at, &value, sizeof value);
}

template <class T>
T field(const std::vector<std::byte>& record, std::size_t at) {
    T value;
    std::memcpy(&value, record.data() + at, sizeof value);
    return value;
}

/// Writes `size` into the size field, whatever the record really has.
inline std::vector<std::byte> with_size(std::vector<std::byte> record, std::uint32_t size) {
    set_field(record, record_layout::size_at, size);
    return record;
}

inline std::vector<std::byte> with_attributes(std::vector<std::byte> record, std::uint8_t added) {
    record[record_layout::attributes_at] |= std::byte{added};
    return record;
}

/// `record` with a 32-byte extension of `fill` put where it belongs; the two spare fields are zero.
inline std::vector<std::byte> with_extension(std::vector<std::byte> record, std::uint8_t fill) {
    std::vector<std::byte> extension(record_layout::extension_bytes, std::byte{fill});
    std::memset(extension.data() + 14, 0, 2);
    std::memset(extension.data() + 24, 0, 8);
    record.insert(record.begin() + record_layout::header_bytes, extension.begin(), extension.end());
    set_field(record, record_layout::size_at, static_cast<std::uint32_t>(record.size()));
    return with_attributes(record, record_layout::has_extension);
}

}  // namespace leveret::test
