#include "message_log/topic_catalogue.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include <nlohmann/json.hpp>

#include "message_log/data_format.hpp"
#include "message_log/uninterrupted.hpp"
#include "protocol/crc32c.hpp"

namespace leveret {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view topics_directory = "topics";
constexpr std::string_view deleted_suffix = ".deleted";
constexpr std::string_view topic_json = "/topic.json";
/// Read where the other is damaged: the same, or missing, or damaged itself, but never older. Not synced: it is not
/// what a power cut can take that it is there for.
constexpr std::string_view topic_json_copy = "/topic.json.copy";
// A name of 249 bytes, escaped, and a dozen numbers are well below it.
constexpr std::size_t topic_json_bytes_max = 4096;

// Each takes one member of a topic.json: false where it is missing or no such value.
template <std::unsigned_integral T>
bool take(const Json& json, const char* key, T& into) {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_number_unsigned() || !std::in_range<T>(found->get<std::uint64_t>())) {
        return false;
    }
    into = found->get<T>();
    return true;
}

bool take(const Json& json, const char* key, bool& into) {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_boolean()) {
        return false;
    }
    into = found->get<bool>();
    return true;
}

bool take(const Json& json, const char* key, std::string& into) {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_string()) {
        return false;
    }
    into = found->get<std::string>();
    return true;
}

template <class Enum>
bool take(const Json& json, const char* key, Enum& into, const std::array<std::string_view, 4>& names) {
    std::string name;
    if (!take(json, key, name)) {
        return false;
    }
    const std::optional<Enum> found = named<Enum>(name, names);
    into = found.value_or(into);
    return found.has_value();
}

/// Of everything but the checksum itself, however the file is indented.
std::uint32_t checksum_of(Json json) {
    json.erase("checksum");
    return crc32c(as_bytes(json.dump()));
}

std::string written(Json json) {
    json["checksum"] = checksum_of(json);
    return json.dump(2) + "\n";
}

std::string written(const StoredTopic& topic) {
    const TopicSettings& settings = topic.settings;
    return written(Json{{"name", topic.name},
                        {"retention_ttl_ms", settings.retention_ttl_ms},
                        {"compaction_window_ms", settings.compaction_window_ms},
                        {"retention_bytes", settings.retention_bytes},
                        {"retention_records", settings.retention_records},
                        {"partitions", settings.partitions},
                        {"store", name_of(settings.store)},
                        {"durability", name_of(settings.durability)},
                        {"durability_interval_ms", settings.durability_interval_ms},
                        {"configured", topic.configured}});
}

std::optional<Json> parsed(Bytes content) {
    const std::string_view text = as_text(content);
    Json json = Json::parse(text.begin(), text.end(), nullptr, false);
    return json.is_object() ? std::optional(std::move(json)) : std::nullopt;
}

/// Why these bytes are no topic.json; empty, and `topic` filled in but for its id, where they are one.
std::string_view read_topic(Bytes content, StoredTopic& topic) {
    const std::optional<Json> json = parsed(content);
    std::uint32_t checksum = 0;
    if (!json || !take(*json, "checksum", checksum)) {
        return "is not JSON with a checksum";
    }
    if (checksum != checksum_of(*json)) {
        return "does not match its checksum";
    }
    TopicSettings& settings = topic.settings;
    const bool complete =
        take(*json, "name", topic.name) && take(*json, "retention_ttl_ms", settings.retention_ttl_ms) &&
        take(*json, "compaction_window_ms", settings.compaction_window_ms) &&
        take(*json, "retention_bytes", settings.retention_bytes) &&
        take(*json, "retention_records", settings.retention_records) &&
        take(*json, "partitions", settings.partitions) && take(*json, "store", settings.store, store_names) &&
        take(*json, "durability", settings.durability, durability_names) &&
        take(*json, "durability_interval_ms", settings.durability_interval_ms) &&
        take(*json, "configured", topic.configured);
    return complete && is_valid_name(topic.name) ? "" : "lacks a member or has one that is no such value";
}

std::optional<std::uint8_t> hexadecimal_digit(char character) {
    constexpr std::string_view digits = "0123456789abcdef";
    const std::size_t at = digits.find(character);
    return at == std::string_view::npos ? std::nullopt : std::optional(static_cast<std::uint8_t>(at));
}

/// What TopicId::to_string() wrote.
std::optional<TopicId> parse_id(std::string_view text) {
    TopicId id;
    if (text.size() != 2 * id.bytes.size()) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < id.bytes.size(); ++i) {
        const auto high = hexadecimal_digit(text[2 * i]);
        const auto low = hexadecimal_digit(text[2 * i + 1]);
        if (!high || !low) {
            return std::nullopt;
        }
        id.bytes[i] = static_cast<std::uint8_t>(*high << 4U | *low);
    }
    return id;
}

bool is_missing(std::error_code error) {
    return error == std::errc::no_such_file_or_directory;
}

std::string path_of(std::string_view name) {
    return std::string(topics_directory) + "/" + std::string(name);
}

/// Whether there is one that can be read.
bool has_topic_json(Files& files, const std::string& path) {
    const auto content = read_file(files, path + std::string(topic_json), topic_json_bytes_max);
    StoredTopic topic;
    return content && read_topic(*content, topic).empty();
}

std::error_code write_copy(Files& files, const std::string& path, Bytes content) {
    const auto copy = uninterrupted([&] { return files.open(path, Files::Open::overwrite); });
    return copy ? write_all(**copy, 0, {&content, 1}) : copy.error();
}

/// As much as can be removed; the first error.
std::error_code remove_all(Files& files, const std::string& path) {
    const auto entries = uninterrupted([&] { return files.list(path); });
    std::error_code first = entries ? std::error_code{} : entries.error();
    const auto note = [&first](std::error_code error) { first = first ? first : error; };
    for (std::size_t i = 0; entries && i < entries->size(); ++i) {
        const Files::Entry& entry = (*entries)[i];
        const std::string inner = path + "/" + entry.name;
        note(entry.is_directory ? remove_all(files, inner) : uninterrupted([&] { return files.remove(inner); }));
    }
    note(uninterrupted([&] { return files.remove(path); }));
    return first;
}

/// Reads one directory of topics/, and finishes what a crash has interrupted in it.
class DirectoryLoader {
  public:
    DirectoryLoader(Files& files, TopicCatalogue::Loaded& loaded) : files_(files), loaded_(loaded) {}

    void load(const Files::Entry& entry) {
        const std::string path = path_of(entry.name);
        const std::string_view name = entry.name;
        if (!entry.is_directory) {
            return find(path, "is no topic's directory");
        }
        if (const auto id = parse_id(name)) {
            return load_topic(path, *id);
        }
        if (name.ends_with(deleted_suffix) && parse_id(name.substr(0, name.size() - deleted_suffix.size()))) {
            if (const std::error_code error = remove_all(files_, path)) {
                find(path, "belongs to a deleted topic and cannot be removed: " + error.message());
            }
            return;
        }
        find(path, "is no topic's directory");
    }

  private:
    void load_topic(const std::string& path, const TopicId& id) {
        const std::string json_path = path + std::string(topic_json);
        (void)files_.remove(json_path + ".new");
        const auto content = read_file(files_, json_path, topic_json_bytes_max);
        // An empty directory is a creation that a crash has interrupted: it goes, and nothing with it.
        if (!content && is_missing(content.error()) && !files_.remove(path)) {
            return;
        }
        StoredTopic topic{.id = id, .name = {}};
        const std::string why =
            content ? std::string(read_topic(*content, topic)) : "cannot be read: " + content.error().message();
        if (!why.empty() && !read_copy(path, topic)) {
            return find(json_path, why);
        }
        if (!why.empty()) {
            find(path, "is known by the copy of its topic.json, which " + why);
        }
        if (why.empty()) {
            keep_copy(path + std::string(topic_json_copy), *content);
        }
        loaded_.topics.push_back(std::move(topic));
    }

    bool read_copy(const std::string& path, StoredTopic& topic) {
        const auto copy = read_file(files_, path + std::string(topic_json_copy), topic_json_bytes_max);
        return copy && read_topic(*copy, topic).empty();
    }

    /// Writes it anew where it is missing, or is not the same as what has been read.
    void keep_copy(const std::string& path, Bytes content) {
        const auto copy = read_file(files_, path, topic_json_bytes_max);
        if (!copy && !is_missing(copy.error())) {
            return find(path, "cannot be read: " + copy.error().message());
        }
        const bool differs = copy && as_text(*copy) != as_text(content);
        if ((!copy || differs) && write_copy(files_, path, content) && differs) {
            find(path, "is not the same as topic.json");
        }
    }

    void find(const std::string& path, const std::string& what) {
        loaded_.findings.push_back(path + " " + what + "; it was left as it is.");
    }

    Files& files_;
    TopicCatalogue::Loaded& loaded_;
};

/// Keeps the first of those that have one name; they come in the order of their names, then of their ids.
void drop_namesakes(TopicCatalogue::Loaded& loaded) {
    std::vector<StoredTopic> kept;
    for (StoredTopic& topic : loaded.topics) {
        if (kept.empty() || kept.back().name != topic.name) {
            kept.push_back(std::move(topic));
            continue;
        }
        loaded.findings.push_back(TopicCatalogue::directory_of(topic.id) + " has the topic name \"" + topic.name +
                                  "\" of " + TopicCatalogue::directory_of(kept.back().id) + "; it was left as it is.");
    }
    loaded.topics = std::move(kept);
}

}  // namespace

std::string TopicCatalogue::directory_of(const TopicId& id) {
    return path_of(id.to_string());
}

std::error_code TopicCatalogue::prepare() {
    std::error_code error = check_data_format(files_).error;
    if (is_missing(error)) {
        error = write_data_format(files_);
    }
    if (error) {
        return error;
    }
    error = uninterrupted([&] { return files_.make_directory(std::string(topics_directory)); });
    return error ? error : uninterrupted([&] { return files_.sync_directory(""); });
}

Result<TopicCatalogue::Loaded> TopicCatalogue::load() {
    const auto entries = uninterrupted([&] { return files_.list(std::string(topics_directory)); });
    if (!entries) {
        return tl::unexpected(entries.error());
    }
    Loaded loaded;
    DirectoryLoader loader(files_, loaded);
    for (const Files::Entry& entry : *entries) {
        loader.load(entry);
    }
    std::sort(loaded.topics.begin(), loaded.topics.end(), [](const StoredTopic& one, const StoredTopic& other) {
        return std::tie(one.name, one.id.bytes) < std::tie(other.name, other.id.bytes);
    });
    drop_namesakes(loaded);
    return loaded;
}

std::error_code TopicCatalogue::save(const StoredTopic& topic) {
    const std::string path = directory_of(topic.id);
    if (const std::error_code error = uninterrupted([&] { return files_.make_directory(path); })) {
        return error;
    }
    if (const std::error_code error =
            uninterrupted([&] { return files_.sync_directory(std::string(topics_directory)); })) {
        return error;
    }
    // The copy goes before what it is a copy of, and durably with it: an older one, read later, could let go of records
    // that the newer settings keep. Where it is all that tells of the topic it stays until topic.json is there again.
    const std::string copy_path = path + std::string(topic_json_copy);
    if (has_topic_json(files_, path)) {
        const std::error_code error = uninterrupted([&] { return files_.remove(copy_path); });
        if (error && !is_missing(error)) {
            return error;
        }
    }
    const std::string text = written(topic);
    if (const std::error_code error = replace_file(files_, path + std::string(topic_json), as_bytes(text))) {
        return error;
    }
    if (write_copy(files_, copy_path, as_bytes(text))) {
        (void)files_.remove(copy_path);  // without one the topic is as good: no reason to refuse it
    }
    return {};
}

std::error_code TopicCatalogue::remove(const TopicId& id) {
    const std::string path = directory_of(id);
    const std::string deleted = path + std::string(deleted_suffix);
    if (const std::error_code error = uninterrupted([&] { return files_.rename(path, deleted); })) {
        return error;
    }
    const std::error_code error = uninterrupted([&] { return files_.sync_directory(std::string(topics_directory)); });
    // The topic is gone whatever happens now, but for a power cut: the next load() takes what is left.
    (void)remove_all(files_, deleted);
    return error;
}

}  // namespace leveret
