#include "storage_words.hpp"

#include <array>

#include <fmt/core.h>

namespace leveret::cli {
namespace {

/// The first word stands for an option that is not given, and cannot be.
template <class Enum>
CLI::Option* add_word(CLI::App& command, const std::string& name, const std::array<std::string_view, 4>& words,
                      Enum& into, const std::string& help) {
    const auto read = [&into, &words, name](const std::string& text) {
        const std::optional<Enum> found = named<Enum>(text, words);
        if (!found || *found == Enum::server_default) {
            throw CLI::ValidationError(
                name, fmt::format("'{}' is none of {}, {} and {}", text, words[1], words[2], words[3]));
        }
        into = *found;
    };
    return command.add_option_function<std::string>(name, read, help)
        ->type_name(fmt::format("{}|{}|{}", words[1], words[2], words[3]));
}

template <class Enum>
std::string_view word(Enum value) noexcept {
    return value == Enum::server_default ? "server's default" : name_of(value);
}

}  // namespace

std::string_view word_of(Store store) noexcept {
    return word(store);
}

std::string_view word_of(Durability durability) noexcept {
    return word(durability);
}

CLI::Option* add_store(CLI::App& command, Store& into, const std::string& help) {
    return add_word(command, "--store", store_names, into, help);
}

CLI::Option* add_durability(CLI::App& command, Durability& into, const std::string& help) {
    return add_word(command, "--durability", durability_names, into, help);
}

}  // namespace leveret::cli
