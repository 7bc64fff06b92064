#include "connection.hpp"

#include <span>
#include <utility>

#include <asio/co_spawn.hpp>
#include <asio/connect.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include "failure.hpp"

namespace leveret::client_side {

using asio::ip::tcp;

Connection::Connection(const asio::any_io_executor& executor, std::shared_ptr<Wakeups> wakeups,
                       std::weak_ptr<ConnectionOwner> owner)
    : socket_(executor),
      resolver_(executor),
      deadline_(executor),
      wakeups_(std::move(wakeups)),
      owner_(std::move(owner)) {}

void Connection::start_deadline(std::chrono::milliseconds timeout) {
    deadline_.expires_after(timeout);
    deadline_.async_wait([self = shared_from_this()](std::error_code error) {
        if (!error) {
            self->resolver_.cancel();
            self->lose(failure_of(Error::timed_out));
        }
    });
}

asio::awaitable<Outcome<void>> Connection::open(std::shared_ptr<Connection> self, std::string host,
                                                std::uint16_t port) {
    self->endpoint_ = endpoint_text(host, port);
    std::error_code error;
    tcp::resolver::results_type endpoints;
    if (const auto address = asio::ip::make_address(host, error); !error) {
        // No name: spares the resolver's thread.
        endpoints = tcp::resolver::results_type::create(tcp::endpoint(address, port), host, {});
    } else {
        endpoints = co_await self->resolver_.async_resolve(host, std::to_string(port),
                                                           asio::redirect_error(asio::use_awaitable, error));
    }
    if (!error) {
        co_await asio::async_connect(self->socket_, endpoints, asio::redirect_error(asio::use_awaitable, error));
    }
    if (self->failure_) {
        co_return unexpected(*self->failure_);
    }
    if (error) {
        co_return unexpected(failure_of(error));
    }
    self->socket_.set_option(tcp::no_delay(true), error);
    self->socket_.non_blocking(true, error);
    co_return Outcome<void>();
}

void Connection::start_reading() {
    const auto report = [self = shared_from_this()](const std::exception_ptr& exception) {
        const auto owner = self->owner_.lock();
        if (exception && owner) {  // out of memory, most likely
            owner->on_lost(failure_of(Error::connection_lost, "the read loop of the client ended with an exception"));
            self->wakeups_->run();
        }
    };
    asio::co_spawn(socket_.get_executor(), read_loop(shared_from_this()), report);
}

asio::awaitable<void> Connection::read_loop(std::shared_ptr<Connection> self) {
    bool lost = false;
    while (!lost) {
        const auto space = self->buffer_.space();
        std::error_code error;
        // Asio tries to read at once and waits only where there is nothing.
        const std::size_t count = co_await self->socket_.async_read_some(
            asio::buffer(space.data(), space.size()), asio::redirect_error(asio::use_awaitable, error));
        const auto owner = self->owner_.lock();
        if (!owner) {
            co_return;
        }
        const auto wakeups = self->wakeups_;
        wakeups->begin_collecting();
        std::optional<Failure> failure = self->failure_;
        if (!failure && error) {
            failure = Failure{make_error_code(Error::connection_lost), "the connection was lost: " + error.message()};
        }
        if (!failure) {
            self->buffer_.received(count);
            failure = self->carry_out_frames(*owner);
        }
        if (failure) {
            lost = true;
            self->close_socket();
            owner->on_lost(std::move(*failure));
        }
        wakeups->run();  // users' code goes on in here, and may end the client
    }
}

std::optional<Failure> Connection::carry_out_frames(ConnectionOwner& owner) {
    for (;;) {
        const auto frame = buffer_.next_frame(frame_bytes_max_);
        if (!frame && !is_welcomed_) {
            return no_server_of_ours();
        }
        if (!frame) {
            return Failure{frame.error(), "the server sent a frame that cannot be: " + frame.error().message()};
        }
        if (!*frame) {
            return std::nullopt;
        }
        // The bytes of another protocol may look like a frame, but hardly like one of the two that may come now.
        const native::FrameType type = (*frame)->header.type;
        if (!is_welcomed_ && type != native::FrameType::welcome && type != native::FrameType::error) {
            return no_server_of_ours();
        }
        if (auto failure = owner.on_frame(**frame, buffer_)) {
            return failure;
        }
        if (failure_ || owner_.expired()) {
            return failure_;
        }
    }
}

Failure Connection::no_server_of_ours() const {
    return failure_of(Error::unknown_dialect,
                      "what listens at " + endpoint_ + " does not speak this protocol: is the port right?");
}

void Connection::flush() {
    const auto owner = owner_.lock();
    while (owner && !waits_writable_ && socket_.is_open()) {
        WriteQueue* const queue = owner->queue_to_write();
        const std::span<const asio::const_buffer> buffers(buffers_.data(), gather(queue));
        if (buffers.empty()) {
            break;
        }
        std::error_code error;
        const std::size_t written_bytes = socket_.write_some(buffers, error);
        if (error && error != asio::error::would_block && error != asio::error::try_again) {
            lose(Failure{make_error_code(Error::connection_lost), "the connection was lost: " + error.message()});
            break;
        }
        account(written_bytes, queue);
        if (written_bytes < asio::buffer_size(buffers)) {
            wait_writable();  // the socket took what it could: asking again would be for nothing
        }
    }
    if (owner) {
        owner->on_written();
    }
}

std::size_t Connection::gather(WriteQueue* queue) {
    std::size_t count = 0;
    if (first_written_bytes_ < first_.size()) {
        buffers_[count++] = asio::buffer(first_.data() + first_written_bytes_, first_.size() - first_written_bytes_);
    }
    if (queue != nullptr) {
        count += queue->gather(std::span(buffers_).subspan(count));
    }
    return count;
}

void Connection::account(std::size_t bytes, WriteQueue* queue) {
    const std::size_t of_first = std::min(bytes, first_.size() - first_written_bytes_);
    first_written_bytes_ += of_first;
    if (first_written_bytes_ == first_.size()) {
        first_.clear();
        first_written_bytes_ = 0;
    }
    if (bytes > of_first) {
        queue->written(bytes - of_first);
    }
}

void Connection::wait_writable() {
    waits_writable_ = true;
    socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](std::error_code error) {
        self->waits_writable_ = false;
        if (!error) {
            self->flush();
        }
    });
}

void Connection::lose(Failure failure) {
    if (!failure_) {
        failure_ = std::move(failure);
    }
    close_socket();  // ends the read loop, which reports
}

void Connection::close() {
    owner_.reset();
    deadline_.cancel();
    resolver_.cancel();
    close_socket();
}

void Connection::close_socket() {
    std::error_code ignored;
    socket_.close(ignored);
}

}  // namespace leveret::client_side
