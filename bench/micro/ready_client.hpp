// The client library without a socket: a client that takes itself for connected, with one topic open and one
// subscription. What it queues is taken from it, what it receives is handed to it, as its connection would.
#pragma once

#include <array>
#include <stdexcept>

#include <asio/io_context.hpp>

#include "client_state.hpp"
#include "kernel_bytes.hpp"

namespace leveret::bench {

class ReadyClient {
  public:
    static constexpr std::uint32_t topic_handle = 1;
    static constexpr std::uint32_t subscription_handle = 1;

    explicit ReadyClient(const ClientOptions& options = {})
        : state_(std::make_shared<Client::State>(context_.get_executor())) {
        state_->options = options;
        state_->queue.emplace(options.publish_frame_bytes_max);
        state_->record_bytes_max = frame_bytes_max - native::header_bytes - native::Publish::prefix_bytes;
        // It is never opened: its flush() finds no socket, write_all() stands in for it.
        state_->connection =
            std::make_shared<client_side::Connection>(context_.get_executor(), state_->wakeups, state_);
        state_->phase = Client::State::Phase::ready;

        const auto topic = std::make_shared<client_side::Topic>();
        topic->name = "topic";
        topic->phase = client_side::Topic::Phase::open;
        topic->handle = topic_handle;
        topic->target.handle = topic_handle;
        state_->topics.push_back(topic);
        publisher = Publisher(std::make_shared<Publisher::State>(Publisher::State{state_, topic}));

        const auto subscribed = std::make_shared<Subscription::State>(state_, topic, SubscribeOptions{});
        subscribed->handle = subscription_handle;
        subscribed->started = true;
        state_->by_handle[subscription_handle] = subscribed.get();
        state_->subscriptions.insert(subscribed.get());
        subscription = Subscription(subscribed);
    }
    ReadyClient(const ReadyClient&) = delete;
    ReadyClient& operator=(const ReadyClient&) = delete;
    ~ReadyClient() {
        state_->shut_down();
        context_.restart();
        context_.poll();
    }

    /// Takes everything that is queued, as a socket would that has room, and answers how many bytes that were.
    std::size_t write_all() {
        context_.restart();
        context_.poll();  // the flush that the first send() asked for
        std::size_t bytes = 0;
        while (const std::size_t count = state_->queue->gather(buffers_)) {
            const std::size_t gathered_bytes = asio::buffer_size(std::span(buffers_).first(count));
            state_->queue->written(gathered_bytes);
            bytes += gathered_bytes;
        }
        state_->on_written();
        return bytes;
    }
    /// Of the newest Publish frame that awaits an answer.
    [[nodiscard]] std::uint32_t last_correlation() const noexcept { return state_->queue->last_correlation(); }

    /// Reads whole frames and carries them out, as the read loop does. Throws where the client takes one for wrong.
    void receive(const KernelBytes& frames) {
        for (std::size_t at = 0; at < frames.size();) {
            const std::size_t count = frames.read(buffer_.space(), at);
            at += count;
            state_->wakeups->begin_collecting();
            buffer_.received(count);
            while (const auto frame = buffer_.next_frame(frame_bytes_max).value()) {
                if (const auto failure = state_->on_frame(*frame, buffer_)) {
                    throw std::runtime_error(failure->text);
                }
            }
            state_->wakeups->run();
        }
    }
    /// Drains the subscription and looks at every record's payload; answers how many there were.
    std::uint64_t take_deliveries() {
        std::uint64_t records = 0;
        while (const auto received = subscription.try_next()) {
            for (const RecordView record : std::get<Delivery>(*received)) {
                payload_bytes += record.payload().size();
                ++records;
            }
        }
        return records;
    }

    Publisher publisher;
    Subscription subscription;
    std::uint64_t payload_bytes = 0;  ///< of all deliveries that were taken

  private:
    static constexpr std::size_t frame_bytes_max = 8U << 20U;

    asio::io_context context_{1};
    std::shared_ptr<Client::State> state_;
    client_side::ReceiveBuffer buffer_;
    std::array<asio::const_buffer, 64> buffers_{};  // as many as Connection has
};

}  // namespace leveret::bench
