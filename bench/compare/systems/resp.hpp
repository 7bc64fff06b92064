// RESP2, the protocol of Redis, for systems/redis.cpp and systems/redis_streams.cpp: as little of it as they need.
//
// A command is an array of bulk strings: "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n". An answer is such an array, one bulk string,
// an integer (":1\r\n") or an error ("-ERR …\r\n").
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raw.hpp"

namespace leveret::compare::resp {

/// Appends one command to `out`.
void append_command(std::vector<std::byte>& out, std::span<const Bytes> arguments);
/// The same of texts, ended by `payload`.
template <std::size_t count>
void append_command(std::vector<std::byte>& out, const std::array<std::string_view, count>& texts, Bytes payload) {
    std::array<Bytes, count + 1> arguments;
    for (std::size_t i = 0; i < count; ++i) {
        arguments[i] = as_bytes(texts[i]);
    }
    arguments.back() = payload;
    append_command(out, arguments);
}

/// Walks over the front of what came in. A part that has not come whole is not taken. Throws std::runtime_error where
/// an error stands instead of what is asked for, or anything else.
class Reader {
  public:
    /// Does not own the bytes: they must outlive it.
    explicit Reader(Bytes bytes) noexcept : bytes_(as_text(bytes)) {}

    /// How many bytes it has walked over.
    [[nodiscard]] std::size_t position() const noexcept { return at_; }

    /// Exactly `expected`.
    [[nodiscard]] bool skip(std::string_view expected) {
        const std::string_view rest = bytes_.substr(at_);
        if (rest.starts_with(expected)) {
            at_ += expected.size();
            return true;
        }
        if (!expected.starts_with(rest)) {
            throw_unexpected();
        }
        return false;
    }

    /// One line that is `type` and a number: "*3\r\n", ":1\r\n" or "$-1\r\n".
    [[nodiscard]] bool take_number(char type, std::int64_t& number) {
        std::size_t at = at_;
        if (at == bytes_.size()) {
            return false;
        }
        if (bytes_[at++] != type) {
            throw_unexpected();
        }
        const bool is_negative = at < bytes_.size() && bytes_[at] == '-';
        at += is_negative ? 1 : 0;
        std::int64_t value = 0;
        while (at < bytes_.size() && bytes_[at] >= '0' && bytes_[at] <= '9') {
            value = value * 10 + (bytes_[at++] - '0');
        }
        if (bytes_.size() - at < line_end_bytes) {
            return false;
        }
        if (bytes_[at] != '\r') {
            throw_unexpected();
        }
        number = is_negative ? -value : value;
        at_ = at + line_end_bytes;
        return true;
    }

    /// One bulk string. A view of the bytes.
    [[nodiscard]] bool take_bulk(std::string_view& text) {
        const std::size_t start = at_;
        std::int64_t size = 0;
        if (!take_number('$', size)) {
            return false;
        }
        const auto bytes = static_cast<std::size_t>(size < 0 ? 0 : size);
        if (bytes_.size() - at_ < bytes + line_end_bytes) {
            at_ = start;
            return false;
        }
        text = bytes_.substr(at_, bytes);
        at_ += bytes + line_end_bytes;
        return true;
    }

  private:
    static constexpr std::size_t line_end_bytes = 2;

    [[noreturn]] void throw_unexpected() const;

    std::string_view bytes_;
    std::size_t at_ = 0;
};

/// What the raw protocols of publish/subscribe and of streams share.
class Protocol : public RawProtocol {
  public:
    explicit Protocol(const Work& work) : work_(work) {}

    void greet_publisher(Socket& socket) final { socket.write("CLIENT REPLY OFF\r\n"); }

  protected:
    const Work work_;
};

}  // namespace leveret::compare::resp
