#include "server_process.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/processors.hpp"
#include "socket.hpp"

namespace leveret::compare {
namespace {

/// In the child: becomes the server, with its output in the folder.
[[noreturn]] void become(const ServerCommand& command, const std::filesystem::path& folder,
                         std::optional<unsigned> processor) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // no orphan, however the comparison ends
    const int log = ::open((folder / "log").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    if (processor && cli::pin_this_thread(*processor)) {
        ::_exit(126);
    }
    std::vector<char*> arguments;
    for (const std::string& argument : command.arguments) {
        arguments.push_back(const_cast<char*>(argument.c_str()));
    }
    arguments.push_back(nullptr);
    ::execvp(arguments.front(), arguments.data());
    ::_exit(127);
}

std::string text_of(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

}  // namespace

TemporaryFolder::TemporaryFolder(const std::filesystem::path& parent) {
    std::filesystem::create_directories(parent);
    std::string name = parent / "leveret-compare-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) {
        throw std::system_error(errno, std::generic_category(), name);
    }
    path_ = name;
    std::filesystem::permissions(path_, std::filesystem::perms::all);  // some servers give up root
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::uint16_t free_port() {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    const bool is_bound = ::bind(descriptor, generic, size) == 0 && ::getsockname(descriptor, generic, &size) == 0;
    ::close(descriptor);
    if (!is_bound) {
        throw std::system_error(errno, std::generic_category(), "looking for a free port");
    }
    return ntohs(address.sin_port);
}

std::chrono::nanoseconds processor_time_of(pid_t process) {
    clockid_t clock{};
    timespec time{};
    if (::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &time) != 0) {
        throw std::runtime_error("a process has ended early");
    }
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

ServerProcess::ServerProcess(const System& system, const Work& work, std::optional<unsigned> processor)
    : own_folder_(std::in_place),
      folder_(own_folder_->path()),
      port_(free_port()),
      command_(system.server(port_, folder_, work)) {
    start(processor, std::chrono::seconds(10));
}

ServerProcess::ServerProcess(const System& system, const Work& work, const std::filesystem::path& folder)
    : folder_(folder), port_(free_port()), command_(system.server(port_, folder_, work)) {
    start(std::nullopt, std::chrono::minutes(3));  // it may read what it has stored before it listens
}

ServerProcess::~ServerProcess() {
    kill();  // nothing here is to be kept
}

void ServerProcess::start(std::optional<unsigned> processor, std::chrono::seconds timeout) {
    process_ = ::fork();
    if (process_ < 0) {
        throw std::system_error(errno, std::generic_category(), "fork");
    }
    if (process_ == 0) {
        become(command_, folder_, processor);
    }
    try {
        wait_until_it_accepts(timeout);
    } catch (...) {
        kill();
        throw;
    }
}

void ServerProcess::wait_until_it_accepts(std::chrono::seconds timeout) {
    const auto deadline = SteadyClock::now() + timeout;
    while (SteadyClock::now() < deadline) {
        if (::waitpid(process_, nullptr, WNOHANG) != 0) {
            process_ = -1;
            break;
        }
        try {
            const Socket attempt(port_);
            return;
        } catch (const std::system_error&) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }
    throw std::runtime_error(
        fmt::format("{} does not start: {}", command_.arguments.front(), text_of(folder_ / "log")));
}

void ServerProcess::stop_cleanly() {
    ::kill(process_, SIGTERM);
    const auto deadline = SteadyClock::now() + std::chrono::minutes(1);
    while (::waitpid(process_, nullptr, WNOHANG) == 0) {
        if (SteadyClock::now() > deadline) {
            throw std::runtime_error(fmt::format("{} does not stop", command_.arguments.front()));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    process_ = -1;
}

void ServerProcess::kill() noexcept {
    if (process_ > 0) {
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
        process_ = -1;
    }
}

std::uint64_t ServerProcess::status_bytes(std::string_view field) const {
    std::ifstream status(fmt::format("/proc/{}/status", process_));
    std::string word;
    while (status >> word) {
        if (word == field) {
            std::uint64_t kib = 0;
            status >> kib;
            return kib * 1024;
        }
    }
    throw std::runtime_error(fmt::format("{} has ended: {}", command_.arguments.front(), text_of(folder_ / "log")));
}

std::uint64_t ServerProcess::settled_bytes() const {
    std::uint64_t bytes = resident_bytes();
    for (int unchanged = 0, tries = 0; unchanged < 5 && tries < 50; ++tries) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        const std::uint64_t now = resident_bytes();
        unchanged = now == bytes ? unchanged + 1 : 0;
        bytes = now;
    }
    return bytes;
}

}  // namespace leveret::compare
