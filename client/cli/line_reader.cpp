#include "line_reader.hpp"

#include <cerrno>

#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <poll.h>
#include <unistd.h>

namespace leveret::cli {

LineReader::LineReader(asio::any_io_executor executor, int descriptor) : descriptor_(executor, descriptor) {}

LineReader::~LineReader() {
    descriptor_.release();
}

std::optional<std::string_view> LineReader::try_next() {
    const std::size_t newline = buffer_.find('\n', search_at_);
    if (newline != std::string::npos) {
        const std::string_view line(buffer_.data() + line_at_, newline - line_at_);
        line_at_ = search_at_ = newline + 1;
        return line;
    }
    search_at_ = buffer_.size();
    if (!ended_ || failure_ || line_at_ == buffer_.size()) {
        return std::nullopt;
    }
    const std::string_view last = std::string_view(buffer_).substr(line_at_);
    line_at_ = buffer_.size();
    return last;
}

bool LineReader::has_input() {
    pollfd readable{.fd = descriptor_.native_handle(), .events = POLLIN, .revents = 0};
    return ended_ || ::poll(&readable, 1, 0) != 0;
}

asio::awaitable<bool> LineReader::read_more() {
    if (ended_) {
        co_return false;
    }
    // A regular file cannot be waited for and answers with an error at once; reading it does not block either.
    std::error_code ignored;
    co_await descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                                    asio::redirect_error(asio::use_awaitable, ignored));
    buffer_.erase(0, line_at_);
    search_at_ -= line_at_;
    line_at_ = 0;
    if (buffer_.size() > line_bytes_max) {
        failure_ = std::make_error_code(std::errc::value_too_large);
        ended_ = true;
        co_return false;
    }
    const std::size_t had = buffer_.size();
    buffer_.resize(had + read_bytes);
    const ssize_t count = ::read(descriptor_.native_handle(), buffer_.data() + had, read_bytes);
    buffer_.resize(had + static_cast<std::size_t>(count > 0 ? count : 0));
    if (count < 0 && errno != EINTR && errno != EAGAIN) {
        failure_ = {errno, std::generic_category()};
    }
    ended_ = count == 0 || failure_;
    co_return !failure_ && (count != 0 || line_at_ < buffer_.size());
}

}  // namespace leveret::cli
