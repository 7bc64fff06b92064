#include "message_log/data_format.hpp"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "message_log/uninterrupted.hpp"

namespace leveret {
namespace {

constexpr std::size_t content_bytes_max = 4096;
/// What may be in a directory that is about to become a data directory, or has lost its leveret.json.
constexpr std::array<std::string_view, 5> before_format{"lock", "leveret.json.new", "topics", "rocksdb", "lost+found"};

/// "9", as it stands there; empty for a file that says no format.
std::string format_of(Bytes content) {
    const std::string_view text = as_text(content);
    const auto json = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
    const auto found = json.is_object() ? json.find("format") : json.end();
    return found == json.end() ? std::string() : found->dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace

DataFormatCheck check_data_format(Files& files) {
    const std::string path = data_format_path;
    const auto content = read_file(files, path, content_bytes_max);
    if (!content && content.error() != std::errc::file_too_large) {
        return {content.error(), path + ": " + content.error().message()};
    }
    const std::string found = content ? format_of(*content) : std::string();
    if (found == std::to_string(data_format)) {
        return {};
    }
    return {make_error_code(Error::bad_log), path + " says " + (found.empty() ? "no format" : "format " + found) +
                                                 "; this leveret reads format " + std::to_string(data_format)};
}

Result<std::string> foreign_entry(Files& files) {
    const auto entries = uninterrupted([&] { return files.list(""); });
    if (!entries) {
        return tl::unexpected(entries.error());
    }
    std::string foreign;
    for (const Files::Entry& entry : *entries) {
        if (entry.name == data_format_path) {
            return std::string();
        }
        const bool is_expected =
            std::find(before_format.begin(), before_format.end(), entry.name) != before_format.end();
        if (foreign.empty() && !is_expected) {
            foreign = entry.name;
        }
    }
    return foreign;
}

std::error_code write_data_format(Files& files) {
    const std::string text = nlohmann::json{{"format", data_format}}.dump() + "\n";
    return replace_file(files, data_format_path, as_bytes(text));
}

}  // namespace leveret
