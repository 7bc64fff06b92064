// Drives one log by hand: batches as text, answers as values.
#pragma once

#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>

#include "message_log/message_log.hpp"

namespace leveret::test {

inline Timestamp at_microsecond(std::int64_t time) {
    return Timestamp(std::chrono::microseconds(time));
}

/// One batch, stamped; a record that begins with offset n is stamped n microseconds.
inline std::vector<std::byte> stamped_batch(Offset first, const std::vector<std::string>& payloads) {
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i < payloads.size(); ++i) {
        const RecordDraft draft{.payload = as_bytes(payloads[i])};
        const std::size_t at = bytes.size();
        bytes.resize(at + record_bytes(draft));
        write_record(bytes.data() + at, draft, i + 1 < payloads.size());
        stamp_record(bytes.data() + at, {first.value + i}, at_microsecond(static_cast<std::int64_t>(first.value + i)));
    }
    return bytes;
}

inline std::string payloads_in(Bytes records) {
    std::string text;
    for (const RecordView record : Records(records)) {
        text += std::string(record.payload_text()) + ' ';
    }
    return text;
}

class LogDriver {
  public:
    using Sync = MessageLog::Sync;

    /// `run` carries out what the log has under way.
    LogDriver(MessageLog& log, std::function<void()> run) : log_(log), run_(std::move(run)), next_(log.extent().end) {}

    /// What `call` answers through the callback that it is given.
    template <class Answer, class Call>
    Answer answer_to(Call call) {
        auto answer = std::make_shared<std::optional<Answer>>();
        call([answer](const Answer& value) {
            REQUIRE_FALSE(answer->has_value());
            answer->emplace(value);
        });
        run_();
        REQUIRE(answer->has_value());
        return **answer;
    }

    std::error_code reserve(std::uint64_t bytes) {
        auto answer = std::make_shared<std::optional<std::error_code>>();
        if (!log_.reserve(bytes, [answer](std::error_code error) { *answer = error; })) {
            run_();
            REQUIRE(answer->has_value());
            return **answer;
        }
        return {};
    }
    /// One batch of these, behind the last.
    MessageLog::Appended append(const std::vector<std::string>& payloads, Sync sync = Sync::yes) {
        const auto batch = next_batch(payloads);
        REQUIRE_FALSE(reserve(batch->size()));
        const Bytes run = *batch;
        return answer_to<MessageLog::Appended>([&](auto done) { log_.append({&run, 1}, sync, done); });
    }
    /// `count` batches of one record each, of `payload_bytes`.
    void append_many(std::size_t count, std::size_t payload_bytes, Sync sync = Sync::no) {
        for (std::size_t i = 0; i < count; ++i) {
            REQUIRE_FALSE(append({std::string(payload_bytes, 'x')}, sync).error);
        }
    }
    /// Stamped with the next offsets; stays where it is.
    std::shared_ptr<std::vector<std::byte>> next_batch(const std::vector<std::string>& payloads) {
        auto batch = std::make_shared<std::vector<std::byte>>(stamped_batch(next_, payloads));
        next_.value += payloads.size();
        return batch;
    }
    std::error_code sync() {
        return answer_to<std::error_code>([&](auto done) { log_.sync(done); });
    }
    std::error_code trim(std::uint64_t before) {
        return answer_to<std::error_code>([&](auto done) { log_.trim({before}, done); });
    }
    std::error_code close() {
        return answer_to<std::error_code>([&](auto done) { log_.close(done); });
    }
    Result<LogRead> read_into(std::uint64_t from, std::span<std::byte> into) {
        return answer_to<Result<LogRead>>([&](auto done) { log_.read({from}, into, done); });
    }
    /// Fails where the read does. The records are in bytes().
    LogRead read(std::uint64_t from, std::size_t bytes_max = std::size_t{1} << 20U) {
        memory_.resize(bytes_max);
        const auto read = read_into(from, memory_);
        REQUIRE(read);
        memory_.resize(read->bytes);
        return *read;
    }
    [[nodiscard]] Bytes bytes() const noexcept { return memory_; }
    /// The payloads from `from` to the end, a space behind each; "[a,b)" for offsets that are lost.
    std::string text_from(std::uint64_t from, std::size_t bytes_max = std::size_t{1} << 20U) {
        std::string text;
        while (Offset{from} < log_.extent().end) {
            const LogRead got = read(from, bytes_max);
            REQUIRE(got.next.value > from);
            if (got.damaged) {
                text += '[' + std::to_string(got.damaged->first.value) + ',' +
                        std::to_string(got.damaged->second.value) + ") ";
            }
            text += payloads_in(bytes());
            from = got.next.value;
        }
        return text;
    }
    std::uint64_t find_time(std::int64_t microseconds) {
        const auto found =
            answer_to<Result<Offset>>([&](auto done) { log_.find_time(at_microsecond(microseconds), done); });
        REQUIRE(found);
        return found->value;
    }

  private:
    MessageLog& log_;
    std::function<void()> run_;
    Offset next_;
    std::vector<std::byte> memory_;
};

}  // namespace leveret::test
