#include "message_log/segment/partition_meta.hpp"

#include <algorithm>
#include <optional>

#include "message_log/segment/disk_fields.hpp"
#include "protocol/crc32c.hpp"

namespace leveret {
namespace {

constexpr std::size_t sector_bytes = 512;
constexpr std::uint32_t format = 1;
constexpr auto slot_magic = std::uint32_t{0x7354'564C};    // "LVTs"
constexpr auto static_magic = std::uint32_t{0x7054'564C};  // "LVTp"

namespace slot_at {
constexpr std::size_t magic = 0;
constexpr std::size_t sequence = 8;
constexpr std::size_t offset = 16;
constexpr std::size_t segment_base = 24;
constexpr std::size_t segment_bytes = 32;
constexpr std::size_t closed_cleanly = 40;
constexpr std::size_t checksum = 60;
}  // namespace slot_at

namespace static_at {
constexpr std::size_t magic = 0;
constexpr std::size_t format = 4;
constexpr std::size_t partition = 8;
constexpr std::size_t boot_id = 12;
constexpr std::size_t log_start = 28;
constexpr std::size_t epoch_count = 36;
constexpr std::size_t epochs = 40;
constexpr std::size_t epoch_bytes = 16;
constexpr std::size_t end(std::size_t count) {
    return epochs + count * epoch_bytes;
}
}  // namespace static_at

constexpr std::size_t static_bytes = 3 * sector_bytes;
constexpr std::size_t first_copy_at = 2 * sector_bytes;
constexpr std::size_t second_copy_at = first_copy_at + static_bytes;
static_assert(second_copy_at + static_bytes == meta_bytes);
static_assert(static_at::end(epochs_max) + sizeof(std::uint32_t) <= static_bytes);

std::optional<SyncedSlot> decode_slot(Bytes bytes) {
    if (field<std::uint32_t>(bytes, slot_at::magic) != slot_magic ||
        field<std::uint32_t>(bytes, slot_at::checksum) != crc32c(bytes.first(slot_at::checksum))) {
        return std::nullopt;
    }
    return SyncedSlot{.sequence = field<std::uint64_t>(bytes, slot_at::sequence),
                      .offset = {field<std::uint64_t>(bytes, slot_at::offset)},
                      .segment_base = {field<std::uint64_t>(bytes, slot_at::segment_base)},
                      .segment_bytes = field<std::uint64_t>(bytes, slot_at::segment_bytes),
                      .closed_cleanly = field<std::uint8_t>(bytes, slot_at::closed_cleanly) == 1};
}

std::optional<SyncedSlot> newest_slot(Bytes file) {
    std::optional<SyncedSlot> newest;
    for (const std::size_t at : {std::size_t{0}, sector_bytes}) {
        const auto slot = decode_slot(file.subspan(at, synced_slot_bytes));
        if (slot && (!newest || slot->sequence > newest->sequence)) {
            newest = slot;
        }
    }
    return newest;
}

/// Everything but the slots.
std::optional<PartitionMeta> decode_static(Bytes part) {
    const auto count = field<std::uint32_t>(part, static_at::epoch_count);
    const bool is_ours = field<std::uint32_t>(part, static_at::magic) == static_magic &&
                         field<std::uint32_t>(part, static_at::format) == format && count > 0 && count <= epochs_max;
    const std::size_t end = static_at::end(is_ours ? count : 0);
    if (!is_ours || field<std::uint32_t>(part, end) != crc32c(part.first(end))) {
        return std::nullopt;
    }
    PartitionMeta meta{.partition = {field<std::uint32_t>(part, static_at::partition)},
                       .log_start = {field<std::uint64_t>(part, static_at::log_start)},
                       .epochs = {}};
    std::memcpy(meta.boot_id.data(), part.data() + static_at::boot_id, meta.boot_id.size());
    for (std::size_t at = static_at::epochs; at < end; at += static_at::epoch_bytes) {
        meta.epochs.push_back({{field<std::uint32_t>(part, at + 4)}, {field<std::uint64_t>(part, at + 8)}});
    }
    return meta;
}

void encode_static(const PartitionMeta& meta, std::span<std::byte> part) {
    put_field(part, static_at::magic, static_magic);
    put_field(part, static_at::format, format);
    put_field(part, static_at::partition, meta.partition.value);
    std::memcpy(part.data() + static_at::boot_id, meta.boot_id.data(), meta.boot_id.size());
    put_field(part, static_at::log_start, meta.log_start.value);
    put_field(part, static_at::epoch_count, static_cast<std::uint32_t>(meta.epochs.size()));
    std::size_t at = static_at::epochs;
    for (const EpochStart& epoch : meta.epochs) {
        put_field(part, at + 4, epoch.epoch.value);
        put_field(part, at + 8, epoch.first.value);
        at += static_at::epoch_bytes;
    }
    put_field(part, at, crc32c(part.first(at)));
}

}  // namespace

void add_epoch(PartitionMeta& meta, EpochStart start) {
    // Nothing was numbered in an epoch that ends where it began.
    while (!meta.epochs.empty() && meta.epochs.back().first >= start.first) {
        meta.epochs.pop_back();
    }
    meta.epochs.push_back(start);
    if (meta.epochs.size() > epochs_max) {
        // The second oldest now reaches back to where the oldest began.
        meta.epochs[1].first = meta.epochs[0].first;
        meta.epochs.erase(meta.epochs.begin());
    }
}

std::uint64_t slot_position(std::uint64_t sequence) noexcept {
    return sequence % 2 * sector_bytes;
}

SlotBytes encode_slot(const SyncedSlot& slot) {
    SlotBytes bytes{};
    put_field(bytes, slot_at::magic, slot_magic);
    put_field(bytes, slot_at::sequence, slot.sequence);
    put_field(bytes, slot_at::offset, slot.offset.value);
    put_field(bytes, slot_at::segment_base, slot.segment_base.value);
    put_field(bytes, slot_at::segment_bytes, slot.segment_bytes);
    put_field(bytes, slot_at::closed_cleanly, static_cast<std::uint8_t>(slot.closed_cleanly ? 1 : 0));
    put_field(bytes, slot_at::checksum, crc32c(Bytes(bytes).first(slot_at::checksum)));
    return bytes;
}

MetaFile encode_meta(const PartitionMeta& meta) {
    MetaFile file{};
    SyncedSlot other = meta.synced;
    other.sequence = other.sequence == 0 ? 0 : other.sequence - 1;
    for (const SyncedSlot& slot : {other, meta.synced}) {
        const SlotBytes bytes = encode_slot(slot);
        std::copy(bytes.begin(), bytes.end(), file.begin() + static_cast<std::ptrdiff_t>(slot_position(slot.sequence)));
    }
    for (const std::size_t at : {first_copy_at, second_copy_at}) {
        encode_static(meta, std::span(file).subspan(at, static_bytes));
    }
    return file;
}

Result<DecodedMeta> decode_meta(Bytes file) {
    if (file.size() != meta_bytes) {
        return fail(Error::bad_log);
    }
    const auto first = decode_static(file.subspan(first_copy_at, static_bytes));
    const auto second = decode_static(file.subspan(second_copy_at, static_bytes));
    if (!first && !second) {
        return fail(Error::bad_log);
    }
    const auto slot = newest_slot(file);
    DecodedMeta decoded{.meta = first ? *first : *second,
                        .has_slot = slot.has_value(),
                        .has_copies = first.has_value() && second.has_value()};
    decoded.meta.synced = slot.value_or(SyncedSlot{});
    return decoded;
}

Result<PartitionMeta> decode_meta(Bytes file, bool* has_slot) {
    auto decoded = decode_meta(file);
    if (!decoded) {
        return tl::unexpected(decoded.error());
    }
    *has_slot = decoded->has_slot;
    return std::move(decoded->meta);
}

}  // namespace leveret
