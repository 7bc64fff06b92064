#include "server/listener.hpp"

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include "environment/notifier.hpp"

namespace leveret {

namespace {
// After a failed accept (no file descriptor is left, say): trying at once again would only burn the processor.
constexpr std::chrono::milliseconds pause_after_error{100};
}  // namespace

Listener::Listener(asio::io_context& context, const Environment& environment, Accepted accepted)
    : context_(context),
      environment_(environment),
      accepted_(std::move(accepted)),
      strand_(asio::make_strand(context)),
      acceptor_(strand_) {}

std::error_code Listener::listen(const std::string& host, std::uint16_t port) {
    if (host.empty()) {  // the resolver would take it for every address of this machine
        return std::make_error_code(std::errc::invalid_argument);
    }
    std::error_code error;
    asio::ip::tcp::resolver resolver(context_);
    const auto found = resolver.resolve(host, std::to_string(port), asio::ip::tcp::resolver::passive, error);
    if (error) {
        return error;
    }
    const asio::ip::tcp::endpoint endpoint = found.begin()->endpoint();
    acceptor_.open(endpoint.protocol(), error);
    if (!error) {
        acceptor_.set_option(asio::ip::tcp::acceptor::reuse_address(true), error);
    }
    if (!error) {
        acceptor_.bind(endpoint, error);
    }
    if (!error) {
        acceptor_.listen(asio::socket_base::max_listen_connections, error);
    }
    if (!error) {
        port_ = acceptor_.local_endpoint(error).port();
    }
    return error;
}

std::uint16_t Listener::port() const noexcept {
    return port_;
}

void Listener::start() {
    asio::co_spawn(
        strand_, [self = shared_from_this()] { return self->accept(); },
        [](const std::exception_ptr& failure) {
            if (failure != nullptr) {
                spdlog::error("accepting connections ended with an exception");
            }
        });
}

asio::awaitable<void> Listener::accept() {
    while (acceptor_.is_open()) {
        TcpSocket socket(asio::make_strand(context_));
        std::error_code error;
        co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
        if (!acceptor_.is_open()) {
            co_return;
        }
        if (error) {
            environment_.counters.accept_errors.add();
            spdlog::warn("cannot accept a connection: {}", error.message());
            co_await pause();
            continue;
        }
        accepted_(std::move(socket));
    }
}

asio::awaitable<void> Listener::pause() {
    const auto over = std::make_shared<Notifier>(strand_);
    const auto timer = environment_.clock.make_timer(strand_);
    timer->set_after(pause_after_error, [over] { over->notify(); });
    co_await over->wait();
}

void Listener::close() {
    asio::post(strand_, [self = shared_from_this()] {
        std::error_code ignored;  // there is nothing to do about it
        self->acceptor_.close(ignored);
    });
}

}  // namespace leveret
