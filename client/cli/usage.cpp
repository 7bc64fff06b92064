#include "usage.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace leveret::cli {
namespace {

/// The innermost command that the words have led to.
const CLI::App& chosen_command(const CLI::App& app) {
    const std::vector<CLI::App*> chosen = app.get_subcommands();
    return chosen.empty() ? app : chosen_command(*chosen.back());
}

/// "topic create"; empty for the program itself.
std::string path_of(const CLI::App& command) {
    if (command.get_parent() == nullptr) {
        return {};
    }
    const std::string before = path_of(*command.get_parent());
    return before.empty() ? command.get_name() : before + ' ' + command.get_name();
}

/// "create, list and delete".
std::string commands_of(const CLI::App& command) {
    const auto commands = command.get_subcommands([](const CLI::App* each) { return !each->get_name().empty(); });
    std::string text;
    for (std::size_t i = 0; i < commands.size(); ++i) {
        text += i == 0 ? "" : i + 1 == commands.size() ? " and " : ", ";
        text += commands[i]->get_name();
    }
    return text;
}

/// What stands where a command is wanted.
std::string missing_command(const CLI::App& app, const CLI::App& command) {
    const std::vector<std::string> not_understood = app.remaining(true);
    const std::string commands = commands_of(command);
    const std::string path = path_of(command);
    if (not_understood.empty()) {
        return fmt::format("a command is missing{}: there are {}", path.empty() ? "" : " behind '" + path + "'",
                           commands);
    }
    const std::string& word = not_understood.front();
    if (word.starts_with('-')) {
        return fmt::format("there is no option '{}'", word);
    }
    return fmt::format("there is no command '{}{}'; there are {}", path.empty() ? "" : path + ' ', word, commands);
}

bool is_given(const std::string& option, const std::vector<std::string>& arguments) {
    return std::any_of(arguments.begin(), arguments.end(), [&](const std::string& argument) {
        return argument == option || argument.starts_with(option + '=');
    });
}

/// An option that was not given had its value from its variable.
std::string with_variables(std::string text, const CLI::App& command, const std::vector<std::string>& arguments) {
    for (const CLI::Option* const option : command.get_options()) {
        const std::string name = option->get_name();
        if (option->get_envname().empty() || is_given(name, arguments)) {
            continue;
        }
        if (text == name + " is required") {
            return fmt::format("{}, or the variable {}, is required", name, option->get_envname());
        }
        if (text.starts_with(name + ':')) {
            return option->get_envname() + text.substr(name.size());
        }
    }
    return command.get_parent() == nullptr ? text : with_variables(std::move(text), *command.get_parent(), arguments);
}

}  // namespace

std::string usage_mistake(const CLI::App& app, const CLI::ParseError& error,
                          const std::vector<std::string>& arguments) {
    const CLI::App& command = chosen_command(app);
    const bool wants_command = command.get_require_subcommand_min() > 0 && command.get_subcommands().empty();
    const bool is_missing = wants_command && error.get_name() == "RequiredError";
    const std::string path = path_of(command);
    return fmt::format("{} (see leveret {}--help)",
                       is_missing ? missing_command(app, command) : with_variables(error.what(), command, arguments),
                       path.empty() ? "" : path + ' ');
}

}  // namespace leveret::cli
