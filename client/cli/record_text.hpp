// A record as text: by a format of the user's, or as a JSON object.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "leveret/client.hpp"
#include "units.hpp"

namespace leveret::cli {

using Json = nlohmann::ordered_json;

/// A parsed --format, for example "%o %k: %p".
class RecordFormat {
  public:
    /// Error: a sentence about the placeholder that is none.
    [[nodiscard]] static Parsed<RecordFormat> parse(std::string_view text);
    /// The payload alone.
    RecordFormat() : pieces_{{Field::payload}} {}

    /// Appends the record, without a newline.
    void append(std::string& out, std::string_view topic, RecordView record) const;

  private:
    enum class Field { literal, offset, time, key, payload, headers, topic, size };
    struct Piece {
        Field field = Field::literal;
        std::string text{};  ///< of a literal
    };
    void add_literal(char character);

    std::vector<Piece> pieces_;
};

/// The option --format; a wrong one is a usage error with the sentence.
CLI::Option* add_format(CLI::App& command, RecordFormat& into);

/// Appends {"topic":…,"offset":…,"timestamp":…,"key":…,"payload":…,"headers":…}. What is no UTF-8 stands as base64 in a
/// field with the suffix "_base64"; a tombstone's payload is null.
void append_json(std::string& out, std::string_view topic, RecordView record);

/// Sets `object[name]`, or `object[name + "_base64"]` where the bytes are no UTF-8.
void set_bytes(Json& object, const std::string& name, Bytes bytes);

/// RFC 4648, with padding.
[[nodiscard]] std::string base64(Bytes bytes);

}  // namespace leveret::cli
