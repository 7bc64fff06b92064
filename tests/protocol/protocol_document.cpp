#include "protocol/protocol_document.hpp"

#include <sstream>
#include <stdexcept>

#include "project_file.hpp"
#include "protocol/hex.hpp"

namespace leveret::test {
namespace {

constexpr std::string_view opening = "```hex ";
constexpr std::string_view closing = "```";

/// The word behind "<attribute>=" in a block's first line.
std::string attribute(const std::string& line, const std::string& attribute_name) {
    std::istringstream words(line);
    for (std::string word; words >> word;) {
        if (word.starts_with(attribute_name + "=")) {
            return word.substr(attribute_name.size() + 1);
        }
    }
    throw std::invalid_argument("no " + attribute_name + " in " + line);
}

}  // namespace

std::vector<Example> read_examples(const std::string& path) {
    std::istringstream lines(project_file(path));
    std::vector<Example> examples;
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(opening)) {
            continue;
        }
        Example& example = examples.emplace_back();
        example.kind = attribute(line, "kind");
        example.name = attribute(line, "name");
        while (std::getline(lines, line) && line != closing) {
            const auto bytes = from_hex(line.substr(0, line.find(';')));
            example.bytes.insert(example.bytes.end(), bytes.begin(), bytes.end());
        }
    }
    return examples;
}

const std::vector<Example>& documented_examples() {
    static const std::vector<Example> examples = read_examples("docs/protocol.md");
    return examples;
}

const Example& documented_example(std::string_view kind, std::string_view name) {
    for (const Example& example : documented_examples()) {
        if (example.kind == kind && example.name == name) {
            return example;
        }
    }
    throw std::out_of_range("docs/protocol.md has no example " + std::string(kind) + " " + std::string(name));
}

}  // namespace leveret::test
