// A whole broker in one thread, and clients whose transport is two calls to the kernel or none: what is left is the
// broker's own work.
#pragma once

#include <vector>

#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>

#include "bench_frames.hpp"
#include "environment/notifier.hpp"
#include "kernel_bytes.hpp"
#include "server/broker_fixture.hpp"
#include "server/transport.hpp"

namespace leveret::bench {

/// Reads what its client sends; takes whatever is written, at once, and forgets it.
class PathTransport final : public Transport {
  public:
    struct Line {
        explicit Line(const asio::any_io_executor& executor) : readable(executor) {}
        Notifier readable;
        const KernelBytes* sent = nullptr;
        std::size_t read_bytes = 0;
        bool closed = false;
        [[nodiscard]] bool has_unread() const noexcept { return sent != nullptr && read_bytes < sent->size(); }
    };

    explicit PathTransport(std::shared_ptr<Line> line) : line_(std::move(line)) {}

    std::size_t read_some(std::span<std::byte> into, std::error_code& error) noexcept override {
        error = line_->has_unread() ? std::error_code() : asio::error::would_block;
        if (error) {
            return 0;
        }
        const std::size_t count = line_->sent->read(into, line_->read_bytes);
        line_->read_bytes += count;
        return count;
    }
    std::size_t write_some(std::span<const asio::const_buffer> from, std::error_code& error) noexcept override {
        error.clear();
        return asio::buffer_size(from);
    }
    asio::awaitable<std::error_code> wait_readable() override {
        const auto line = line_;
        while (!line->has_unread() && !line->closed) {
            co_await line->readable.wait();
        }
        co_return line->closed ? std::error_code(asio::error::operation_aborted) : std::error_code();
    }
    asio::awaitable<std::error_code> wait_writable() override { co_return std::error_code(); }
    void close() noexcept override {
        line_->closed = true;
        line_->readable.notify();
    }
    [[nodiscard]] std::string peer() const override { return "bench"; }

  private:
    std::shared_ptr<Line> line_;
};

/// One connection, on a strand of its own as those of the listener are.
class PathClient {
  public:
    explicit PathClient(test::BrokerFixture& fixture) : fixture_(fixture) {
        const auto strand = asio::make_strand(fixture.context);
        line_ = std::make_shared<PathTransport::Line>(strand);
        fixture.broker.attach(std::make_unique<PathTransport>(line_), strand);
        fixture.run();
    }

    /// Returns when the broker has read it and done all that follows, for every connection.
    void send(const KernelBytes& bytes) {
        line_->sent = &bytes;
        line_->read_bytes = 0;
        line_->readable.notify();
        fixture_.run();
        if (line_->has_unread()) {
            throw std::runtime_error("the broker left bytes unread");
        }
    }
    void send(const ByteVector& bytes) {
        send(KernelBytes(bytes));
        line_->sent = nullptr;
    }

  private:
    test::BrokerFixture& fixture_;
    std::shared_ptr<PathTransport::Line> line_;
};

}  // namespace leveret::bench
