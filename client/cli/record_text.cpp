#include "record_text.hpp"

#include <fmt/format.h>

namespace leveret::cli {

Parsed<RecordFormat> RecordFormat::parse(std::string_view text) {
    RecordFormat format;
    format.pieces_.clear();
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char character = text[at];
        if (character != '%' && character != '\\') {
            format.add_literal(character);
            continue;
        }
        ++at;
        const char letter = at < text.size() ? text[at] : '\0';
        if (character == '\\') {
            constexpr std::string_view letters = "tn\\";
            constexpr std::string_view meanings = "\t\n\\";
            const std::size_t found = letters.find(letter);
            if (found == std::string_view::npos) {
                return tl::unexpected(fmt::format("'{}' has a \\ that is not followed by t, n or \\", text));
            }
            format.add_literal(meanings[found]);
        } else if (letter == '%') {
            format.add_literal('%');
        } else {
            constexpr std::string_view letters = "otkphTs";  // in the order of Field, after literal
            const std::size_t found = letters.find(letter);
            if (found == std::string_view::npos) {
                return tl::unexpected(fmt::format("'{}' has a % that is not followed by one of o t k p h T s %", text));
            }
            format.pieces_.push_back({static_cast<Field>(found + 1)});
        }
    }
    return format;
}

void RecordFormat::add_literal(char character) {
    if (pieces_.empty() || pieces_.back().field != Field::literal) {
        pieces_.push_back({});
    }
    pieces_.back().text.push_back(character);
}

namespace {

void append_headers(std::string& out, RecordView record) {
    bool first = true;
    for (const Header& header : record.headers()) {
        if (!first) {
            out.push_back(',');
        }
        first = false;
        out.append(header.name);
        if (header.value) {
            out.append("=").append(as_text(*header.value));
        }
    }
}

}  // namespace

void RecordFormat::append(std::string& out, std::string_view topic, RecordView record) const {
    for (const Piece& piece : pieces_) {
        switch (piece.field) {
            case Field::literal:
                out.append(piece.text);
                break;
            case Field::offset:
                fmt::format_to(std::back_inserter(out), "{}", record.offset().value);
                break;
            case Field::time:
                out.append(format_time(record.timestamp()));
                break;
            case Field::key:
                out.append(record.key().value_or(std::string_view()));
                break;
            case Field::payload:
                out.append(record.payload_text());
                break;
            case Field::headers:
                append_headers(out, record);
                break;
            case Field::topic:
                out.append(topic);
                break;
            case Field::size:
                fmt::format_to(std::back_inserter(out), "{}", record.payload().size());
                break;
        }
    }
}

CLI::Option* add_format(CLI::App& command, RecordFormat& into) {
    const auto read = [&into](const std::string& text) {
        auto format = RecordFormat::parse(text);
        if (!format) {
            throw CLI::ValidationError("--format", format.error());
        }
        into = *std::move(format);
    };
    return command
        .add_option_function<std::string>(
            "--format", read,
            "How a record is printed, %p by default; a newline follows. %o offset, %t time, %k key, %p payload, "
            "%h headers (a=1,b=2), %T topic, %s payload size in bytes, %% a percent sign; \\t, \\n and \\\\ as usual")
        ->type_name("FORMAT");
}

void append_json(std::string& out, std::string_view topic, RecordView record) {
    Json object{{"topic", topic}, {"offset", record.offset().value}, {"timestamp", format_time(record.timestamp())}};
    if (const auto key = record.key()) {
        set_bytes(object, "key", as_bytes(*key));
    }
    if (record.is_tombstone()) {
        object["payload"] = nullptr;
    } else {
        set_bytes(object, "payload", record.payload());
    }
    Json headers = Json::array();
    for (const Header& header : record.headers()) {
        Json entry{{"name", header.name}};
        if (header.value) {
            set_bytes(entry, "value", *header.value);
        } else {
            entry["value"] = nullptr;
        }
        headers.push_back(std::move(entry));
    }
    if (!headers.empty()) {
        object["headers"] = std::move(headers);
    }
    out.append(object.dump());
}

void set_bytes(Json& object, const std::string& name, Bytes bytes) {
    if (is_utf8(as_text(bytes))) {
        object[name] = as_text(bytes);
    } else {
        object[name + "_base64"] = base64(bytes);
    }
}

std::string base64(Bytes bytes) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            group = group << 8U | (i < count ? std::to_integer<std::uint32_t>(bytes[at + i]) : 0);
        }
        for (std::size_t i = 0; i < 4; ++i) {
            text.push_back(i <= count ? digits[group >> (18 - 6 * i) & 63U] : '=');
        }
    }
    return text;
}

}  // namespace leveret::cli
