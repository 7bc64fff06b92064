#include "log/data_directory.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/core.h>

#include "message_log/data_format.hpp"
#include "message_log/segment/read_only_files.hpp"

namespace leveret::cli {
namespace {

constexpr std::string_view deleted_suffix = ".deleted";
constexpr std::string_view copy_suffix = "/topic.json.copy";

/// "<path> <what>; it was left as it is.", as the catalogue puts it.
LogFinding finding_of(const std::string& sentence) {
    const std::size_t space = sentence.find(' ');
    LogFinding finding{.path = sentence.substr(0, space)};
    if (space != std::string::npos) {
        const std::size_t end = std::min(sentence.rfind(';'), sentence.size());
        finding.what = sentence.substr(space + 1, end - space - 1);
    }
    const bool is_topic_json = finding.path.ends_with("/topic.json");
    if (is_topic_json) {
        finding.what += ": the server does not know this topic";
        finding.remedy = "with --id and --name: keep it as an .aside file and write another with that name";
    }
    if (finding.what.starts_with("is known by the copy")) {
        finding.remedy = "leveret topic alter writes both anew";
    }
    if (finding.path.ends_with(copy_suffix)) {
        finding.remedy = "the server's next start writes it anew";
    }
    return finding;
}

std::optional<std::uint32_t> partition_number(std::string_view name) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    const bool is_number = error == std::errc() && end == name.data() + name.size();
    return is_number ? std::optional(number) : std::nullopt;
}

}  // namespace

std::optional<TopicId> parse_topic_id(std::string_view text) {
    TopicId id;
    if (text.size() != 2 * id.bytes.size()) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < id.bytes.size(); ++i) {
        const std::string_view digits = text.substr(2 * i, 2);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + 2, id.bytes[i], 16);
        if (error != std::errc() || end != digits.data() + 2) {
            return std::nullopt;
        }
    }
    return id;
}

std::string TopicOnDisk::partition_directory(PartitionId partition) const {
    return TopicCatalogue::directory_of(id) + '/' + std::to_string(partition.value);
}

Parsed<DataDirectory> DataDirectory::open(const LogOptions& options) {
    DataDirectory directory(options.data_dir, make_posix_files(options.data_dir));
    // Before the lock: that would make a file in a directory which is none of ours.
    if (const DataFormatCheck format = check_data_format(*directory.files_); format.error) {
        const std::string sentence = options.data_dir + '/' + format.text;
        return tl::unexpected(
            format.error == Error::bad_log
                ? sentence
                : fmt::format("{} is no data directory of a Leveret server: {}", options.data_dir, sentence));
    }
    if (!options.running) {
        auto lock = directory.files_->lock("lock");
        if (!lock && lock.error() == std::errc::resource_unavailable_try_again) {
            return tl::unexpected(
                fmt::format("a server is using {}: stop it first (dump and verify also work beside it, with --running)",
                            options.data_dir));
        }
        if (!lock) {
            return tl::unexpected(
                fmt::format("{}/lock cannot be locked: {}", options.data_dir, lock.error().message()));
        }
        directory.lock_ = std::move(*lock);
    }
    if (auto mistake = directory.load(options)) {
        return tl::unexpected(std::move(*mistake));
    }
    return directory;
}

std::optional<std::string> DataDirectory::load(const LogOptions& options) {
    ReadOnlyFiles unchanged(*files_);
    auto loaded = TopicCatalogue(unchanged).load();
    const auto directories = files_->list("topics");
    if (!loaded || !directories) {
        const std::error_code error = loaded ? directories.error() : loaded.error();
        return fmt::format("{}/topics cannot be read: {}", options.data_dir, error.message());
    }
    for (const std::string& sentence : loaded->findings) {
        LogFinding finding = finding_of(sentence);
        const bool goes_with_next_start = finding.path.ends_with(deleted_suffix);
        const bool may_be_written = options.running && finding.path.ends_with(copy_suffix);
        if (!goes_with_next_start && !may_be_written) {
            findings_.push_back(std::move(finding));
        }
    }
    note_topics(std::move(loaded->topics), *directories);
    return select(options);
}

void DataDirectory::note_topics(std::vector<StoredTopic> stored, const std::vector<Files::Entry>& directories) {
    std::vector<TopicOnDisk> unnamed;
    for (StoredTopic& topic : stored) {
        topics_.push_back({topic.id, std::move(topic), {}});
    }
    for (const Files::Entry& entry : directories) {
        const auto id = parse_topic_id(entry.name);
        const bool is_known =
            std::any_of(topics_.begin(), topics_.end(), [&](const auto& each) { return each.id == id; });
        if (entry.is_directory && id && !is_known) {
            unnamed.push_back({*id, std::nullopt, {}});
        }
    }
    topics_.insert(topics_.end(), unnamed.begin(), unnamed.end());
}

/// Which of them are asked for, and their partitions.
std::optional<std::string> DataDirectory::select(const LogOptions& options) {
    if (!options.topic.empty() || !options.id.empty()) {
        const auto id = parse_topic_id(options.id);
        std::erase_if(topics_, [&](const TopicOnDisk& topic) {
            return options.id.empty() ? !topic.stored || topic.stored->name != options.topic : topic.id != id;
        });
        std::erase_if(findings_, [&](const LogFinding& finding) {
            return topics_.empty() || finding.path.find(topics_.front().id.to_string()) == std::string::npos;
        });
        if (topics_.empty()) {
            return fmt::format("{} has no topic {}{}", options.data_dir, options.id.empty() ? "" : "with the id ",
                               options.id.empty() ? "'" + options.topic + "'" : options.id);
        }
    }
    for (TopicOnDisk& topic : topics_) {
        const auto entries = files_->list(TopicCatalogue::directory_of(topic.id));
        for (std::size_t i = 0; entries && i < entries->size(); ++i) {
            const auto number = partition_number((*entries)[i].name);
            if ((*entries)[i].is_directory && number) {
                topic.partitions.push_back({*number});
            }
        }
    }
    return std::nullopt;
}

}  // namespace leveret::cli
