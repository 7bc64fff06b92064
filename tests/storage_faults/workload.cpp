#include "workload.hpp"

#include <algorithm>

namespace leveret::test {

using Sync = MessageLog::Sync;

namespace {

TopicId id_of(const std::string& name) {
    TopicId id;
    std::copy(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(name.size(), 16)),
              id.bytes.begin());
    return id;
}

bool is_missing(std::error_code error) {
    return error == std::errc::no_such_file_or_directory;
}

}  // namespace

std::string positions_path(const TopicId& id) {
    return TopicCatalogue::directory_of(id) + "/0/positions";
}

Result<OpenedLog> open_or_create(LogStore& store, const TopicId& id, bool shows_unsynced) {
    const LogSettings settings{.shows_unsynced = shows_unsynced, .epoch = Epoch{1}};
    auto opened = store.open(id, PartitionId{0}, settings);
    if (!opened && is_missing(opened.error())) {
        opened = store.create(id, PartitionId{0}, settings);
    }
    return opened;
}

void Workload::run() {
    if (!note("", "prepare the catalogue", logs_.catalogue.prepare())) {
        note("", "prepare the catalogue again", logs_.catalogue.prepare());
    }
    create("orders", false);
    create("ticks", true);
    append("orders", {40, 50, 60}, Sync::yes);
    append("ticks", {10}, Sync::no);
    commit("orders", Offset{1}, true);
    for (std::size_t round = 0; round < 12; ++round) {
        append("orders", {100 + 70 * round, 20}, Sync::yes);
        append("ticks", {200, 300 + round, 5}, Sync::no);
        append_together("orders", {{300}, {1, 2, 3}, {500, 100}});
        append("ticks", {700}, Sync::no);
    }
    sync("ticks");
    commit("orders", Offset{9}, false);
    save_settings("orders", 1'000'000);
    trim("orders", Offset{20});
    append("orders", {600, 600, 600}, Sync::yes);
    append("ticks", {900, 900}, Sync::no);
    create("brief", false);
    append("brief", {10, 20}, Sync::yes);
    close("orders");
    open("orders");
    append("orders", {64}, Sync::yes);
    append_together("orders", {{1000}, {1000, 1000}, {5}});
    commit("orders", Offset{30}, true);
    commit("orders", Offset{31}, true);
    commit("orders", Offset{32}, false);
    append("ticks", {100, 100}, Sync::no);
    remove("brief");
    trim("ticks", Offset{30});
    append("ticks", {1500}, Sync::no);
    append("ticks", {1400, 1}, Sync::yes);
    append("ticks", {3}, Sync::no);
    close("ticks");
    open("ticks");
    append("ticks", {80, 90}, Sync::no);
    append("ticks", {20, 30, 40}, Sync::no);
    trim("ticks", Offset{61});  // nobody has synced these
    append("ticks", {10}, Sync::no);
    trim("orders", Offset{70});
    append("orders", {5000}, Sync::yes);
    append("orders", {70}, Sync::yes);
    trim("orders", Offset{history_.topics["orders"].batches.end()});
    append("orders", {30, 20}, Sync::yes);
    close("orders");
    close("ticks");
}

bool Workload::note(const std::string& name, const std::string& step, std::error_code error) {
    if (error) {
        failures_.push_back({name, step, error});
    }
    return !error;
}

Workload::OpenTopic* Workload::find(const std::string& name) {
    const auto found = open_.find(name);
    return found == open_.end() ? nullptr : &found->second;
}

void Workload::create(const std::string& name, bool shows_unsynced) {
    TopicHistory& history = history_.topics[name];
    history.id = id_of(name);
    history.shows_unsynced = shows_unsynced;
    save_settings(name, 0);
    if (history.saved.answered.at(now()) > 0) {
        use(name, true);
    }
}

void Workload::open(const std::string& name) {
    if (history_.topics[name].created.answered.at(now()) > 0 && find(name) == nullptr && !stopped_.contains(name)) {
        use(name, false);
    }
}

/// A second attempt is a server that was started again: there is one fault at most, so that has to work.
void Workload::use(const std::string& name, bool is_new) {
    TopicHistory& history = history_.topics[name];
    const LogSettings settings{.shows_unsynced = history.shows_unsynced, .epoch = Epoch{1}};
    history.created.asked.reached(1, now());
    auto opened = is_new ? logs_.store().create(history.id, PartitionId{0}, settings)
                         : logs_.store().open(history.id, PartitionId{0}, settings);
    if (!opened) {
        note(name, is_new ? "create" : "open", opened.error());
        opened = open_or_create(logs_.store(), history.id, history.shows_unsynced);
    }
    if (!opened) {
        wrongs_.push_back(name + " cannot be opened after a failed attempt: " + opened.error().message());
        return;
    }
    history.created.answered.reached(1, now());
    OpenTopic& topic = open_[name];
    topic.log = std::move(opened->log);
    auto positions = PositionsFile::open(logs_.files, positions_path(history.id));
    if (!positions) {
        note(name, "open positions", positions.error());
        positions = PositionsFile::open(logs_.files, positions_path(history.id));
    }
    if (positions) {
        topic.positions = std::make_unique<PositionsFile>(std::move(*positions));
    } else {
        wrongs_.push_back(name + ": positions cannot be opened after a failed attempt");
    }
    const Offset end = topic.log->extent().end;
    if (end.value != history.batches.end()) {
        wrongs_.push_back(name + " has been opened with " + std::to_string(end.value) + " records of " +
                          std::to_string(history.batches.end()));
        open_.erase(name);
    }
}

void Workload::save_settings(const std::string& name, std::uint64_t retention_bytes) {
    TopicHistory& history = history_.topics[name];
    StoredTopic topic{.id = history.id, .name = name};
    topic.settings.retention_bytes = retention_bytes;
    topic.settings.store = Store::file;
    history.versions.push_back(topic);
    history.saved.asked.reached(history.versions.size(), now());
    if (note(name, "save", logs_.catalogue.save(topic))) {
        history.saved.answered.reached(history.versions.size(), now());
    }
}

void Workload::append(const std::string& name, const std::vector<std::size_t>& payload_bytes, Sync sync) {
    OpenTopic* topic = find(name);
    if (topic == nullptr) {
        return;
    }
    TopicHistory& history = history_.topics[name];
    const std::uint64_t first = history.batches.end();
    const Bytes batch = history.batches.make(payload_bytes);
    if (!topic->has_failed) {
        if (!note(name, "reserve", logs_.reserve(*topic->log, batch.size()))) {
            history.batches.forget_last();
            return;
        }
    }
    if (!topic->has_failed) {  // else it must not be written
        history.handed.reached(history.batches.end(), now());
    }
    const auto answer = logs_.answer_to<MessageLog::Appended>([&](auto done) {
        topic->log->append({&batch, 1}, sync, std::move(done));
    });
    appended(name, answer, first, history.batches.end(), sync);
}

void Workload::append_together(const std::string& name, const std::vector<std::vector<std::size_t>>& batches) {
    OpenTopic* topic = find(name);
    if (topic == nullptr || topic->has_failed) {
        return;
    }
    TopicHistory& history = history_.topics[name];
    struct Part {
        Bytes bytes;
        std::uint64_t first;
        std::uint64_t end;
        std::optional<MessageLog::Appended> answer{};
    };
    std::vector<Part> parts;
    for (const auto& payload_bytes : batches) {
        const std::uint64_t first = history.batches.end();
        const Bytes bytes = history.batches.make(payload_bytes);
        if (!note(name, "reserve", logs_.reserve(*topic->log, bytes.size()))) {
            history.batches.forget_last();
            break;
        }
        parts.push_back({bytes, first, history.batches.end()});
    }
    history.handed.reached(history.batches.end(), now());
    for (Part& part : parts) {
        const Sync sync = &part == &parts.back() ? Sync::yes : Sync::no;
        topic->log->append({&part.bytes, 1}, sync, [&, sync](const MessageLog::Appended& answer) {
            part.answer = answer;
            appended(name, answer, part.first, part.end, sync);
        });
    }
    logs_.run();
    for (const Part& part : parts) {
        if (!part.answer) {
            wrongs_.push_back(name + ": an append has had no answer");
        }
    }
}

void Workload::appended(const std::string& name, const MessageLog::Appended& answer, std::uint64_t first,
                        std::uint64_t end, Sync sync) {
    OpenTopic& topic = open_.at(name);
    TopicHistory& history = history_.topics[name];
    if (!note(name, "append", answer.error)) {
        if (answer.error != Error::log_failed) {
            wrongs_.push_back(name + ": an append has failed with " + answer.error.message());
        }
        topic.has_failed = true;
        return;
    }
    if (topic.has_failed || answer.first.value != first) {
        wrongs_.push_back(name + ": an append has succeeded " +
                          (topic.has_failed ? "after the log had failed" : "at another offset"));
    }
    history.written.reached(end, now());
    if (sync == Sync::yes) {
        history.synced.reached(end, now());
    }
}

void Workload::sync(const std::string& name) {
    if (OpenTopic* topic = find(name)) {
        const std::uint64_t end = topic->log->extent().end.value;
        if (note(name, "sync", logs_.sync(*topic->log))) {
            history_.topics[name].synced.reached(end, now());
        } else {
            topic->has_failed = true;
        }
    }
}

void Workload::trim(const std::string& name, Offset before) {
    if (OpenTopic* topic = find(name)) {
        TopicHistory& history = history_.topics[name];
        history.trimmed.asked.reached(before.value, now());
        const std::error_code error = logs_.trim(*topic->log, before);
        if (note(name, "trim", error)) {
            history.trimmed.answered.reached(topic->log->extent().first.value, now());
        } else {
            topic->has_failed = error != Error::disk_full;
        }
    }
}

void Workload::commit(const std::string& name, Offset position, bool sync) {
    OpenTopic* topic = find(name);
    if (topic == nullptr || !topic->positions) {
        return;
    }
    TopicHistory& history = history_.topics[name];
    history.position.asked.reached(position.value, now());
    const std::pair<std::string, Offset> entry{"reader", position};
    if (note(name, "commit", topic->positions->save({&entry, 1}, sync)) && sync) {
        history.position.answered.reached(position.value, now());
    }
}

void Workload::close(const std::string& name) {
    if (OpenTopic* topic = find(name)) {
        const std::uint64_t end = topic->log->extent().end.value;
        if (note(name, "close", logs_.close(*topic->log))) {
            history_.topics[name].synced.reached(end, now());
        } else {
            topic->has_failed = true;
        }
        if (topic->has_failed) {
            stopped_.insert(name);
        }
        open_.erase(name);
    }
}

void Workload::remove(const std::string& name) {
    if (find(name) == nullptr) {
        return;
    }
    close(name);
    TopicHistory& history = history_.topics[name];
    history.removed.asked.reached(1, now());
    if (note(name, "remove", logs_.catalogue.remove(history.id))) {
        history.removed.answered.reached(1, now());
        note(name, "remove its log", logs_.store().remove(history.id));
    }
}

}  // namespace leveret::test
