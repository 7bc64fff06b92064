#include "server/memory_transport.hpp"

#include <algorithm>
#include <deque>

#include <asio/error.hpp>

#include "environment/notifier.hpp"

namespace leveret {

namespace {

/// One direction.
struct Pipe {
    Pipe(const asio::any_io_executor& executor, std::size_t capacity)
        : capacity_bytes(capacity), readable(executor), writable(executor) {}

    const std::size_t capacity_bytes;
    std::deque<std::byte> bytes;
    bool writer_closed = false;
    bool reader_closed = false;
    Notifier readable;
    Notifier writable;
};

class MemoryTransport final : public Transport {
  public:
    MemoryTransport(std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out) : in_(std::move(in)), out_(std::move(out)) {}
    MemoryTransport(const MemoryTransport&) = delete;
    MemoryTransport& operator=(const MemoryTransport&) = delete;
    ~MemoryTransport() override { close(); }

    std::size_t read_some(std::span<std::byte> into, std::error_code& error) noexcept override {
        error.clear();
        if (in_->reader_closed) {
            error = asio::error::operation_aborted;
            return 0;
        }
        if (in_->bytes.empty()) {
            error = in_->writer_closed ? std::error_code(asio::error::eof) : asio::error::would_block;
            return 0;
        }
        const std::size_t count = std::min(into.size(), in_->bytes.size());
        const auto end = in_->bytes.begin() + static_cast<std::ptrdiff_t>(count);
        std::copy(in_->bytes.begin(), end, into.begin());
        in_->bytes.erase(in_->bytes.begin(), end);
        in_->writable.notify();
        return count;
    }

    std::size_t write_some(std::span<const asio::const_buffer> from, std::error_code& error) noexcept override {
        error.clear();
        if (out_->reader_closed || out_->writer_closed) {
            error = asio::error::broken_pipe;
            return 0;
        }
        std::size_t written = 0;
        for (const asio::const_buffer& buffer : from) {
            const auto* const data = static_cast<const std::byte*>(buffer.data());
            const std::size_t count = std::min(buffer.size(), out_->capacity_bytes - out_->bytes.size());
            out_->bytes.insert(out_->bytes.end(), data, data + count);
            written += count;
        }
        if (written == 0) {
            error = asio::error::would_block;
        }
        out_->readable.notify();
        return written;
    }

    asio::awaitable<std::error_code> wait_readable() override {
        const auto in = in_;
        while (in->bytes.empty() && !in->writer_closed && !in->reader_closed) {
            co_await in->readable.wait();
        }
        co_return in->reader_closed ? std::error_code(asio::error::operation_aborted) : std::error_code();
    }

    asio::awaitable<std::error_code> wait_writable() override {
        const auto out = out_;
        while (out->bytes.size() >= out->capacity_bytes && !out->reader_closed && !out->writer_closed) {
            co_await out->writable.wait();
        }
        co_return out->writer_closed ? std::error_code(asio::error::operation_aborted) : std::error_code();
    }

    void close() noexcept override {
        in_->reader_closed = true;
        out_->writer_closed = true;
        in_->readable.notify();
        in_->writable.notify();
        out_->readable.notify();
        out_->writable.notify();
    }

    [[nodiscard]] std::string peer() const override { return "memory"; }

  private:
    std::shared_ptr<Pipe> in_;
    std::shared_ptr<Pipe> out_;
};

}  // namespace

std::pair<std::unique_ptr<Transport>, std::unique_ptr<Transport>> make_memory_transports(
    const asio::any_io_executor& executor, std::size_t capacity_bytes) {
    const auto there = std::make_shared<Pipe>(executor, capacity_bytes);
    const auto back = std::make_shared<Pipe>(executor, capacity_bytes);
    return {std::make_unique<MemoryTransport>(there, back), std::make_unique<MemoryTransport>(back, there)};
}

}  // namespace leveret
