// docs/errors.md, the enum and what the code says of itself are the same list.
#include <map>
#include <regex>
#include <sstream>
#include <string>

#include <catch2/catch.hpp>

#include "project_file.hpp"
#include "protocol/error.hpp"

namespace leveret {
namespace {

struct Row {
    std::string name;
    std::string sentence;
    bool is_complete = false;  ///< says when, and what to do
};

/// The rows of the document's table: | number | `name` | sentence | when | what to do |.
std::multimap<int, Row> documented_errors() {
    static const std::regex row_pattern(R"(\| (\d+) \| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|)");
    std::multimap<int, Row> rows;
    std::istringstream lines(test::project_file("docs/errors.md"));
    for (std::string line; std::getline(lines, line);) {
        if (std::smatch match; std::regex_match(line, match, row_pattern)) {
            rows.insert({std::stoi(match[1]), {match[2], match[3], match[4].length() > 3 && match[5].length() > 3}});
        }
    }
    return rows;
}

/// The enumerators as they stand in the header.
std::map<int, std::string> declared_errors() {
    static const std::regex enumerator_pattern(R"(\s+(\w+) = (\d+),)");
    std::map<int, std::string> errors;
    std::istringstream lines(test::project_file("src/protocol/error.hpp"));
    for (std::string line; std::getline(lines, line);) {
        if (std::smatch match; std::regex_match(line, match, enumerator_pattern)) {
            errors.insert({std::stoi(match[2]), match[1]});
        }
    }
    return errors;
}

TEST_CASE("docs/errors.md: every error has exactly one row, with its name and sentence", "[documents]") {
    const auto rows = documented_errors();
    REQUIRE(declared_errors().size() > 30);
    for (const auto& [number, name] : declared_errors()) {
        INFO(number << " " << name);
        REQUIRE(rows.count(number) == 1);
        const Row& row = rows.find(number)->second;
        CHECK(row.name == name);
        CHECK(row.name == error_name(static_cast<Error>(number)));
        CHECK(row.sentence == error_sentence(static_cast<Error>(number)));
        CHECK(row.is_complete);
    }
    CHECK(rows.size() == declared_errors().size());
}

TEST_CASE("Error: every number with a name is in the enum", "[error]") {
    const auto declared = declared_errors();
    for (int number = 0; number <= 0xFFFF; ++number) {
        const bool has_name = error_name(static_cast<Error>(number)) != "unknown_error";
        if (has_name != declared.contains(number)) {
            FAIL("number " << number);
        }
    }
}

}  // namespace
}  // namespace leveret
