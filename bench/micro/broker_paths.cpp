// Through a whole broker, from the bytes that a connection reads to the buffers that another one writes.
#include <array>
#include <vector>

#include "message_path.hpp"
#include "path_broker.hpp"

namespace leveret::bench {

namespace {

constexpr std::size_t payload_bytes = 128;
constexpr std::uint32_t records_per_frame = full_frame_bytes / record_bytes_of(payload_bytes);
constexpr std::uint32_t topic_handle = 1;  // the first topic that a connection opens

/// The topic's buffer is full from the beginning, and small, so that a little is enough.
class BrokerPath : public MessagePath {
  protected:
    explicit BrokerPath(const TopicSettings& settings = {}) : fixture(Limits{.topic_bytes_max = 4U << 20U}) {
        const auto topic = fixture.broker.registry().create("topic", settings).value();
        const BenchBatch draft(records_per_frame, record_bytes_of(payload_bytes));
        const Batch batch = draft.batch();
        for (std::size_t bytes = 0; bytes <= fixture.broker.limits().topic_bytes_max; bytes += batch.records.size()) {
            topic->append({&batch, 1}, [](std::span<AppendResult>) {});
        }
        published_before_ = counters().records_published.value();
    }
    [[nodiscard]] const Counters& counters() const { return fixture.broker.counters(); }
    [[nodiscard]] std::uint64_t records_published() const {
        return counters().records_published.value() - published_before_;
    }
    [[nodiscard]] std::unique_ptr<PathClient> native_client() {
        auto client = std::make_unique<PathClient>(fixture);
        client->send(test::opening());
        client->send(test::open_topic("topic"));
        return client;
    }

    test::BrokerFixture fixture;

  private:
    std::uint64_t published_before_ = 0;
};

ByteVector one_way_frame(std::uint32_t records) {
    return publish_frame(topic_handle, BenchBatch(records, record_bytes_of(payload_bytes)).batch(),
                         native::flags::one_way);
}

/// One-way frames of so many records, delivered to so many subscribers. A message is a delivery.
template <std::uint32_t frame_records, std::uint32_t subscribers>
class PublishDeliver final : public BrokerPath {
  public:
    PublishDeliver() {
        for (std::uint32_t i = 0; i < subscribers; ++i) {
            subscribers_.push_back(native_client());
            subscribers_.back()->send(test::subscribe(topic_handle, native::Subscribe{}));
        }
    }
    void round() override { publisher_->send(frame_); }
    [[nodiscard]] std::uint64_t messages_per_round() const noexcept override {
        return std::uint64_t{frame_records} * subscribers;
    }
    [[nodiscard]] std::uint64_t messages_arrived() const override { return counters().records_delivered.value(); }

  private:
    const KernelBytes frame_{one_way_frame(frame_records)};
    const std::unique_ptr<PathClient> publisher_ = native_client();
    std::vector<std::unique_ptr<PathClient>> subscribers_;
};

/// One record in a frame that is answered, and nobody subscribed.
class PublishAcknowledged final : public BrokerPath {
  public:
    void round() override { publisher_->send(frame_); }
    [[nodiscard]] std::uint64_t messages_per_round() const noexcept override { return 1; }
    [[nodiscard]] std::uint64_t messages_arrived() const override { return records_published(); }

  private:
    const KernelBytes frame_{
        publish_frame(topic_handle, BenchBatch(1, record_bytes_of(payload_bytes)).batch(), 0, 1 /* correlation */)};
    const std::unique_ptr<PathClient> publisher_ = native_client();
};

/// Keyed one-way frames through a compaction window: of two frames with the same keys the second is dropped, and all
/// of them come again when the window has forgotten them.
class PublishKeyed final : public BrokerPath {
  public:
    PublishKeyed() : BrokerPath({.compaction_window_ms = window.count()}) {
        for (std::uint32_t i = 0; i < frames; ++i) {
            BenchBatch draft(records_per_frame, record_bytes_of(payload_bytes));
            draft.write_keyed(std::uint64_t{i} * records_per_frame, payload_bytes);
            frames_.push_back(
                std::make_unique<KernelBytes>(publish_frame(topic_handle, draft.batch(), native::flags::one_way)));
        }
    }
    void round() override {
        const KernelBytes& frame = *frames_[rounds_++ % frames];
        publisher_->send(frame);
        publisher_->send(frame);
        fixture.advance(time_per_round);
    }
    [[nodiscard]] std::uint64_t messages_per_round() const noexcept override { return 2 * records_per_frame; }
    /// Those that were dropped arrived as such.
    [[nodiscard]] std::uint64_t messages_arrived() const override {
        const std::uint64_t dropped = counters().records_duplicate.value();
        return dropped == records_published() ? dropped * 2 : 0;
    }

  private:
    static constexpr std::chrono::milliseconds time_per_round{1};
    static constexpr std::chrono::milliseconds window{50};
    static constexpr std::uint32_t frames = 64;

    std::vector<std::unique_ptr<KernelBytes>> frames_;
    const std::unique_ptr<PathClient> publisher_ = native_client();
    std::uint64_t rounds_ = 0;
};

/// The zaichik dialect: publish, deliver, commit; then the next.
class ZaichikCommit final : public BrokerPath {
  public:
    ZaichikCommit() { subscriber_.send(zaichik_frame(zaichik::Subscribe{"topic"})); }
    void round() override {
        publisher_.send(publish_);
        subscriber_.send(commit_);
    }
    [[nodiscard]] std::uint64_t messages_per_round() const noexcept override { return 1; }
    [[nodiscard]] std::uint64_t messages_arrived() const override { return counters().records_delivered.value(); }

  private:
    const ByteVector payload_ = ByteVector(payload_bytes, std::byte{'x'});
    const KernelBytes publish_{zaichik_frame(zaichik::Publish{"topic", std::nullopt, payload_})};
    const KernelBytes commit_{zaichik_frame(zaichik::Commit{})};
    PathClient publisher_{fixture};
    PathClient subscriber_{fixture};
};

template <class Path>
std::unique_ptr<MessagePath> make() {
    return std::make_unique<Path>();
}

constexpr std::array<Scenario, 6> scenarios{{
    {"native-publish-deliver", make<PublishDeliver<records_per_frame, 1>>, 50'000, 400'000},
    {"native-fan-out-100", make<PublishDeliver<records_per_frame, 100>>, 1'000'000, 8'000'000},
    {"native-fan-out-100-single", make<PublishDeliver<1, 100>>, 10'000, 50'000},
    {"native-acknowledged", make<PublishAcknowledged>, 1'000, 6'000},
    {"native-compaction", make<PublishKeyed>, 100'000, 200'000},
    {"zaichik-commit", make<ZaichikCommit>, 1'000, 6'000},
}};

}  // namespace

std::span<const Scenario> broker_scenarios() noexcept {
    return scenarios;
}

}  // namespace leveret::bench
