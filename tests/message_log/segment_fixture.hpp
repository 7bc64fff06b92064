// A segment log on a simulated disk, with the crashes that it may meet.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <asio/io_context.hpp>

#include "log_driver.hpp"
#include "message_log/segment/segment_names.hpp"
#include "message_log/segment/segment_store.hpp"
#include "support/simulated_files.hpp"

namespace leveret::test {

inline constexpr std::uint64_t small_segment_bytes = 4096;

class SegmentFixture {
    asio::io_context io_;  // outlives the logs that work on it

  public:
    using Kind = Operation::Kind;

    SegmentFixture() {
        settings.segment_bytes = small_segment_bytes;
        settings.boot_id = {1};
        settings.data_dir_for_messages = "/data";
        settings.topic_name = [](const TopicId&) { return std::string("orders"); };
        settings.on_finding = [this](const std::string& finding) { findings.push_back(finding); };
        start({});
        take(store->create(topic, {}, log_settings));
    }

    SegmentStoreSettings settings;
    LogSettings log_settings;
    const TopicId topic{{7}};
    std::vector<std::string> findings;  ///< told while running
    std::unique_ptr<SimulatedFiles> files;
    std::unique_ptr<Counters> counters;
    std::unique_ptr<LogStore> store;
    OpenedLog opened;
    std::optional<LogDriver> driver;

    [[nodiscard]] LogDriver& log() { return *driver; }
    [[nodiscard]] LogExtent extent() const { return opened.log->extent(); }
    /// How many handlers there were.
    std::size_t run() {
        io_.restart();
        return io_.run();
    }
    /// What can be done at once.
    void poll() {
        io_.restart();
        io_.poll();
    }

    [[nodiscard]] std::string directory() const { return "topics/" + topic.to_string() + "/0/"; }
    [[nodiscard]] std::string segment(std::uint64_t base) const { return directory() + log_name({base}); }
    [[nodiscard]] std::string index(std::uint64_t base) const { return directory() + index_name({base}); }
    [[nodiscard]] std::string meta() const { return directory() + std::string(meta_name); }

    [[nodiscard]] std::uint64_t size_of(const std::string& path) const {
        return files->disk().content(files->disk().find(path).value()).size();
    }
    [[nodiscard]] bool exists(const std::string& path) const { return files->disk().find(path).has_value(); }
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> found;
        for (const Files::Entry& entry :
             files->disk().entries(files->disk().find(directory().substr(0, directory().size() - 1)).value())) {
            found.push_back(entry.name);
        }
        return found;
    }

    /// The end of the process, and what it means for what was not synced; then the start of the next one.
    void crash(Unsynced unsynced) {
        stop_at(unsynced);
        open();
    }
    /// The same without opening the log: the test changes files first.
    void stop_at(Unsynced unsynced) { start(files->disk().after({.unsynced = unsynced})); }
    void open() { take(store->open(topic, {}, log_settings)); }
    void reopen_after_close() {
        REQUIRE_FALSE(log().close());
        crash(Unsynced::kept);
    }
    /// Another start of the machine.
    void reboot() { ++settings.boot_id[0]; }

    void flip_byte(const std::string& path, std::uint64_t at) { files->disk().flip_bit(path, at * 8); }
    /// Puts bytes at the end of a file, as a torn write does.
    void write_behind(const std::string& path, Bytes bytes) {
        const auto file = files->open(path, Files::Open::write).value();
        REQUIRE_FALSE(write_all(*file, file->size().value(), {&bytes, 1}));
        REQUIRE_FALSE(file->sync());
    }
    void truncate(const std::string& path, std::uint64_t size) {
        const auto file = files->open(path, Files::Open::write).value();
        REQUIRE_FALSE(file->truncate(size));
        REQUIRE_FALSE(file->sync());
    }
    void remove(const std::string& path) {
        REQUIRE_FALSE(files->remove(path));
        REQUIRE_FALSE(files->sync_directory(directory().substr(0, directory().size() - 1)));
    }

    [[nodiscard]] bool has_finding(std::string_view part) const {
        const auto has_part = [&](const std::string& finding) { return finding.find(part) != std::string::npos; };
        return std::any_of(opened.recovery.findings.begin(), opened.recovery.findings.end(), has_part) ||
               std::any_of(findings.begin(), findings.end(), has_part);
    }

    /// The kinds of the calls made since `first_call`, for files whose path has `part`.
    [[nodiscard]] std::vector<Kind> calls(std::size_t first_call, std::string_view part = {}) const {
        std::vector<Kind> kinds;
        const auto& all = files->operations();
        for (std::size_t i = first_call; i < all.size(); ++i) {
            if (all[i].path.find(part) != std::string::npos) {
                kinds.push_back(all[i].kind);
            }
        }
        return kinds;
    }
    [[nodiscard]] std::size_t call_count() const { return files->operations().size(); }

  private:
    /// What was there before goes with the process: its handlers are never run.
    void start(SimulatedDisk disk) {
        driver.reset();
        opened = {};
        store.reset();
        io_.restart();
        io_.poll();
        files = std::make_unique<SimulatedFiles>(std::move(disk));
        counters = std::make_unique<Counters>();
        store = make_segment_store(*files, {io_.get_executor(), io_.get_executor()}, *counters, settings);
    }
    void take(Result<OpenedLog> result) {
        REQUIRE(result);
        opened = std::move(*result);
        driver.emplace(*opened.log, [this] { run(); });
    }
};

}  // namespace leveret::test
