// The file, little-endian: a head, then entries back to back.
//
//   head    "LVTc" (4)   version = 1 (u32)
//   entry   checksum (u32)   name_size (u16)   offset (u64)   name (name_size bytes)
//
// The checksum is the CRC-32C of the rest of its entry. The head comes into being with the first entries in one rename,
// so no crash leaves a part of it.
#include "message_log/positions_file.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "message_log/uninterrupted.hpp"
#include "protocol/crc32c.hpp"
#include "protocol/wire.hpp"

namespace leveret {
namespace {

constexpr std::string_view magic = "LVTc";
constexpr std::uint32_t version = 1;
constexpr std::size_t head_bytes = 8;
constexpr std::size_t entry_head_bytes = 14;
constexpr std::size_t checksum_bytes = sizeof(std::uint32_t);
// What is current is a fraction of it: save() writes the file anew before it would become larger.
constexpr std::size_t file_bytes_max = std::size_t{64} << 20U;
constexpr std::uint64_t slack_bytes = 4096;
constexpr std::uint64_t room_bytes = 64U << 10U;  // taken from the disk before it is used

struct Entry {
    std::string_view name;
    Offset offset;
    [[nodiscard]] std::size_t bytes() const noexcept { return entry_head_bytes + name.size(); }
};

void write_entry(WireWriter& out, std::string_view name, Offset offset) {
    const auto name_size = static_cast<std::uint16_t>(name.size());
    std::uint32_t checksum = crc32c(std::as_bytes(std::span(&name_size, 1)));
    checksum = crc32c(std::as_bytes(std::span(&offset.value, 1)), checksum);
    out.number(crc32c(as_bytes(name), checksum));
    out.number(name_size);
    out.number(offset.value);
    out.bytes(as_bytes(name));
}

void write_head(WireWriter& out) {
    out.bytes(as_bytes(magic));
    out.number(version);
}

/// The entry at the front of `bytes`, if there is a valid one.
std::optional<Entry> read_entry(Bytes bytes) {
    WireReader in(bytes);
    const auto checksum = in.number<std::uint32_t>();
    const auto name_size = in.number<std::uint16_t>();
    const Offset offset{in.number<std::uint64_t>()};
    const std::string_view name = as_text(in.take(name_size));
    // The sizes are looked at first: a search tries every byte, and most are no entry's first.
    if (!in.ok() || name.empty() || name.size() > name_bytes_max) {
        return std::nullopt;
    }
    const Entry entry{name, offset};
    const bool valid = crc32c(bytes.first(entry.bytes()).subspan(checksum_bytes)) == checksum && is_valid_name(name);
    return valid ? std::optional(entry) : std::nullopt;
}

/// Where the next valid entry begins; the end where there is none.
std::size_t find_entry(Bytes bytes) {
    std::size_t at = 0;
    while (at < bytes.size() && !read_entry(bytes.subspan(at))) {
        ++at;
    }
    return at;
}

/// Whether the last bytes of a file are all of an entry, spoilt, and not what a crash has left of one.
bool is_whole_entry(Bytes tail) {
    if (tail.size() <= entry_head_bytes || tail.size() > entry_head_bytes + name_bytes_max) {
        return false;
    }
    const auto name_size = static_cast<std::uint16_t>(tail.size() - entry_head_bytes);
    std::vector<std::byte> mended(tail.begin(), tail.end());
    std::memcpy(mended.data() + checksum_bytes, &name_size, sizeof name_size);
    const bool size_is_right = std::equal(mended.begin(), mended.end(), tail.begin());
    return size_is_right || read_entry(mended);
}

}  // namespace

Result<PositionsFile> PositionsFile::open(Files& files, std::string path) {
    PositionsFile file(files, std::move(path));
    (void)files.remove(file.path_ + ".new");
    const auto content = read_file(files, file.path_, file_bytes_max);
    if (!content) {
        if (content.error() == std::errc::no_such_file_or_directory) {
            return file;
        }
        return tl::unexpected(content.error());
    }
    WireReader in(*content);
    const bool has_head = as_text(in.take(magic.size())) == magic && in.number<std::uint32_t>() == version;
    if (!has_head) {
        return fail(Error::bad_log);
    }
    file.take_entries(in.rest());
    file.has_unsynced_ = true;  // as far as anybody knows
    if (file.file_bytes_ < content->size()) {
        if (const std::error_code error = file.cut_tail()) {
            return tl::unexpected(error);
        }
    }
    return file;
}

void PositionsFile::take_entries(Bytes content) {
    std::size_t at = 0;
    file_bytes_ = head_bytes;
    while (at < content.size()) {
        const Bytes left = content.subspan(at);
        if (const auto entry = read_entry(left)) {
            remember(entry->name, entry->offset);
            at += entry->bytes();
            file_bytes_ = head_bytes + at;
            continue;
        }
        const std::size_t skipped = find_entry(left);
        damaged_entries_ += skipped < left.size() || is_whole_entry(left) ? 1 : 0;
        at += skipped;
    }
}

/// What follows would otherwise be read as a part of the torn entry.
std::error_code PositionsFile::cut_tail() const {
    const auto file = uninterrupted([&] { return files_->open(path_, Files::Open::write); });
    if (!file) {
        return file.error();
    }
    const std::error_code error = uninterrupted([&] { return (*file)->truncate(file_bytes_); });
    return error ? error : uninterrupted([&] { return (*file)->sync(); });
}

void PositionsFile::remember(std::string_view name, Offset offset) {
    if (const auto found = positions_.find(name); found != positions_.end()) {
        found->second = offset;
        return;
    }
    positions_.emplace(name, offset);
    current_bytes_ += entry_head_bytes + name.size();
}

std::error_code PositionsFile::save(std::span<const std::pair<std::string, Offset>> positions, bool sync) {
    if (has_failed_) {
        return Error::log_failed;
    }
    if (positions.empty() && !(sync && has_unsynced_)) {
        return {};
    }
    // Unsynced bytes were written through a descriptor that is closed by now: a sync of another one could succeed
    // although they were lost. So a sync that has to cover them writes the file anew.
    std::uint64_t saved_bytes = 0;
    for (const auto& [name, offset] : positions) {
        saved_bytes += entry_head_bytes + name.size();
    }
    const bool has_grown = file_bytes_ > 4 * current_bytes_ + slack_bytes || file_bytes_ + saved_bytes > file_bytes_max;
    const bool writes_anew = file_bytes_ == 0 || has_grown || (sync && has_unsynced_);
    std::error_code error = writes_anew ? std::error_code{} : append(positions, sync);
    const Positions before = writes_anew ? positions_ : Positions{};
    const std::uint64_t bytes_before = current_bytes_;
    for (std::size_t i = 0; !error && i < positions.size(); ++i) {
        remember(positions[i].first, positions[i].second);
    }
    if (writes_anew) {
        error = write_anew();
    }
    if (writes_anew && error) {
        positions_ = before;  // or the next save would keep what this one has refused
        current_bytes_ = bytes_before;
    }
    if (is_want_of_files(error)) {
        return Error::topic_busy;
    }
    if (error == std::errc::no_space_on_device) {
        return Error::disk_full;  // nothing is broken: what was there before still is
    }
    has_failed_ = static_cast<bool>(error);
    return error;
}

std::error_code PositionsFile::append(std::span<const std::pair<std::string, Offset>> positions, bool sync) {
    std::vector<std::byte> entries;
    WireWriter out(entries);
    for (const auto& [name, offset] : positions) {
        write_entry(out, name, offset);
    }
    const auto file = uninterrupted([&] { return files_->open(path_, Files::Open::write); });
    if (!file) {
        return file.error();
    }
    const Bytes run = entries;
    reserve_ahead(**file, file_bytes_ + entries.size());
    if (const std::error_code error = write_all(**file, file_bytes_, {&run, 1})) {
        const std::error_code cut = (*file)->truncate(file_bytes_);
        return error == std::errc::no_space_on_device && cut ? cut : error;
    }
    file_bytes_ += entries.size();
    has_unsynced_ = has_unsynced_ || !sync;
    const std::error_code error = sync ? uninterrupted([&] { return (*file)->sync(); }) : std::error_code{};
    // Want of room at a sync is not one at a write: nobody knows what of the entries is there.
    return error == std::errc::no_space_on_device ? make_error_code(Error::log_failed) : error;
}

std::error_code PositionsFile::write_anew() {
    std::vector<std::byte> content;
    content.reserve(head_bytes + current_bytes_);
    WireWriter out(content);
    write_head(out);
    for (const auto& [name, offset] : positions_) {
        write_entry(out, name, offset);
    }
    if (const std::error_code error = replace_file(*files_, path_, content)) {
        if (files_->remove(path_ + ".new")) {
            file_bytes_ = 0;  // the file may be the new one already: the next save writes it anew
        }
        return error;
    }
    file_bytes_ = content.size();
    has_unsynced_ = false;
    reserved_bytes_ = 0;
    if (const auto file = files_->open(path_, Files::Open::write)) {
        reserve_ahead(**file, file_bytes_);
    }
    return {};
}

/// Room for what comes, so that commits go on for a while when the disk is full. Where there is none, nothing is lost.
void PositionsFile::reserve_ahead(File& file, std::uint64_t bytes) {
    if (bytes > reserved_bytes_ && !file.reserve(bytes, room_bytes)) {
        reserved_bytes_ = bytes + room_bytes;
    }
}

}  // namespace leveret
