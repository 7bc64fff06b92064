// A disk in memory that knows what of it would survive a power cut.
//
// A file has what reads see, what is durable, and the writes in between; a directory has the same for its names. A
// crash keeps all, none or some of what lies in between. Every change is an Operation: a value, so that a recorded run
// can be carried out again up to any point of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "message_log/files.hpp"

namespace leveret::test {

/// A file or directory, whatever its name is now.
enum class NodeId : std::uint64_t { root = 0 };

/// One call of Files or File, as it was made.
struct Operation {
    enum class Kind {
        open,
        read,
        write,
        sync,
        truncate,
        reserve,
        size,
        close,
        rename,
        remove,
        make_directory,
        sync_directory,
        list,
        free_bytes,
    };
    Kind kind{};
    std::string path{};             ///< for an open file, the one that it was opened by
    std::string to{};               ///< of a rename
    Files::Open how{};              ///< of an open
    NodeId node{};                  ///< of an open file
    std::uint64_t at = 0;           ///< of a read, write, reserve
    std::uint64_t bytes = 0;        ///< carried out; the new size for a truncate
    std::vector<std::byte> data{};  ///< of a write
    std::error_code error{};        ///< it failed and did nothing, except that a failed sync has lost what it was for

    /// A crash before it and one after it can differ.
    [[nodiscard]] bool changes_disk() const noexcept;
};

/// What becomes of everything that was not synced.
enum class Unsynced {
    lost,       ///< a power cut before any of it was written back
    kept,       ///< the end of the process alone; what was not synced can still be lost later
    torn,       ///< a power cut during write-back in order: the last write of each file ends at a sector's end
    reordered,  ///< a power cut during write-back: each sector as it was at some moment since the sync, each name too
};

struct Crash {
    Unsynced unsynced = Unsynced::lost;
    std::size_t sector_bytes = 512;  ///< what is written whole or not at all
    std::uint32_t seed = 0;          ///< of the choices of `torn` and `reordered`
};

/// A value; not thread-safe.
class SimulatedDisk {
  public:
    static constexpr std::uint64_t block_bytes = 4096;
    static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

    SimulatedDisk() { nodes_[NodeId::root].is_directory = true; }

    /// Room for all files together, what is reserved included; a file takes whole blocks, a name takes none.
    std::uint64_t capacity_bytes = unlimited;

    /// Why the operation would fail, as the system says it.
    [[nodiscard]] std::error_code check(const Operation& operation) const;
    /// Carries out what has been checked, or what it means that it failed (operation.error).
    void apply(const Operation& operation);
    /// The disk as the next start finds it. No file of it is open.
    [[nodiscard]] SimulatedDisk after(const Crash& crash) const;

    [[nodiscard]] std::optional<NodeId> find(std::string_view path) const;
    [[nodiscard]] const std::vector<std::byte>& content(NodeId file) const { return nodes_.at(file).visible; }
    [[nodiscard]] bool has_unsynced_writes(NodeId file) const;
    [[nodiscard]] std::vector<Files::Entry> entries(NodeId directory) const;
    /// Paths of all files, ascending.
    [[nodiscard]] std::vector<std::string> file_paths() const;
    [[nodiscard]] std::uint64_t free_bytes() const;
    /// Bytes that a write to [at, …) of this file can have.
    [[nodiscard]] std::uint64_t room_at(NodeId file, std::uint64_t at) const;

    /// A defect of the medium: durable, and noticed by nobody. `path` exists and has that byte.
    void flip_bit(const std::string& path, std::uint64_t bit);
    /// Write-back has failed with nobody waiting for it: reads still see the bytes, the medium never will.
    void lose_unsynced_writes(NodeId file) { nodes_.at(file).pending.clear(); }

  private:
    struct Write {
        std::uint64_t at = 0;
        std::vector<std::byte> data{};
        std::optional<std::uint64_t> new_size{};  ///< a truncate, if set
    };
    /// A name and what it stands for from now on; a rename is two of them that happen together.
    using NameChange = std::vector<std::pair<std::string, std::optional<NodeId>>>;
    using Names = std::map<std::string, NodeId, std::less<>>;
    struct Node {
        bool is_directory = false;
        std::vector<std::byte> visible{};
        std::vector<std::byte> durable{};
        std::vector<Write> pending{};
        std::uint64_t reserved_end = 0;
        std::uint64_t descriptors = 0;
        Names names{};
        Names durable_names{};
        std::vector<NameChange> pending_names{};

        /// In whole blocks.
        [[nodiscard]] std::uint64_t taken_bytes() const noexcept;
    };

    [[nodiscard]] std::error_code check_open(const Operation& operation) const;
    [[nodiscard]] std::error_code check_rename(const Operation& operation) const;
    [[nodiscard]] bool is_directory(std::optional<NodeId> node) const;
    [[nodiscard]] bool has_parent(const std::string& path) const;
    void apply_open(const Operation& operation);
    void apply_to_open_file(const Operation& operation);
    void rename(const std::string& from, const std::string& to);
    NodeId make_node(const std::string& path, bool is_directory);
    void change_names(NodeId directory, NameChange change);
    static void change_file(Node& node, Write write);
    /// Nodes with a name or a descriptor; or with a name that a crash could bring back.
    [[nodiscard]] std::set<NodeId> reachable(bool after_a_crash_too) const;
    void drop_unreachable();

    static void carry_out(const Write& write, std::vector<std::byte>& content);
    static void carry_out(const NameChange& change, Names& names);
    static void tear(Node& node, const Crash& crash, std::mt19937& random);
    static void reorder(Node& node, const Crash& crash, std::mt19937& random);

    std::map<NodeId, Node> nodes_;
    std::uint64_t next_node_ = 1;
};

}  // namespace leveret::test
