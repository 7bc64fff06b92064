// The real leveret-server, as a process of its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

namespace leveret::test {

class ServerProcess {
  public:
    /// `variables` as "NAME=value"; the program sees no others of the server's.
    explicit ServerProcess(const std::vector<std::string>& arguments, const std::vector<std::string>& variables = {});
    ServerProcess(const ServerProcess&) = delete;
    ServerProcess& operator=(const ServerProcess&) = delete;
    /// Kills it if it still runs.
    ~ServerProcess();

    /// Reads its log to the line that says where it listens, and answers the port; 0 where it ended before.
    [[nodiscard]] std::uint16_t port();
    void signal(int number) const;
    /// Waits for its end; the exit code.
    [[nodiscard]] int exit_code();
    /// Everything that it wrote to standard error; after exit_code().
    [[nodiscard]] const std::string& errors() const noexcept { return errors_; }

  private:
    bool read_more();

    pid_t process_ = -1;
    int errors_descriptor_ = -1;
    std::string errors_;
};

}  // namespace leveret::test
