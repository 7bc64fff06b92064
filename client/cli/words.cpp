#include "words.hpp"

#include <fmt/core.h>

#include "session.hpp"

namespace leveret::cli {

std::string counted(std::uint64_t count, std::string_view what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string sentence_about(std::string_view topic, const Failure& failure) {
    Failure named = failure;
    if (!failure.text.empty() && failure.text != failure.code.message()) {
        return sentence_of(named);  // it says more than the error's own sentence
    }
    if (failure.code == Error::unknown_topic) {
        named.text = fmt::format("there is no topic '{}'", topic);
    } else if (failure.code == Error::topic_exists) {
        named.text = fmt::format(
            "the topic '{}' exists already, with other settings; nothing was changed. `leveret topic describe` says "
            "them, `leveret topic alter` changes them",
            topic);
    } else if (failure.code == Error::topic_deleted) {
        named.text = fmt::format("the topic '{}' was deleted", topic);
    } else if (failure.code == Error::offset_out_of_range) {
        named.text = fmt::format("the offset lies beyond the end of '{}'", topic);
    }
    return sentence_of(named);
}

ExitCode fail_about(std::string_view topic, const Failure& failure) {
    say(sentence_about(topic, failure));
    return exit_code_of(failure);
}

}  // namespace leveret::cli
