#include "environment/notifier.hpp"

#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

namespace leveret {

Notifier::Notifier(const asio::any_io_executor& executor) : never_(executor) {
    never_.expires_at(asio::steady_timer::time_point::max());
}

asio::awaitable<void> Notifier::wait() {
    while (!rung_) {
        std::error_code error;
        co_await never_.async_wait(asio::redirect_error(asio::use_awaitable, error));
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) {
            // Leaves a ring that came at the same moment for the next wait.
            throw std::system_error(asio::error::make_error_code(asio::error::operation_aborted));
        }
    }
    rung_ = false;
}

void Notifier::notify() {
    rung_ = true;
    never_.cancel();
}

}  // namespace leveret
