// Records from a server that nobody has to trust.
#pragma once

#include <optional>

#include "leveret/client.hpp"
#include "receive_buffer.hpp"

namespace leveret::client_side {

struct CheckedRecords {
    std::optional<Error> failure;  ///< bad_record or checksum_mismatch: what follows `good` is not looked at
    Bytes good;                    ///< the records before it, or all
    Offset last_offset{};          ///< of `good`
    Offset damaged_offset{};       ///< with checksum_mismatch: what the record that does not match says it has
};

/// Checks each record's structure and, where asked for, its checksum.
[[nodiscard]] CheckedRecords check_delivered(Bytes records, bool verify_checksums) noexcept;

/// That a record which was read does not match its checksum: says which one, so that its reader can go on behind it.
[[nodiscard]] Failure damaged_record(Offset offset);

/// `records`, which lie in `buffer`, as a Delivery. Many bytes share the buffer; a few are copied, as they would keep
/// half a megabyte from being used again.
[[nodiscard]] Delivery delivery_of(Bytes records, Epoch epoch, ReceiveBuffer& buffer);

}  // namespace leveret::client_side
