// What a crash makes of a SimulatedDisk.
#include <algorithm>

#include "support/simulated_disk.hpp"

namespace leveret::test {

namespace {

std::uint64_t number(std::mt19937& random, std::uint64_t from, std::uint64_t to) {
    return from + random() % (to - from + 1);
}

}  // namespace

/// In order, up to a random end of the names' changes; the last write of a file up to the end of a sector.
void SimulatedDisk::tear(Node& node, const Crash& crash, std::mt19937& random) {
    const auto kept_names = number(random, 0, node.pending_names.size());
    for (std::size_t i = 0; i < kept_names; ++i) {
        carry_out(node.pending_names[i], node.durable_names);
    }
    if (!node.pending.empty() && !node.pending.back().new_size) {
        Write& last = node.pending.back();
        const std::uint64_t end = last.at + last.data.size();
        const std::uint64_t sector = number(random, last.at / crash.sector_bytes, end / crash.sector_bytes);
        const std::uint64_t torn_end = std::clamp(sector * crash.sector_bytes, last.at, end);
        last.data.resize(torn_end - last.at);
    }
    for (const Write& write : node.pending) {
        carry_out(write, node.durable);
    }
}

/// Each sector on its own has seen the first few of the changes that touch it, the size likewise.
void SimulatedDisk::reorder(Node& node, const Crash& crash, std::mt19937& random) {
    for (const NameChange& change : node.pending_names) {
        if (number(random, 0, 1) == 0) {
            carry_out(change, node.durable_names);
        }
    }
    if (node.pending.empty()) {
        return;
    }
    std::vector<std::vector<std::byte>> moments{node.durable};
    for (const Write& write : node.pending) {
        moments.push_back(moments.back());
        carry_out(write, moments.back());
    }
    std::vector<std::byte> result(moments[number(random, 0, moments.size() - 1)].size());
    for (std::size_t at = 0; at < result.size(); at += crash.sector_bytes) {
        const auto& moment = moments[number(random, 0, moments.size() - 1)];
        const auto end = std::min({at + crash.sector_bytes, result.size(), std::max(at, moment.size())});
        std::copy(moment.begin() + static_cast<std::ptrdiff_t>(std::min(at, moment.size())),
                  moment.begin() + static_cast<std::ptrdiff_t>(std::min(end, moment.size())),
                  result.begin() + static_cast<std::ptrdiff_t>(at));
    }
    node.durable = std::move(result);
}

SimulatedDisk SimulatedDisk::after(const Crash& crash) const {
    SimulatedDisk result = *this;
    std::mt19937 random(crash.seed);
    for (auto& [id, node] : result.nodes_) {
        node.descriptors = 0;
        if (crash.unsynced == Unsynced::kept) {
            continue;
        }
        if (crash.unsynced == Unsynced::torn) {
            tear(node, crash, random);
        } else if (crash.unsynced == Unsynced::reordered) {
            reorder(node, crash, random);
        }
        node.pending.clear();
        node.visible = node.durable;
        node.reserved_end = node.visible.size();
        node.pending_names.clear();
        node.names = node.durable_names;
    }
    result.drop_unreachable();
    return result;
}

}  // namespace leveret::test
