#include "output.hpp"

#include <cerrno>

#include <poll.h>
#include <unistd.h>

namespace leveret::cli {

void Output::flush() noexcept {
    std::string_view left = buffer_;
    while (open_ && !left.empty()) {
        const ssize_t written = ::write(descriptor_, left.data(), left.size());
        if (written >= 0) {
            left.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EAGAIN) {  // somebody else made the terminal non-blocking
            pollfd writable{.fd = descriptor_, .events = POLLOUT, .revents = 0};
            ::poll(&writable, 1, -1);
        } else if (errno != EINTR) {
            open_ = false;
            if (errno != EPIPE) {
                failure_ = {errno, std::generic_category()};
            }
        }
    }
    buffer_.clear();
}

}  // namespace leveret::cli
