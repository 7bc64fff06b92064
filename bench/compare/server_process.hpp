// A server under measurement: its process, processor time and memory.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>

#include <sys/types.h>

#include "system.hpp"

namespace leveret::compare {

/// A port that is free now.
[[nodiscard]] std::uint16_t free_port();

/// Processor time that a process has used so far, all its threads together.
[[nodiscard]] std::chrono::nanoseconds processor_time_of(pid_t process);

/// Empty at first; goes with all that is in it.
class TemporaryFolder {
  public:
    /// In `parent`, which is made where it is missing.
    explicit TemporaryFolder(const std::filesystem::path& parent = std::filesystem::temp_directory_path());
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  private:
    std::filesystem::path path_;
};

/// A started server. Ends with this object. Throws std::runtime_error where it does not start.
class ServerProcess {
  public:
    /// Returns when it accepts connections. All its threads stay on `processor`, where one is given.
    ServerProcess(const System& system, const Work& work, std::optional<unsigned> processor);
    /// The same with its files in `folder`, where they stay: a later server finds them.
    ServerProcess(const System& system, const Work& work, const std::filesystem::path& folder);
    ~ServerProcess();
    ServerProcess(const ServerProcess&) = delete;
    ServerProcess& operator=(const ServerProcess&) = delete;

    /// Asks it to stop, and waits until it has. Throws where that takes more than a minute.
    void stop_cleanly();
    /// Ends it without a warning.
    void kill() noexcept;

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] pid_t process() const noexcept { return process_; }
    [[nodiscard]] std::uint64_t resident_bytes() const { return status_bytes("VmRSS:"); }
    [[nodiscard]] std::uint64_t resident_bytes_peak() const { return status_bytes("VmHWM:"); }
    /// Resident memory once it has stopped changing, or after five seconds.
    [[nodiscard]] std::uint64_t settled_bytes() const;

  private:
    void start(std::optional<unsigned> processor, std::chrono::seconds timeout);
    void wait_until_it_accepts(std::chrono::seconds timeout);
    [[nodiscard]] std::uint64_t status_bytes(std::string_view field) const;

    std::optional<TemporaryFolder> own_folder_;
    std::filesystem::path folder_;
    std::uint16_t port_;
    ServerCommand command_;
    pid_t process_ = -1;
};

}  // namespace leveret::compare
