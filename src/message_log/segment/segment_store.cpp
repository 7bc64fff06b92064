#include "message_log/segment/segment_store.hpp"

#include <algorithm>
#include <fstream>

#include "message_log/segment/partition_meta.hpp"
#include "message_log/segment/recovery.hpp"
#include "message_log/segment/segment_log.hpp"
#include "message_log/segment/segment_names.hpp"
#include "message_log/topic_catalogue.hpp"
#include "message_log/uninterrupted.hpp"

namespace leveret {
namespace {

constexpr Epoch first_epoch{1};

class SegmentStore final : public LogStore {
  public:
    explicit SegmentStore(std::shared_ptr<SegmentContext> context) : context_(std::move(context)) {}

    Result<OpenedLog> create(const TopicId& topic, PartitionId partition, const LogSettings& settings) override;
    Result<OpenedLog> open(const TopicId& topic, PartitionId partition, const LogSettings& settings) override;
    std::error_code remove(const TopicId& topic) override;

  private:
    [[nodiscard]] std::error_code make_directories(const TopicId& topic, const PartitionPlace& place);
    [[nodiscard]] std::error_code check_unused(const PartitionPlace& place);
    [[nodiscard]] std::error_code remove_partition(const std::string& directory);

    const std::shared_ptr<SegmentContext> context_;
};

Result<OpenedLog> SegmentStore::create(const TopicId& topic, PartitionId partition, const LogSettings& settings) {
    auto place = std::make_unique<PartitionPlace>(context_, topic, partition);
    Files& files = context_->files;
    std::error_code error = make_directories(topic, *place);
    if (!error) {
        error = check_unused(*place);
    }
    if (!error) {
        const std::string path = place->path(log_name({}));
        const auto file = uninterrupted([&] { return files.open(path, Files::Open::overwrite); });
        error = file ? std::error_code() : file.error();
    }
    PartitionMeta meta{.partition = partition,
                       .boot_id = context_->settings.boot_id,
                       .epochs = {{std::max(settings.epoch, first_epoch), Offset{}}}};
    if (!error) {
        // Last: a directory without it is none of a log.
        error = replace_file(files, place->path(meta_name), encode_meta(meta));
    }
    if (error) {
        return tl::unexpected(error);
    }
    OpenedLog opened{.log = nullptr, .epochs = meta.epochs, .recovery = {}};
    SegmentLogStart start{std::move(meta), {.segments = {Segment{}}, .last_index = {}}};
    opened.log = std::make_unique<SegmentLog>(std::move(place), std::move(start));
    return opened;
}

std::error_code SegmentStore::make_directories(const TopicId& topic, const PartitionPlace& place) {
    const std::string topic_directory = TopicCatalogue::directory_of(topic);
    const std::string all_topics = topic_directory.substr(0, topic_directory.rfind('/'));
    std::string parent;
    for (const std::string& directory : {all_topics, topic_directory, place.directory()}) {
        std::error_code error = uninterrupted([&] { return context_->files.make_directory(directory); });
        if (!error) {
            error = uninterrupted([&] { return context_->files.sync_directory(parent); });
        }
        if (error) {
            return error;
        }
        parent = directory;
    }
    return {};
}

std::error_code SegmentStore::check_unused(const PartitionPlace& place) {
    const auto entries = uninterrupted([&] { return context_->files.list(place.directory()); });
    if (!entries) {
        return entries.error();
    }
    for (const Files::Entry& entry : *entries) {
        if (entry.name == meta_name) {
            return std::make_error_code(std::errc::file_exists);
        }
        if (base_in_name(entry.name, ".log")) {
            const auto file = context_->files.open(place.path(entry.name), Files::Open::read);
            const auto size = file ? (*file)->size() : Result<std::uint64_t>(tl::unexpected(file.error()));
            if (!size || *size > 0) {
                return Error::bad_log;  // records whose partition.meta is gone
            }
        }
    }
    return {};
}

Result<OpenedLog> SegmentStore::open(const TopicId& topic, PartitionId partition, const LogSettings& settings) {
    auto place = std::make_unique<PartitionPlace>(context_, topic, partition);
    auto recovered = recover_segment_log(*place, settings);
    if (!recovered) {
        return tl::unexpected(recovered.error());
    }
    OpenedLog opened{
        .log = nullptr, .epochs = std::move(recovered->epochs), .recovery = std::move(recovered->recovery)};
    opened.log = std::make_unique<SegmentLog>(std::move(place), std::move(recovered->start));
    return opened;
}

std::error_code SegmentStore::remove(const TopicId& topic) {
    const std::string directory = TopicCatalogue::directory_of(topic);
    const auto entries = uninterrupted([&] { return context_->files.list(directory); });
    if (!entries) {
        return entries.error() == std::errc::no_such_file_or_directory ? std::error_code() : entries.error();
    }
    for (const Files::Entry& entry : *entries) {
        const bool is_partition =
            entry.is_directory && std::all_of(entry.name.begin(), entry.name.end(),
                                              [](char letter) { return letter >= '0' && letter <= '9'; });
        if (is_partition) {
            if (const std::error_code error = remove_partition(directory + '/' + entry.name)) {
                return error;
            }
        }
    }
    return uninterrupted([&] { return context_->files.sync_directory(directory); });
}

std::error_code SegmentStore::remove_partition(const std::string& directory) {
    context_->open_files.forget(directory);
    const auto entries = uninterrupted([&] { return context_->files.list(directory); });
    if (!entries) {
        return entries.error();
    }
    // partition.meta goes first: what a crash leaves is no log then.
    const auto remove = [&](std::string_view name) {
        return uninterrupted([&] { return context_->files.remove(directory + '/' + std::string(name)); });
    };
    if (const std::error_code error = remove(meta_name); error && error != std::errc::no_such_file_or_directory) {
        return error;
    }
    for (const Files::Entry& entry : *entries) {
        const std::error_code error = entry.name == meta_name ? std::error_code() : remove(entry.name);
        if (error) {
            return error;
        }
    }
    return uninterrupted([&] { return context_->files.remove(directory); });
}

int hex_digit(char letter) noexcept {
    if (letter >= '0' && letter <= '9') {
        return letter - '0';
    }
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

}  // namespace

std::unique_ptr<LogStore> make_segment_store(Files& files, LogExecutors executors, Counters& counters,
                                             SegmentStoreSettings settings) {
    return std::make_unique<SegmentStore>(
        std::make_shared<SegmentContext>(files, std::move(executors), counters, std::move(settings)));
}

BootId read_boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    BootId id{};
    std::size_t digits = 0;
    for (char letter = 0; digits < 2 * id.size() && file.get(letter);) {
        if (const int digit = hex_digit(letter); digit >= 0) {
            std::uint8_t& byte = id[digits / 2];
            byte = static_cast<std::uint8_t>(byte << 4U | digit);
            ++digits;
        }
    }
    return id;
}

}  // namespace leveret
