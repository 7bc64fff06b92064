// The server's command line and environment variables. A flag wins over a variable, a variable over the default.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "server/broker.hpp"

namespace leveret {

struct ServerOptions {
    BrokerOptions broker;
    std::string log_level;  ///< a name that spdlog knows; empty: info
};

/// What to do instead of starting, if anything: after --help or a mistake.
struct EarlyExit {
    int code = 0;
    std::string text;  ///< for standard output where the code is 0, else for standard error
};

using EnvironmentVariable = std::function<std::optional<std::string>(const std::string& name)>;

/// Reads `arguments` (without the program's name) and the variables PORT, HOST, SPDLOG_LEVEL and LEVERET_….
[[nodiscard]] tl::expected<ServerOptions, EarlyExit> parse_server_options(const std::vector<std::string>& arguments,
                                                                          const EnvironmentVariable& variable);

}  // namespace leveret
