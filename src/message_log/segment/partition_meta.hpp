// partition.meta: what a partition knows about itself beside its records.
//
//   sector 0, 1   the two synced slots, written in turn: the valid one with the higher sequence counts
//      at  size  field                            at  size  field
//       0   4    "LVTs"                           32   8    synced bytes in that segment
//       4   4    zero                             40   1    closed cleanly (1) or not (0)
//       8   8    sequence                         41  19    zero
//      16   8    synced offset                    60   4    CRC-32C of bytes 0…60
//      24   8    base of the segment it lies in
//   sector 2…4    what seldom changes, and only with the whole file; sector 5…7 the same again
//       0   4    "LVTp"                           28   8    log start offset
//       4   4    format = 1                       36   4    count of epochs
//       8   4    partition                        40  16    each: zero (u32), epoch (u32), first offset (u64)
//      12  16    boot id                           …   4    CRC-32C of all before it in these sectors
//
// Little-endian; a sector has 512 bytes, the file 4096.
#pragma once

#include <array>
#include <vector>

#include "message_log/log_store.hpp"
#include "message_log/segment/segment_store.hpp"

namespace leveret {

inline constexpr std::size_t meta_bytes = 4096;
inline constexpr std::size_t synced_slot_bytes = 64;
inline constexpr std::size_t epochs_max = 90;

using MetaFile = std::array<std::byte, meta_bytes>;
using SlotBytes = std::array<std::byte, synced_slot_bytes>;

/// Up to where a partition is known to be on the disk: a lower bound, as the slots themselves are not synced.
struct SyncedSlot {
    std::uint64_t sequence = 0;
    Offset offset{};
    Offset segment_base{};
    std::uint64_t segment_bytes = 0;
    bool closed_cleanly = false;  ///< what lies before `offset` is all there is
    friend bool operator==(const SyncedSlot&, const SyncedSlot&) = default;
};

struct PartitionMeta {
    PartitionId partition{};
    BootId boot_id{};
    Offset log_start{};  ///< may lie within the first segment; everything below it was synced before it was written
    std::vector<EpochStart> epochs;  ///< ascending
    SyncedSlot synced{};
    friend bool operator==(const PartitionMeta&, const PartitionMeta&) = default;
};

/// Raises the epoch from `first` on; the oldest epochs are merged beyond epochs_max.
void add_epoch(PartitionMeta& meta, EpochStart start);

/// The whole file. Both slots say the same; the one that `synced.sequence` names counts.
[[nodiscard]] MetaFile encode_meta(const PartitionMeta& meta);

struct DecodedMeta {
    PartitionMeta meta;
    bool has_slot = true;    ///< else `meta.synced` is that of an empty log
    bool has_copies = true;  ///< else one of the two copies of what seldom changes is damaged
};
/// Error: bad_log where both copies are damaged or of another format.
[[nodiscard]] Result<DecodedMeta> decode_meta(Bytes file);
/// The same for those who mend nothing.
[[nodiscard]] Result<PartitionMeta> decode_meta(Bytes file, bool* has_slot);

[[nodiscard]] SlotBytes encode_slot(const SyncedSlot& slot);
/// Where in the file the slot with this sequence is written.
[[nodiscard]] std::uint64_t slot_position(std::uint64_t sequence) noexcept;

}  // namespace leveret
