// Which stored topics a data directory has: their ids, names and settings.
#pragma once

#include <string>
#include <vector>

#include "message_log/files.hpp"
#include "protocol/error.hpp"
#include "protocol/identity.hpp"
#include "protocol/topic_settings.hpp"

namespace leveret {

struct StoredTopic {
    TopicId id{};
    std::string name;
    TopicSettings settings{};
    bool configured = true;  ///< false: came into being by a publish or subscribe
    friend bool operator==(const StoredTopic&, const StoredTopic&) = default;
};

/// topics/<id>/topic.json for each topic; docs/storage.md has the format. Every change is one rename, durable when the
/// call returns. Directories are named by id, never by name. Thread-safe for different topics. Blocks.
class TopicCatalogue {
  public:
    struct Loaded {
        std::vector<StoredTopic> topics;    ///< in the order of their names
        std::vector<std::string> findings;  ///< a sentence for each directory that could not be understood; it stays
    };

    /// `files` is the data directory and outlives this.
    explicit TopicCatalogue(Files& files) noexcept : files_(files) {}

    /// Makes the directories if need be. Errors: the system's; bad_log for a data directory of another version.
    [[nodiscard]] std::error_code prepare();
    /// Finishes what a crash has interrupted. Of two topics with one name, which a crash cannot leave but a copied
    /// directory can, the later by id is a finding.
    [[nodiscard]] Result<Loaded> load();
    [[nodiscard]] std::error_code save(const StoredTopic& topic);
    /// Takes the topic out of the catalogue, durably; then whatever else its directory has is removed, also where it is
    /// not known to be durable, which is an error.
    [[nodiscard]] std::error_code remove(const TopicId& id);

    /// "topics/<32 hexadecimal digits>".
    [[nodiscard]] static std::string directory_of(const TopicId& id);

  private:
    Files& files_;
};

}  // namespace leveret
