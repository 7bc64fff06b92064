// A whole broker in one thread, in virtual time and from one seed, and clients that talk to it through memory.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <spdlog/spdlog.h>

#include "server/broker.hpp"
#include "server/memory_transport.hpp"
#include "support/native_frames.hpp"

namespace leveret::test {

class BrokerFixture {
  public:
    explicit BrokerFixture(const Limits& limits = {}, std::uint64_t seed = 1)
        : BrokerFixture(BrokerOptions{.limits = limits}, seed) {}
    explicit BrokerFixture(BrokerOptions options, std::uint64_t seed = 1)
        : random_(make_random(seed)), broker(completed(std::move(options))) {
        spdlog::set_level(spdlog::level::off);
        if (const auto error = broker.start_without_listening()) {
            throw std::system_error(error);
        }
    }
    BrokerFixture(const BrokerFixture&) = delete;
    BrokerFixture& operator=(const BrokerFixture&) = delete;
    ~BrokerFixture() {
        broker.stop();
        run();
        advance(broker.limits().drain_timeout);
    }

    void run() {
        context.restart();
        context.poll();
    }
    void advance(std::chrono::milliseconds by) {
        clock.advance(by);
        run();
    }
    [[nodiscard]] std::uint64_t connections() const { return broker.counters().connections.value(); }
    [[nodiscard]] TopicPtr topic(std::string_view name) { return broker.registry().find_or_create(name).value(); }
    /// Behind the connections' backs.
    void publish(std::string_view topic_name, const DraftedRecords& records) {
        const Batch batch{.records = records.bytes(), .record_count = records.count()};
        topic(topic_name)->append({&batch, 1}, [](std::span<AppendResult>) {});
    }
    void publish(std::string_view topic_name, std::string_view payload) {
        publish(topic_name, DraftedRecords(payload));
    }

    asio::io_context context{1};
    ManualClock clock;

  private:
    BrokerOptions completed(BrokerOptions options) {
        options.permissions.delete_topics = true;
        options.clock = &clock;
        options.random = random_.get();
        options.context = &context;
        return options;
    }
    std::unique_ptr<Random> random_;

  public:
    Broker broker;
};

/// Reads nothing until it is told to.
class MemoryClient {
  public:
    static constexpr std::size_t capacity_bytes_default = 64U << 10U;

    explicit MemoryClient(BrokerFixture& fixture, std::size_t capacity_bytes = capacity_bytes_default)
        : fixture_(fixture) {
        auto [ours, theirs] = make_memory_transports(fixture.context.get_executor(), capacity_bytes);
        transport_ = std::move(ours);
        fixture.broker.attach(std::move(theirs), fixture.context.get_executor());
        fixture.run();
    }
    MemoryClient(const MemoryClient&) = delete;
    MemoryClient& operator=(const MemoryClient&) = delete;
    ~MemoryClient() {
        close();
        fixture_.run();
    }

    /// Sends all of it as fast as the broker takes it; false where it takes no more.
    bool send(Bytes bytes) {
        while (!bytes.empty()) {
            std::error_code error;
            const asio::const_buffer buffer(bytes.data(), bytes.size());
            const std::size_t count = transport_->write_some({&buffer, 1}, error);
            fixture_.run();
            bytes = bytes.subspan(count);
            if (error) {
                return false;
            }
        }
        return true;
    }
    /// The broker finds it when it runs next, beside what others have sent.
    void send_without_run(Bytes bytes) {
        std::error_code error;
        const asio::const_buffer buffer(bytes.data(), bytes.size());
        static_cast<void>(transport_->write_some({&buffer, 1}, error));
    }
    void close() { transport_->close(); }
    /// What has come and fits into the transport at once.
    std::size_t read_some(std::size_t bytes_max) {
        std::vector<std::byte> bytes(bytes_max);
        const std::size_t count = transport_->read_some(bytes, last_read_error);
        append(unread, Bytes(bytes).first(count));
        fixture_.run();
        return count;
    }
    void read_all() {
        while (read_some(1U << 20U) > 0) {
        }
    }
    [[nodiscard]] bool is_closed() {
        read_all();
        return last_read_error && last_read_error != asio::error::would_block;
    }
    /// Everything that has come since the last call.
    std::vector<ReceivedFrame> received() {
        read_all();
        return take_frames(unread);
    }

    ByteVector unread;
    std::error_code last_read_error;

  private:
    BrokerFixture& fixture_;
    std::unique_ptr<Transport> transport_;
};

/// A client that has said Hello, opened "topic" as handle 1 and read the answers.
class OpenedClient : public MemoryClient {
  public:
    explicit OpenedClient(BrokerFixture& fixture, std::size_t capacity_bytes = capacity_bytes_default)
        : MemoryClient(fixture, capacity_bytes) {
        send(opening());
        send(open_topic("topic"));
        received();
    }
    void subscribe_to_topic(const native::Subscribe& request = from_earliest()) {
        send(subscribe(1, request));
        received();
    }
    /// The payloads that have been delivered since the last call, and "missed:FROM-TO".
    std::string deliveries() {
        std::string text;
        for (const ReceivedFrame& frame : received()) {
            if (frame.header.type == native::FrameType::deliver) {
                text += frame.payloads();
            } else if (frame.header.type == native::FrameType::lagged) {
                const auto lagged = frame.as<native::Lagged>();
                text += "missed:" + std::to_string(lagged.from.value) + '-' + std::to_string(lagged.to.value) + ' ';
            }
        }
        return text;
    }
};

}  // namespace leveret::test
