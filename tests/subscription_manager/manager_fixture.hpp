// SubscriptionManagers with everything they need, in virtual time and in one thread; no sockets.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <asio/io_context.hpp>

#include "protocol/zaichik.hpp"
#include "subscription_manager/native/native_manager.hpp"
#include "subscription_manager/zaichik/zaichik_manager.hpp"
#include "support/native_frames.hpp"

namespace leveret::test {

/// What all connections of a broker share. Limits are set before the first client comes.
struct ManagerWorld {
    Limits limits;
    ManualClock clock;
    std::unique_ptr<Random> random = make_random(1);
    MemoryBudget memory{256U << 20U};
    Counters counters;
    Permissions permissions{.delete_topics = true};
    asio::io_context context{1};
    Environment environment{limits, clock, *random, memory, counters};
    TopicRegistry registry{environment, context.get_executor()};

    ~ManagerWorld() { run(); }

    void run() {
        context.restart();
        context.poll();
    }
    void advance(std::chrono::milliseconds by) {
        clock.advance(by);
        run();
    }
    TopicPtr create_topic(std::string_view name, const TopicSettings& settings = {}) {
        return registry.create(name, settings).value();
    }
    /// Behind the managers' back, as another connection would.
    AppendResult publish(std::string_view topic, const DraftedRecords& records) {
        AppendResult answer;
        const Batch batch{.records = records.bytes(), .record_count = records.count()};
        registry.find_or_create(topic).value()->append({&batch, 1},
                                                       [&](std::span<AppendResult> results) { answer = results[0]; });
        return answer;
    }
    AppendResult publish(std::string_view topic, std::string_view payload) {
        return publish(topic, DraftedRecords(payload));
    }
};

/// A connection without a transport: what its manager has due is written whenever the connection would.
class ManagedClient {
  public:
    ManagedClient(ManagerWorld& world, Bytes first_bytes) : world_(world) {
        std::size_t opening_bytes = 0;
        const ManagerContext manager_context{.environment = world.environment,
                                             .registry = world.registry,
                                             .permissions = world.permissions,
                                             .wake_list = wake_list_,
                                             .strand = world.context.get_executor(),
                                             .connection_id = 1,
                                             .peer = "test"};
        manager = make_subscription_manager(first_bytes, manager_context, &opening_bytes).value();
        send(first_bytes.subspan(opening_bytes));
    }
    ManagedClient(const ManagedClient&) = delete;
    ManagedClient& operator=(const ManagedClient&) = delete;
    ~ManagedClient() { wake_list_->close(); }

    /// Gives `bytes` to the manager, lets everything happen that follows, and answers how many bytes were taken.
    std::size_t send(Bytes bytes) {
        wake_list_->begin();
        const std::size_t taken = manager->receive(bytes);
        work();
        world_.run();
        return taken;
    }
    /// While it is stopped nothing is collected.
    void stop_writing() { writes_ = false; }
    void go_on_writing() {
        writes_ = true;
        work();
        world_.run();
    }
    [[nodiscard]] bool is_closing() const { return manager->closing().has_value(); }

    std::unique_ptr<SubscriptionManager> manager;
    ByteVector written;
    std::size_t batches_written = 0;

  private:
    void work() {
        wake_list_->begin();
        do {
            for (const auto& waiter : wake_list_->take()) {
                waiter->resume();
            }
            while (writes_ && write_batch()) {
            }
        } while (!wake_list_->finish());
    }
    bool write_batch() {
        WriteBatch batch;
        manager->collect(batch);
        batches_written += batch.empty() ? 0 : 1;
        const bool has_written = !batch.empty();
        while (!batch.empty()) {
            const asio::const_buffer& buffer = batch.front().front();
            append(written, {static_cast<const std::byte*>(buffer.data()), buffer.size()});
            batch.consume(buffer.size());
        }
        return has_written;
    }

    ManagerWorld& world_;
    std::shared_ptr<WakeList> wake_list_ =
        std::make_shared<WakeList>(world_.context.get_executor(), [this] { work(); });
    bool writes_ = true;
};

class NativeClient : public ManagedClient {
  public:
    explicit NativeClient(ManagerWorld& world) : ManagedClient(world, opening()) { written.clear(); }

    /// What has come since the last call.
    std::vector<ReceivedFrame> received() { return take_frames(written); }
    /// Sends a request and answers the first frame that comes then; the rest waits for received().
    ReceivedFrame ask(const ByteVector& request) {
        send(request);
        std::vector<ReceivedFrame> frames = received();
        for (std::size_t i = 1; i < frames.size(); ++i) {
            append(written, frame(frames[i].header.type, native::RawBody{frames[i].body},
                                  frames[i].header.correlation.value, frames[i].header.handle));
        }
        return frames.empty() ? ReceivedFrame{} : frames.front();
    }
    /// The error that a request is answered with; no error where it succeeds.
    Error refusal(const ByteVector& request) {
        const ReceivedFrame answer = ask(request);
        return answer.header.type == native::FrameType::error ? answer.as<native::ErrorAnswer>().code : Error{};
    }
    std::uint32_t open(std::string_view topic) { return ask(open_topic(topic)).header.handle; }
    std::uint32_t subscribe_to(std::string_view topic, const native::Subscribe& request = from_earliest()) {
        return ask(subscribe(open(topic), request)).header.handle;
    }
    void grant(std::uint32_t subscription, std::uint64_t records, std::uint64_t bytes = 0) {
        send(frame(native::FrameType::grant, native::Grant{.records = records, .bytes = bytes}, 0, subscription,
                   native::flags::one_way));
    }
    void commit(std::uint32_t topic, std::string_view position, std::uint64_t offset) {
        send(frame(native::FrameType::commit, native::Commit{.offset = Offset{offset}, .position = position}, 0, topic,
                   native::flags::one_way));
    }
    /// The payloads that have been delivered since the last call, on all subscriptions, and "missed:FROM-TO".
    std::string deliveries() {
        std::string text;
        for (const ReceivedFrame& received_frame : received()) {
            if (received_frame.header.type == native::FrameType::deliver) {
                text += received_frame.payloads();
            } else if (received_frame.header.type == native::FrameType::lagged) {
                const auto lagged = received_frame.as<native::Lagged>();
                text += "missed:" + std::to_string(lagged.from.value) + '-' + std::to_string(lagged.to.value) + ' ';
            }
        }
        return text;
    }
};

inline ByteVector zaichik_frame(const zaichik::Frame& zaichik_command) {
    ByteVector bytes;
    zaichik::encode(zaichik_command, bytes);
    return bytes;
}

class ZaichikClient : public ManagedClient {
  public:
    ZaichikClient(ManagerWorld& world, const zaichik::Frame& first) : ManagedClient(world, zaichik_frame(first)) {}

    void command(const zaichik::Frame& zaichik_command) { send(zaichik_frame(zaichik_command)); }
    void commit() { command(zaichik::Commit{}); }
    /// The payloads that have come since the last call.
    std::string deliveries() {
        std::string text;
        while (const auto decoded = zaichik::decode(written, 1U << 30U).value()) {
            text += std::string(as_text(std::get<zaichik::Publish>(decoded->frame).payload)) + ' ';
            written.erase(written.begin(), written.begin() + static_cast<std::ptrdiff_t>(decoded->bytes));
        }
        return text;
    }
};

}  // namespace leveret::test
