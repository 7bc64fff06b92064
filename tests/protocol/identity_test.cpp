#include "protocol/identity.hpp"

#include <string>

#include <catch2/catch.hpp>

namespace leveret {
namespace {

using namespace std::string_literals;

TEST_CASE("is_valid_name: 1 to 249 bytes are a name", "[identity]") {
    CHECK_FALSE(is_valid_name(""));
    CHECK(is_valid_name("a"));
    CHECK(is_valid_name(std::string(249, 'a')));
    CHECK_FALSE(is_valid_name(std::string(250, 'a')));
}

TEST_CASE("is_valid_name: the bound counts bytes, not characters", "[identity]") {
    std::string name;
    for (int i = 0; i < 124; ++i) {
        name += "й";
    }
    CHECK(is_valid_name(name));
    CHECK(is_valid_name(name + "j"));
    CHECK_FALSE(is_valid_name(name + "й"));
}

TEST_CASE("is_valid_name: signs, spaces and every script are allowed", "[identity]") {
    CHECK(is_valid_name("#test#default"));
    CHECK(is_valid_name("a topic/with ~everything~"));
    CHECK(is_valid_name("зайчик"));
    CHECK(is_valid_name("\U0001F407"));
    CHECK(is_valid_name("\u00A0"));
}

TEST_CASE("is_valid_name: no control character, wherever it stands", "[identity]") {
    for (int control = 0; control < 0x20; ++control) {
        const char character = static_cast<char>(control);
        CHECK_FALSE(is_valid_name("a name that is long "s + character));
        CHECK_FALSE(is_valid_name(character + "a"s));
    }
    CHECK_FALSE(is_valid_name("a\x7F"));
    for (int control = 0x80; control < 0xA0; ++control) {
        CHECK_FALSE(is_valid_name("a\xC2"s + static_cast<char>(control) + "b"));
    }
}

TEST_CASE("is_valid_name: what is not UTF-8 is no name", "[identity]") {
    CHECK_FALSE(is_valid_name("\xC3\x28"));
}

TEST_CASE("is_utf8: the first and last character of each length", "[identity]") {
    CHECK(is_utf8(""));
    CHECK(is_utf8("\0\x7F"s));
    CHECK(is_utf8("\xC2\x80\xDF\xBF"));
    CHECK(is_utf8("\xE0\xA0\x80\xEF\xBF\xBF"));
    CHECK(is_utf8("\xED\x9F\xBF\xEE\x80\x80"));
    CHECK(is_utf8("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"));
}

TEST_CASE("is_utf8: no overlong forms, no surrogates, nothing above 10FFFF", "[identity]") {
    CHECK_FALSE(is_utf8("\xC0\x80"));
    CHECK_FALSE(is_utf8("\xC1\xBF"));
    CHECK_FALSE(is_utf8("\xE0\x9F\xBF"));
    CHECK_FALSE(is_utf8("\xED\xA0\x80"));
    CHECK_FALSE(is_utf8("\xF0\x8F\xBF\xBF"));
    CHECK_FALSE(is_utf8("\xF4\x90\x80\x80"));
    CHECK_FALSE(is_utf8("\xF5\x80\x80\x80"));
}

TEST_CASE("is_utf8: a character that is cut short or begins in the middle is wrong", "[identity]") {
    const std::string text = "12345678\xF0\x9F\x90\x87";
    CHECK(is_utf8(text));
    for (std::size_t cut = 1; cut < 4; ++cut) {
        CHECK_FALSE(is_utf8(text.substr(0, text.size() - cut)));
        CHECK_FALSE(is_utf8(text.substr(8 + cut)));
    }
    CHECK_FALSE(is_utf8("1234567\x80"));
    CHECK_FALSE(is_utf8("\xE2\x82z"));
}

TEST_CASE("TopicId: is written as 32 hexadecimal digits", "[identity]") {
    TopicId id;
    CHECK_FALSE(id.is_set());
    id.bytes[0] = 0x0A;
    id.bytes[15] = 0xF1;
    CHECK(id.is_set());
    CHECK(id.to_string() == "0a0000000000000000000000000000f1");
}

}  // namespace
}  // namespace leveret
