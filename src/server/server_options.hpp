// The server's command line and environment variables. A flag wins over a variable, a variable over the default.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "server/broker.hpp"

namespace leveret {

struct ServerOptions {
    BrokerOptions broker;
    std::string log_level;                       ///< a name that spdlog knows; empty: info
    std::vector<std::string> unknown_variables;  ///< their names begin with LEVERET_, and nothing listens to them
};

/// What to do instead of starting, if anything: after --help or a mistake.
struct EarlyExit {
    int code = 0;
    std::string text;  ///< for standard output where the code is 0, else for standard error
};

using EnvironmentVariables = std::map<std::string, std::string>;

/// Reads `arguments` (without the program's name) and PORT, HOST, SPDLOG_LEVEL and LEVERET_… of `variables`. An empty
/// variable counts as none.
[[nodiscard]] tl::expected<ServerOptions, EarlyExit> parse_server_options(const std::vector<std::string>& arguments,
                                                                          const EnvironmentVariables& variables);

}  // namespace leveret
