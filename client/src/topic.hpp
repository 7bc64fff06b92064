// A topic as this client knows it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "write_queue.hpp"

namespace leveret::client_side {

/// Records that lie ready until their topic is open. `publish` says how many and whom to tell.
struct WaitingBatch {
    std::vector<std::byte> records;
    UnansweredPublish publish;
    Durability durability = Durability::server_default;
};

/// Opened once per connection; lives as long as the client, as frames name it by its handle.
struct Topic {
    enum class Phase { opening, open, failed };

    std::string name;
    Phase phase = Phase::opening;
    std::uint32_t handle = 0;  ///< for requests, on the current connection
    PublishTarget target{};    ///< for records; its handle changes only together with those of all queued frames
    TopicId id{};
    Epoch epoch{};
    std::optional<Failure> failure{};          ///< why it could not be opened, or is gone
    std::optional<Failure> one_way_failure{};  ///< the first answer to a one-way frame since the last flush()
    std::vector<WaitingBatch> waiting{};
    std::size_t refused_bytes = 0;  ///< of the largest record that found the queue full since the last writable()
};

using TopicPtr = std::shared_ptr<Topic>;

}  // namespace leveret::client_side
