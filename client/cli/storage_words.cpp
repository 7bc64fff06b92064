#include "storage_words.hpp"

#include <array>

#include <fmt/core.h>

namespace leveret::cli {
namespace {

// In the order of the enumerators.
constexpr std::array<std::string_view, 4> store_words{"server's default", "memory", "file", "rocksdb"};
constexpr std::array<std::string_view, 4> durability_words{"server's default", "os", "interval", "sync"};

/// The first word stands for an option that is not given, and cannot be.
template <class Enum>
CLI::Option* add_word(CLI::App& command, const std::string& name, const std::array<std::string_view, 4>& words,
                      Enum& into, const std::string& help) {
    const auto read = [&into, &words, name](const std::string& text) {
        for (std::size_t i = 1; i < words.size(); ++i) {
            if (words[i] == text) {
                into = static_cast<Enum>(i);
                return;
            }
        }
        throw CLI::ValidationError(name,
                                   fmt::format("'{}' is none of {}, {} and {}", text, words[1], words[2], words[3]));
    };
    return command.add_option_function<std::string>(name, read, help)
        ->type_name(fmt::format("{}|{}|{}", words[1], words[2], words[3]));
}

std::string_view word_at(std::size_t at, const std::array<std::string_view, 4>& words) noexcept {
    return at < words.size() ? words[at] : "unknown";
}

}  // namespace

std::string_view word_of(Store store) noexcept {
    return word_at(static_cast<std::size_t>(store), store_words);
}

std::string_view word_of(Durability durability) noexcept {
    return word_at(static_cast<std::size_t>(durability), durability_words);
}

CLI::Option* add_store(CLI::App& command, Store& into, const std::string& help) {
    return add_word(command, "--store", store_words, into, help);
}

CLI::Option* add_durability(CLI::App& command, Durability& into, const std::string& help) {
    return add_word(command, "--durability", durability_words, into, help);
}

}  // namespace leveret::cli
