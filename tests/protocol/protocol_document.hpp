// Examples in documents, those of docs/protocol.md above all: fenced blocks that begin with ```hex and attributes, and
// hold one item of bytes each.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.hpp"
#include "protocol/record.hpp"

namespace leveret::test {

struct Example {
    std::string name;
    std::string kind;  ///< "native", "zaichik", "record" or "connection"; "storage" in docs/storage.md
    std::vector<std::byte> bytes;
};

/// Every example in this document, in order.
[[nodiscard]] std::vector<Example> read_examples(const std::string& path);
/// Every example in docs/protocol.md, in order.
[[nodiscard]] const std::vector<Example>& documented_examples();

/// The one of this kind and name; throws std::out_of_range where there is none.
[[nodiscard]] const Example& documented_example(std::string_view kind, std::string_view name);

}  // namespace leveret::test
