// What is wrong with a command line, in a sentence.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace leveret::cli {

/// Names the command or option that is meant, the variable where a wrong value came from one, and whose --help to see.
/// `app` has thrown `error` while it parsed `arguments`.
[[nodiscard]] std::string usage_mistake(const CLI::App& app, const CLI::ParseError& error,
                                        const std::vector<std::string>& arguments);

}  // namespace leveret::cli
