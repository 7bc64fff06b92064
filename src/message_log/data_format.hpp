// leveret.json: the format of a data directory, which whoever works on its files looks at first.
#pragma once

#include <string>

#include "message_log/files.hpp"

namespace leveret {

inline constexpr const char* data_format_path = "leveret.json";
/// The only one that this version reads and writes; docs/storage.md describes it.
inline constexpr unsigned data_format = 1;

struct DataFormatCheck {
    std::error_code error;  ///< none: the directory is of data_format
    std::string text;       ///< with an error: a sentence that begins with data_format_path
};

/// Changes nothing. Errors: bad_log for another format or none; no_such_file_or_directory where there is no such file;
/// the system's.
[[nodiscard]] DataFormatCheck check_data_format(Files& files);

/// The first entry of a directory without leveret.json that a data directory would not have; empty where there is no
/// such entry, or leveret.json. A start that was cut off may have left a few, and a file system keeps lost+found in its
/// root. Errors: the system's.
[[nodiscard]] Result<std::string> foreign_entry(Files& files);

/// For a directory that has none yet: writes it, durably.
[[nodiscard]] std::error_code write_data_format(Files& files);

}  // namespace leveret
