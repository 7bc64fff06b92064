// The words for where and how a topic's records are kept.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

#include "protocol/topic_settings.hpp"

namespace leveret::cli {

/// "memory", "file", "rocksdb"; "server's default" where the settings leave it to the server.
[[nodiscard]] std::string_view word_of(Store store) noexcept;
/// "os", "interval", "sync"; "server's default" where the settings leave it to the server.
[[nodiscard]] std::string_view word_of(Durability durability) noexcept;

// CLI11 options that take these words; any other is a usage error that names them.
CLI::Option* add_store(CLI::App& command, Store& into, const std::string& help);
CLI::Option* add_durability(CLI::App& command, Durability& into, const std::string& help);

}  // namespace leveret::cli
