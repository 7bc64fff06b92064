#include "message_log/segment/segment_context.hpp"

#include <algorithm>

#include "message_log/segment/segment_names.hpp"
#include "message_log/topic_catalogue.hpp"

namespace leveret {

std::shared_ptr<const SegmentIndex> IndexCache::find(const std::string& path) {
    const std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.first == path; });
    if (found == entries_.end()) {
        return nullptr;
    }
    std::rotate(entries_.begin(), found, found + 1);
    return entries_.front().second;
}

void IndexCache::put(const std::string& path, std::shared_ptr<const SegmentIndex> index) {
    const std::lock_guard lock(mutex_);
    if (entries_.size() >= indexes_max) {
        entries_.pop_back();
    }
    entries_.insert(entries_.begin(), {path, std::move(index)});
}

PartitionPlace::PartitionPlace(std::shared_ptr<SegmentContext> context, const TopicId& topic, PartitionId partition)
    : context_(std::move(context)),
      topic_(topic),
      partition_(partition),
      directory_(partition_directory(topic, partition)) {}

std::string PartitionPlace::note_damage(Offset base, std::uint64_t position, Offset first, Offset end) {
    {
        const std::lock_guard lock(mutex_);
        if (std::find(damage_ends_.begin(), damage_ends_.end(), end) != damage_ends_.end()) {
            return {};
        }
        damage_ends_.push_back(end);
    }
    context_->counters.log_damages.add();
    const std::string& data_dir = context_->settings.data_dir_for_messages;
    const std::string file = data_dir + '/' + path(log_name(base));
    const std::uint64_t count = end.value - first.value;
    const std::string records =
        (count == 1 ? "offset " + std::to_string(first.value)
                    : "offsets " + std::to_string(first.value) + " to " + std::to_string(end.value - 1) + " (" +
                          std::to_string(count) + " records)") +
        " of " + topic_name() + " cannot be read: ";
    const std::string cause = position == missing ? "what comes before " + file + " is missing"
                                                  : file + " is damaged at byte " + std::to_string(position);
    return records + cause + ". Readers skip " + (count == 1 ? "it" : "them") +
           ". Stop the server, then: leveret log repair --data-dir " + data_dir + " --topic " + topic_name() +
           " --apply";
}

void PartitionPlace::know_damage(Offset end) {
    const std::lock_guard lock(mutex_);
    damage_ends_.push_back(end);
}

void PartitionPlace::report(const std::string& finding) const {
    if (!finding.empty() && context_->settings.on_finding) {
        context_->settings.on_finding(finding);
    }
}

std::string PartitionPlace::topic_name() const {
    return context_->settings.topic_name ? context_->settings.topic_name(topic_) : topic_.to_string();
}

std::string partition_directory(const TopicId& topic, PartitionId partition) {
    return TopicCatalogue::directory_of(topic) + '/' + std::to_string(partition.value);
}

}  // namespace leveret
