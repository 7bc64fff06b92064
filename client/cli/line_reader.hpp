// Lines of standard input, without stopping the connection while there are none.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <asio/awaitable.hpp>
#include <asio/posix/stream_descriptor.hpp>

namespace leveret::cli {

/// Reads pipes, terminals and files. Belongs to its executor.
class LineReader {
  public:
    /// Takes the descriptor over for reading and gives it back, open, at the end.
    LineReader(asio::any_io_executor executor, int descriptor);
    ~LineReader();
    LineReader(const LineReader&) = delete;
    LineReader& operator=(const LineReader&) = delete;

    /// A line that is here already, without its newline; valid until the next call of either method. The last line may
    /// lack a newline.
    [[nodiscard]] std::optional<std::string_view> try_next();
    /// Whether read_more() has something to read now, or is at the end.
    [[nodiscard]] bool has_input();
    /// Waits for more input. False at the end, after an error, or where a line is longer than line_bytes_max.
    [[nodiscard]] asio::awaitable<bool> read_more();

    /// Why read_more() said false: the system's error, or value_too_large for a line that is too long. Not set at the
    /// end of the input.
    [[nodiscard]] std::error_code failure() const noexcept { return failure_; }

    static constexpr std::size_t line_bytes_max = 8U << 20U;

  private:
    static constexpr std::size_t read_bytes = 64U << 10U;
    asio::posix::stream_descriptor descriptor_;
    std::string buffer_;
    std::size_t line_at_ = 0;    // the first byte that has not been handed out
    std::size_t search_at_ = 0;  // no newline between line_at_ and here
    bool ended_ = false;
    std::error_code failure_;
};

}  // namespace leveret::cli
