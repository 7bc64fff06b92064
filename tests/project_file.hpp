#pragma once

#include <string>

namespace leveret::test {

/// The whole file at this path below the project's top folder; throws std::runtime_error where it cannot be read.
[[nodiscard]] std::string project_file(const std::string& path);

}  // namespace leveret::test
