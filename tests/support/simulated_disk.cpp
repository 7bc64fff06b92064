#include "support/simulated_disk.hpp"

#include <algorithm>
#include <cassert>

namespace leveret::test {

namespace {

std::error_code system_error(std::errc error) {
    return std::make_error_code(error);
}

/// "a/b/c" as "a/b" and "c".
std::pair<std::string, std::string> split(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? std::pair{std::string(), path}
                                      : std::pair{path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

bool Operation::changes_disk() const noexcept {
    switch (kind) {
        case Kind::open:
            return how == Files::Open::create || how == Files::Open::overwrite;
        case Kind::write:
        case Kind::sync:
        case Kind::truncate:
        case Kind::rename:
        case Kind::remove:
        case Kind::make_directory:
        case Kind::sync_directory:
            return true;
        default:
            return false;
    }
}

std::optional<NodeId> SimulatedDisk::find(std::string_view path) const {
    NodeId node = NodeId::root;
    while (!path.empty()) {
        const auto slash = path.find('/');
        const auto& names = nodes_.at(node).names;
        const auto found = names.find(path.substr(0, slash));
        if (found == names.end()) {
            return std::nullopt;
        }
        node = found->second;
        path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
    }
    return node;
}

bool SimulatedDisk::is_directory(std::optional<NodeId> node) const {
    return node && nodes_.at(*node).is_directory;
}

bool SimulatedDisk::has_parent(const std::string& path) const {
    return is_directory(find(split(path).first));
}

std::error_code SimulatedDisk::check_open(const Operation& operation) const {
    const auto node = find(operation.path);
    if (is_directory(node)) {
        return system_error(std::errc::is_a_directory);
    }
    switch (operation.how) {
        case Files::Open::read:
        case Files::Open::write:
            return node ? std::error_code() : system_error(std::errc::no_such_file_or_directory);
        case Files::Open::create:
            if (node) {
                return system_error(std::errc::file_exists);
            }
            break;
        case Files::Open::overwrite:
            break;
    }
    return has_parent(operation.path) ? std::error_code() : system_error(std::errc::no_such_file_or_directory);
}

std::error_code SimulatedDisk::check_rename(const Operation& operation) const {
    const auto from = find(operation.path);
    const auto to = find(operation.to);
    if (!from || !has_parent(operation.to)) {
        return system_error(std::errc::no_such_file_or_directory);
    }
    if (!to || to == from) {
        return {};
    }
    if (is_directory(from) != is_directory(to)) {
        return system_error(is_directory(to) ? std::errc::is_a_directory : std::errc::not_a_directory);
    }
    return nodes_.at(*to).names.empty() ? std::error_code() : system_error(std::errc::directory_not_empty);
}

std::error_code SimulatedDisk::check(const Operation& operation) const {
    using Kind = Operation::Kind;
    const auto node = find(operation.path);
    switch (operation.kind) {
        case Kind::open:
            return check_open(operation);
        case Kind::rename:
            return check_rename(operation);
        case Kind::remove:
            if (!node) {
                return system_error(std::errc::no_such_file_or_directory);
            }
            return nodes_.at(*node).names.empty() ? std::error_code() : system_error(std::errc::directory_not_empty);
        case Kind::make_directory:
            if (node && !is_directory(node)) {
                return system_error(std::errc::file_exists);
            }
            return has_parent(operation.path) ? std::error_code() : system_error(std::errc::no_such_file_or_directory);
        case Kind::sync_directory:
        case Kind::list:
            if (!node) {
                return system_error(std::errc::no_such_file_or_directory);
            }
            return is_directory(node) ? std::error_code() : system_error(std::errc::not_a_directory);
        case Kind::write:
        case Kind::reserve:
            return room_at(operation.node, operation.at) >= operation.bytes
                       ? std::error_code()
                       : system_error(std::errc::no_space_on_device);
        default:
            return {};
    }
}

void SimulatedDisk::apply(const Operation& operation) {
    using Kind = Operation::Kind;
    if (operation.error) {
        if (operation.kind == Kind::sync && operation.error != std::errc::interrupted) {
            lose_unsynced_writes(operation.node);
        }
        return;
    }
    switch (operation.kind) {
        case Kind::open:
            apply_open(operation);
            break;
        case Kind::rename:
            rename(operation.path, operation.to);
            break;
        case Kind::remove: {
            const auto [parent, name] = split(operation.path);
            change_names(*find(parent), {{name, std::nullopt}});
            break;
        }
        case Kind::make_directory:
            if (!find(operation.path)) {
                make_node(operation.path, true);
            }
            break;
        case Kind::sync_directory: {
            Node& node = nodes_.at(*find(operation.path));
            node.durable_names = node.names;
            node.pending_names.clear();
            break;
        }
        case Kind::list:
        case Kind::free_bytes:
            break;
        default:
            apply_to_open_file(operation);
    }
}

void SimulatedDisk::apply_to_open_file(const Operation& operation) {
    using Kind = Operation::Kind;
    Node& node = nodes_.at(operation.node);
    switch (operation.kind) {
        case Kind::write:
            change_file(node, {.at = operation.at, .data = operation.data});
            break;
        case Kind::truncate:
            change_file(node, {.new_size = operation.bytes});
            node.reserved_end = operation.bytes;
            break;
        case Kind::sync:
            for (const Write& write : node.pending) {
                carry_out(write, node.durable);
            }
            node.pending.clear();
            break;
        case Kind::reserve:
            node.reserved_end = std::max(node.reserved_end, operation.at + operation.bytes);
            break;
        case Kind::close:
            --node.descriptors;
            drop_unreachable();
            break;
        default:  // a read or size
            break;
    }
}

void SimulatedDisk::apply_open(const Operation& operation) {
    auto node = find(operation.path);
    if (!node) {
        node = make_node(operation.path, false);
    } else if (operation.how == Files::Open::overwrite) {
        change_file(nodes_.at(*node), {.new_size = 0});
        nodes_.at(*node).reserved_end = 0;
    }
    ++nodes_.at(*node).descriptors;
}

void SimulatedDisk::rename(const std::string& from, const std::string& to) {
    const NodeId node = *find(from);
    const auto [from_parent, from_name] = split(from);
    const auto [to_parent, to_name] = split(to);
    if (from == to) {
        return;
    }
    if (from_parent == to_parent) {
        change_names(*find(to_parent), {{from_name, std::nullopt}, {to_name, node}});
        return;
    }
    const NodeId to_directory = *find(to_parent);
    change_names(*find(from_parent), {{from_name, std::nullopt}});
    change_names(to_directory, {{to_name, node}});
}

NodeId SimulatedDisk::make_node(const std::string& path, bool is_directory) {
    const auto id = static_cast<NodeId>(next_node_++);
    nodes_[id].is_directory = is_directory;
    const auto [parent, name] = split(path);
    change_names(*find(parent), {{name, id}});
    return id;
}

void SimulatedDisk::change_names(NodeId directory, NameChange change) {
    Node& node = nodes_.at(directory);
    carry_out(change, node.names);
    node.pending_names.push_back(std::move(change));
}

void SimulatedDisk::change_file(Node& node, Write write) {
    carry_out(write, node.visible);
    node.pending.push_back(std::move(write));
}

void SimulatedDisk::carry_out(const Write& write, std::vector<std::byte>& content) {
    if (write.new_size) {
        content.resize(*write.new_size);
        return;
    }
    content.resize(std::max<std::size_t>(content.size(), write.at + write.data.size()));
    std::copy(write.data.begin(), write.data.end(), content.begin() + static_cast<std::ptrdiff_t>(write.at));
}

void SimulatedDisk::carry_out(const NameChange& change, Names& names) {
    for (const auto& [name, node] : change) {
        if (node) {
            names[name] = *node;
        } else {
            names.erase(name);
        }
    }
}

std::set<NodeId> SimulatedDisk::reachable(bool after_a_crash_too) const {
    std::set<NodeId> reached;
    std::vector<NodeId> open{NodeId::root};
    for (const auto& [id, node] : nodes_) {
        if (node.descriptors > 0) {
            open.push_back(id);
        }
    }
    const auto push = [&](const Names& names) {
        for (const auto& [name, child] : names) {
            open.push_back(child);
        }
    };
    while (!open.empty()) {
        const NodeId id = open.back();
        open.pop_back();
        if (!reached.insert(id).second) {
            continue;
        }
        const Node& node = nodes_.at(id);
        push(node.names);
        if (after_a_crash_too) {
            push(node.durable_names);
            Names between;
            for (const NameChange& change : node.pending_names) {
                carry_out(change, between);
                push(between);
            }
        }
    }
    return reached;
}

void SimulatedDisk::drop_unreachable() {
    const auto reached = reachable(true);
    std::erase_if(nodes_, [&](const auto& entry) { return !reached.contains(entry.first); });
}

bool SimulatedDisk::has_unsynced_writes(NodeId file) const {
    const auto& pending = nodes_.at(file).pending;
    return std::any_of(pending.begin(), pending.end(), [](const Write& write) { return !write.new_size; });
}

std::vector<Files::Entry> SimulatedDisk::entries(NodeId directory) const {
    std::vector<Files::Entry> result;
    for (const auto& [name, node] : nodes_.at(directory).names) {
        result.push_back({.name = name, .is_directory = nodes_.at(node).is_directory});
    }
    return result;
}

std::vector<std::string> SimulatedDisk::file_paths() const {
    std::vector<std::string> result;
    std::vector<std::pair<std::string, NodeId>> open{{"", NodeId::root}};
    while (!open.empty()) {
        const auto [path, directory] = open.back();
        open.pop_back();
        for (const auto& [name, node] : nodes_.at(directory).names) {
            const std::string below = path.empty() ? name : path + "/" + name;
            if (nodes_.at(node).is_directory) {
                open.emplace_back(below, node);
            } else {
                result.push_back(below);
            }
        }
    }
    std::sort(result.begin(), result.end());
    return result;
}

std::uint64_t SimulatedDisk::Node::taken_bytes() const noexcept {
    const std::uint64_t end = std::max<std::uint64_t>(visible.size(), reserved_end);
    return (end + block_bytes - 1) / block_bytes * block_bytes;
}

std::uint64_t SimulatedDisk::free_bytes() const {
    if (capacity_bytes == unlimited) {
        return unlimited;
    }
    std::uint64_t used = 0;
    for (const NodeId id : reachable(false)) {
        used += nodes_.at(id).taken_bytes();
    }
    return capacity_bytes > used ? capacity_bytes - used : 0;
}

std::uint64_t SimulatedDisk::room_at(NodeId file, std::uint64_t at) const {
    const std::uint64_t free = free_bytes();
    const std::uint64_t taken = nodes_.at(file).taken_bytes();
    const std::uint64_t end = free > unlimited - taken ? unlimited : taken + free;
    return end > at ? end - at : 0;
}

void SimulatedDisk::flip_bit(const std::string& path, std::uint64_t bit) {
    const auto id = find(path);
    assert(id);
    Node& node = nodes_.at(*id);
    const auto mask = static_cast<std::byte>(1U << (bit % 8));
    node.visible.at(bit / 8) ^= mask;
    if (bit / 8 < node.durable.size()) {
        node.durable[bit / 8] ^= mask;
    }
}

}  // namespace leveret::test
