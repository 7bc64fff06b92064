#include "protocol/error.hpp"

#include <catch2/catch.hpp>

namespace leveret {
namespace {

TEST_CASE("Error: its category is named after the project", "[error]") {
    CHECK(std::string_view(error_category().name()) == "leveret");
}

TEST_CASE("Error: a code compares equal to its enumerator and to no other", "[error]") {
    const std::error_code code = Error::topic_exists;
    CHECK(code == Error::topic_exists);
    CHECK(code != Error::topic_changed);
    CHECK(code.value() == 21);
}

TEST_CASE("Error: a code's message is the sentence for people", "[error]") {
    CHECK(make_error_code(Error::memory_full).message() == error_sentence(Error::memory_full));
}

TEST_CASE("Error: a number that is none has a name and a sentence all the same", "[error]") {
    CHECK(error_name(Error{9999}) == "unknown_error");
    CHECK_FALSE(error_sentence(Error{9999}).empty());
}

TEST_CASE("Error: what the system refuses has an answer for clients", "[error]") {
    CHECK(error_to_answer(Error::unknown_topic) == Error::unknown_topic);
    CHECK(error_to_answer(make_error_code(std::errc::no_space_on_device)) == Error::disk_full);
    CHECK(error_to_answer(make_error_code(std::errc::too_many_files_open)) == Error::topic_busy);
    CHECK(error_to_answer(make_error_code(std::errc::too_many_files_open_in_system)) == Error::topic_busy);
    CHECK(error_to_answer(make_error_code(std::errc::io_error)) == Error::log_failed);
}

TEST_CASE("Error: fail() makes a result without a value", "[error]") {
    const Result<int> result = fail(Error::bad_frame);
    REQUIRE_FALSE(result);
    CHECK(result.error() == Error::bad_frame);
}

}  // namespace
}  // namespace leveret
