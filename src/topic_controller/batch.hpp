// What is appended to a topic, and what becomes of it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <system_error>
#include <vector>

#include "protocol/identity.hpp"
#include "protocol/record.hpp"
#include "protocol/topic_settings.hpp"

namespace leveret {

/// One Publish frame: records back to back that check_batch() accepted, each with its publisher's content checksum.
struct Batch {
    Bytes records;
    std::uint32_t record_count = 0;
    /// Raises what the topic's settings say for this batch; less than they say is ignored. Of stored topics only.
    Durability durability = Durability::server_default;
};

struct AppendResult {
    std::error_code error;  ///< set: nothing of the batch was taken
    Offset first{};         ///< of the first accepted record; the next offset where none was
    std::uint32_t accepted = 0;
    std::uint32_t bad_record = 0;           ///< the index that checksum_mismatch is about
    bool exceeds_topic = false;             ///< bad_record: the topic may keep less than this batch
    std::vector<std::uint32_t> duplicates;  ///< indexes in the batch, dropped by the compaction window
};

/// Called with a result per batch, in their order.
using AppendDone = std::function<void(std::span<AppendResult>)>;

}  // namespace leveret
