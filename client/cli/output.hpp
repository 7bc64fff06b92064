// Standard output, buffered, and the end of it.
#pragma once

#include <string>
#include <string_view>
#include <system_error>

namespace leveret::cli {

/// Collects what a command prints. A reader that goes away (`| head`) is no error: is_open() turns false and the
/// command ends quietly. Blocks while the reader is slow, which is what a pipe is for.
class Output {
  public:
    explicit Output(int descriptor = 1) noexcept : descriptor_(descriptor) {}
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;
    ~Output() { flush(); }

    /// Where the next piece is appended; call wrote() after it.
    [[nodiscard]] std::string& buffer() noexcept { return buffer_; }
    /// Writes out what has become enough for a system call.
    void wrote() {
        if (buffer_.size() >= buffer_bytes) {
            flush();
        }
    }
    void line(std::string_view text) {
        buffer_.append(text).push_back('\n');
        wrote();
    }
    void flush() noexcept;

    /// False once nobody reads any more, or a write has failed.
    [[nodiscard]] bool is_open() const noexcept { return open_; }
    /// Set where a write failed for another reason than a reader that went away (a full disk).
    [[nodiscard]] std::error_code failure() const noexcept { return failure_; }

  private:
    static constexpr std::size_t buffer_bytes = 64U << 10U;
    int descriptor_;
    std::string buffer_;
    bool open_ = true;
    std::error_code failure_;
};

}  // namespace leveret::cli
