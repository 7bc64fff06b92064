#include "message_log/segment/positions_inspection.hpp"

#include "message_log/segment/read_only_files.hpp"
#include "message_log/uninterrupted.hpp"

namespace leveret {

PositionsInspection inspect_positions(Files& files, const std::string& path, std::optional<Offset> log_end) {
    ReadOnlyFiles unchanged(files);
    PositionsInspection found;
    const auto file = PositionsFile::open(unchanged, path);
    if (!file) {
        // A torn last entry would have been cut off, which these files do not allow.
        found.has_torn_end = file.error() == std::errc::read_only_file_system;
        found.is_unreadable = !found.has_torn_end;
        LogFinding finding{.path = path};
        if (found.has_torn_end) {
            finding.what = "ends with a torn entry";
            finding.remedy = "keep a copy as an .aside file and cut it off";
        } else {
            const bool is_none = file.error() == Error::bad_log;
            finding.what = is_none ? "is no file of positions: the server cannot open this topic"
                                   : "cannot be read: " + file.error().message();
            finding.remedy = is_none ? "move it to an .aside file, so that the topic begins without positions" : "";
        }
        found.findings.push_back(std::move(finding));
        return found;
    }
    found.positions = file->positions();
    found.entries_damaged = file->damaged_entries();
    if (found.entries_damaged > 0) {
        found.findings.push_back({.path = path,
                                  .what = "has damaged entries, " + std::to_string(found.entries_damaged) +
                                          " at least: positions are lost, or older than they were",
                                  .remedy = "keep a copy as an .aside file and write what is left anew"});
    }
    for (const auto& [name, offset] : found.positions) {
        if (log_end && offset > *log_end) {
            found.findings.push_back({.path = path,
                                      .what = "has the position '" + name + "' at " + std::to_string(offset.value) +
                                              ", behind the end of the log"});
        }
    }
    return found;
}

std::error_code repair_positions(Files& files, const std::string& path, const PositionsInspection& inspection,
                                 RepairSteps& steps) {
    const bool needs_repair = inspection.entries_damaged > 0 || inspection.has_torn_end || inspection.is_unreadable;
    if (!needs_repair) {
        return {};
    }
    const auto kept = copy_aside(files, path);
    if (!kept) {
        return kept.error();
    }
    steps.push_back("kept " + path + " as " + *kept);
    if (inspection.is_unreadable) {
        const std::error_code error = uninterrupted([&] { return files.remove(path); });
        return error ? error : uninterrupted([&] { return files.sync_directory(path.substr(0, path.rfind('/'))); });
    }
    auto file = PositionsFile::open(files, path);
    if (!file) {
        return file.error();
    }
    // A sync that has to cover what others wrote writes the file anew.
    const std::error_code error = file->save({}, true);
    if (!error) {
        steps.push_back("wrote " + path);
    }
    return error;
}

}  // namespace leveret
