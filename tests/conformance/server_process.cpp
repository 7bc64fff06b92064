#include "conformance/server_process.hpp"

#include <array>
#include <csignal>
#include <regex>
#include <system_error>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace leveret::test {

namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (std::string& text : texts) {
        all.push_back(text.data());
    }
    all.push_back(nullptr);
    return all;
}

}  // namespace

ServerProcess::ServerProcess(const std::vector<std::string>& arguments, const std::vector<std::string>& variables) {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
        throw std::system_error(errno, std::generic_category(), "pipe2");
    }
    std::vector<std::string> words{LEVERET_SERVER};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<std::string> environment = variables;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe[1], STDERR_FILENO);
    const int error = ::posix_spawn(&process_, LEVERET_SERVER, &actions, nullptr, pointers(words).data(),
                                    pointers(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    ::close(pipe[1]);
    errors_descriptor_ = pipe[0];
    if (error != 0) {
        throw std::system_error(error, std::generic_category(), LEVERET_SERVER);
    }
}

ServerProcess::~ServerProcess() {
    if (process_ > 0) {
        signal(SIGKILL);
        static_cast<void>(exit_code());
    }
    ::close(errors_descriptor_);
}

bool ServerProcess::read_more() {
    std::array<char, 4096> piece{};
    const ssize_t count = ::read(errors_descriptor_, piece.data(), piece.size());
    if (count > 0) {
        errors_.append(piece.data(), static_cast<std::size_t>(count));
    }
    return count > 0;
}

std::uint16_t ServerProcess::port() {
    const std::regex listening("listening on [^ ]*:([0-9]+) ");
    std::smatch found;
    while (!std::regex_search(errors_, found, listening)) {
        if (!read_more()) {
            return 0;
        }
    }
    return static_cast<std::uint16_t>(std::stoul(found[1]));
}

void ServerProcess::signal(int number) const {
    ::kill(process_, number);
}

int ServerProcess::exit_code() {
    while (read_more()) {
    }
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace leveret::test
