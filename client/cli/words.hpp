// Sentences that name what they are about.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "command.hpp"
#include "leveret/client.hpp"

namespace leveret::cli {

/// "1 record", "2 records".
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view what);

/// As sentence_of(), with the topic's name where the server's sentence has none.
[[nodiscard]] std::string sentence_about(std::string_view topic, const Failure& failure);

/// As fail_with(), about a topic.
[[nodiscard]] ExitCode fail_about(std::string_view topic, const Failure& failure);

}  // namespace leveret::cli
