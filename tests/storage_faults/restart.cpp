#include "restart.hpp"

#include <algorithm>
#include <limits>

#include "stored_logs.hpp"
#include "workload.hpp"

namespace leveret::test {

namespace {

constexpr std::uint8_t boot_before = 1;
constexpr std::uint8_t boot_after = 2;
constexpr std::uint8_t boot_later = 3;

/// Thrown, so that the first trouble ends it.
struct Trouble {
    std::string text;
};

void expect(bool is_so, const std::string& otherwise) {
    if (!is_so) {
        throw Trouble{otherwise};
    }
}

std::string words(std::uint64_t number) {
    return std::to_string(number);
}

/// Closes the log whatever happens: one that goes without that would be our own defect.
class OpenLog {
  public:
    OpenLog(StoredLogs& logs, OpenedLog opened) : logs_(logs), opened_(std::move(opened)) {}
    ~OpenLog() {
        if (!is_closed_) {
            static_cast<void>(logs_.close(*opened_.log));
        }
    }
    OpenLog(const OpenLog&) = delete;
    OpenLog& operator=(const OpenLog&) = delete;
    const OpenedLog& operator*() const noexcept { return opened_; }
    const OpenedLog* operator->() const noexcept { return &opened_; }
    std::error_code close() {
        is_closed_ = true;
        return logs_.close(*opened_.log);
    }

  private:
    StoredLogs& logs_;
    OpenedLog opened_;
    bool is_closed_ = false;
};

/// One topic after the crash.
class TopicCheck {
  public:
    TopicCheck(const Restart& restart, const TopicHistory& history) : restart_(restart), history_(history) {}

    void run() {
        SimulatedDisk disk = start_after_the_crash();
        if (is_listed_) {
            disk = start_after_another_power_cut(std::move(disk));
            start_after_a_clean_stop(disk.after({.unsynced = Unsynced::kept}), true);
            start_after_a_clean_stop(disk.after({.unsynced = Unsynced::lost}), false);
        }
    }

  private:
    SimulatedDisk start_after_the_crash() {
        StoredLogs logs(restart_.disk, restart_.had_power ? boot_before : boot_after);
        is_listed_ = is_listed(logs);
        if (!is_listed_) {
            return {};
        }
        check_position(logs);
        OpenLog opened(logs, open(logs));
        check_extent(*opened, promised_end());
        check_records(logs, *opened->log);
        check_epochs(*opened);
        check_that_a_second_crash_is_harmless(logs, *opened);
        append_more(logs, *opened->log);
        epochs_ = opened->epochs;
        return logs.files.disk().after({.unsynced = Unsynced::lost});
    }

    SimulatedDisk start_after_another_power_cut(SimulatedDisk disk) {
        StoredLogs logs(std::move(disk), boot_later);
        OpenLog opened(logs, open(logs));
        check_extent(*opened, end_);
        check_records(logs, *opened->log);
        const std::vector<EpochStart>& epochs = opened->epochs;
        expect(epochs.size() >= epochs_.size() && std::equal(epochs_.begin(), epochs_.end(), epochs.begin()),
               "epochs are forgotten in a power cut");
        expect(!opened.close(), "it does not close");
        return logs.files.disk();
    }

    /// Its mark counts with the index beside it, which a power cut may take: then the records are looked at again.
    void start_after_a_clean_stop(SimulatedDisk disk, bool had_power) {
        StoredLogs logs(std::move(disk), boot_later);
        OpenLog opened(logs, open(logs));
        expect(!had_power || opened->recovery.was_closed_cleanly, "a clean stop has left no mark");
        check_extent(*opened, end_);
        check_records(logs, *opened->log);
        expect(!opened.close(), "it does not close after a clean start");
    }

    [[nodiscard]] std::uint64_t promised_end() const {
        const std::uint64_t synced = history_.synced.at(restart_.moment);
        return restart_.had_power ? std::max(synced, history_.written.at(restart_.moment)) : synced;
    }

    /// Whether the catalogue has it; and that it is as it was saved.
    bool is_listed(StoredLogs& logs) {
        const auto prepared = logs.catalogue.prepare();
        expect(!prepared, "the data directory is not accepted: " + prepared.message());
        const auto loaded = logs.catalogue.load();
        expect(loaded.has_value(), "the catalogue cannot be loaded");
        expect(loaded->findings.empty(), loaded->findings.empty() ? "" : loaded->findings.front());
        const auto found = std::find_if(loaded->topics.begin(), loaded->topics.end(),
                                        [&](const StoredTopic& topic) { return topic.id == history_.id; });
        const std::uint64_t saved = history_.saved.answered.at(restart_.moment);
        const bool may_be_gone = saved == 0 || history_.removed.asked.at(restart_.moment) > 0;
        const bool must_be_gone = history_.removed.answered.at(restart_.moment) > 0;
        if (found == loaded->topics.end()) {
            expect(may_be_gone, "the topic is not in the catalogue");
            return false;
        }
        expect(!must_be_gone, "a removed topic has come back");
        const std::uint64_t asked = history_.saved.asked.at(restart_.moment);
        for (std::uint64_t version = std::max<std::uint64_t>(saved, 1); version <= asked; ++version) {
            if (history_.versions[version - 1] == *found) {
                return true;
            }
        }
        throw Trouble{"the topic's settings are none that were saved last"};
    }

    void check_position(StoredLogs& logs) const {
        const auto positions = PositionsFile::open(logs.files, positions_path(history_.id));
        expect(positions.has_value(), "positions cannot be opened");
        expect(positions->damaged_entries() == 0, "positions are damaged");
        const auto found = positions->positions().find("reader");
        const std::uint64_t position = found == positions->positions().end() ? 0 : found->second.value;
        expect(position >= history_.position.answered.at(restart_.moment), "a committed position is lost");
        expect(position <= history_.position.asked.at(restart_.moment), "a position that nobody committed");
    }

    OpenedLog open(StoredLogs& logs) const {
        const LogSettings settings{.shows_unsynced = history_.shows_unsynced, .epoch = Epoch{1}};
        auto opened = logs.store().open(history_.id, PartitionId{0}, settings);
        if (!opened) {
            expect(history_.created.answered.at(restart_.moment) == 0, "it does not open: " + opened.error().message());
            opened = open_or_create(logs.store(), history_.id, history_.shows_unsynced);
        }
        expect(opened.has_value(), "it can neither be opened nor created");
        const LogRecovery& recovery = opened->recovery;
        expect(recovery.damages == 0 && logs.counters.log_damages.value() == 0,
               "a crash is taken for damage: " + (recovery.findings.empty() ? "" : recovery.findings.front()));
        return std::move(*opened);
    }

    void check_extent(const OpenedLog& opened, std::uint64_t end_least) {
        const LogExtent extent = opened.log->extent();
        const std::uint64_t end = extent.end.value;
        const std::uint64_t handed = std::max(history_.handed.at(restart_.moment), end_);
        expect(end >= end_least, "acknowledged up to " + words(end_least) + ", kept up to " + words(end));
        expect(end <= handed, "handed over up to " + words(handed) + ", found up to " + words(end));
        const BatchBook& batches = end > first_added_ ? added_ : history_.batches;
        expect(batches.is_batch_start(end), "half a batch, up to " + words(end));
        expect(extent.synced <= extent.end, "synced beyond the end");
        expect(history_.trimmed.asked.was(extent.first.value, restart_.moment) && extent.first <= extent.end,
               "it begins at " + words(extent.first.value) + ", where nobody has trimmed it to");
        expect(extent.first.value >= history_.trimmed.answered.at(restart_.moment),
               "what was trimmed is back, from " + words(extent.first.value));
        end_ = end;
    }

    void check_records(StoredLogs& logs, MessageLog& log) const {
        const auto read = logs.read_back(log);
        expect(!read.error, "reading fails: " + read.error.message());
        expect(read.damaged.empty(), "damage is read");
        std::uint64_t offset = log.extent().first.value;
        for (const RecordView record : Records(read.bytes)) {
            const Bytes expected = offset < first_added_ ? history_.batches.record(offset) : added_.record(offset);
            expect(std::ranges::equal(record.bytes(), expected), "another record at " + words(offset));
            ++offset;
        }
        expect(offset == end_, "reading ends at " + words(offset) + " before " + words(end_));
        std::vector<std::byte> into(1500);
        const auto below = logs.read(log, Offset{0}, into);
        expect(below && below->first == log.extent().first && !below->damaged,
               "a read from 0 does not begin where the log does, at " + words(log.extent().first.value));
        for (const std::uint64_t at : {log.extent().first.value, end_ / 2, end_}) {
            const auto found = logs.find_time(log, BatchBook::time_of(at));
            expect(found && found->value == std::max(at, log.extent().first.value),
                   "find_time for " + words(at) + " answers " + (found ? words(found->value) : "an error") +
                       ", the log begins at " + words(log.extent().first.value));
        }
    }

    /// Offsets that readers have seen may only be used again in another epoch.
    void check_epochs(const OpenedLog& opened) const {
        expect(!opened.epochs.empty(), "there is no epoch");
        if (history_.shows_unsynced && end_ < history_.written.at(restart_.moment)) {
            expect(opened.epochs.back() == (EpochStart{Epoch{2}, Offset{end_}}),
                   "offsets that were seen are used again in the same epoch");
        }
    }

    /// Recovery has read what a process had left unsynced: what it says is synced has to be, and its epoch too.
    void check_that_a_second_crash_is_harmless(StoredLogs& logs, const OpenedLog& opened) const {
        StoredLogs later(logs.files.disk().after({.unsynced = Unsynced::lost}), boot_later);
        const OpenLog again(later, open(later));
        const LogExtent extent = again->log->extent();
        expect(extent.end >= opened.log->extent().synced, "a start says synced up to " +
                                                              words(opened.log->extent().synced.value) +
                                                              ", a power cut leaves " + words(extent.end.value));
        expect(again->epochs.back().epoch >= opened.epochs.back().epoch, "a start forgets the epoch of the one before");
    }

    void append_more(StoredLogs& logs, MessageLog& log) {
        while (added_.end() < end_) {
            added_.make({0});
        }
        first_added_ = end_;
        for (const std::vector<std::size_t>& payload_bytes : {std::vector<std::size_t>{10, 20}, {2000}, {3000}, {30}}) {
            const Bytes batch = added_.make(payload_bytes);
            const auto answer = logs.append(log, batch, MessageLog::Sync::yes);
            expect(!answer.error && answer.first.value == end_, "it takes no new records at " + words(end_));
            end_ = added_.end();
        }
    }

    const Restart& restart_;
    const TopicHistory& history_;
    bool is_listed_ = false;
    std::uint64_t end_ = 0;
    std::uint64_t first_added_ = std::numeric_limits<std::uint64_t>::max();
    BatchBook added_{};
    std::vector<EpochStart> epochs_{};
};

}  // namespace

std::string trouble_after(const Restart& restart, const History& history) {
    for (const auto& [name, topic] : history.topics) {
        try {
            TopicCheck(restart, topic).run();
        } catch (const Trouble& trouble) {
            return name + ": " + trouble.text;
        } catch (const std::exception& error) {
            return name + ": " + error.what();
        }
    }
    return {};
}

}  // namespace leveret::test
