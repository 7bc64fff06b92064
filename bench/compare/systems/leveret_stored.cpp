// Leveret's stored topics, in segment files or in RocksDB, by way of its client library.
#include <fmt/core.h>

#include "leveret/blocking_client.hpp"
#include "stored_system.hpp"
#include "systems/leveret_client.hpp"

namespace leveret::compare {
namespace {

class LeveretAcknowledged final : public AcknowledgedPublisher {
  public:
    LeveretAcknowledged(std::uint16_t port, const Work& work)
        : AcknowledgedPublisher(work), publishers_(port, work.topics), outstanding_(work.outstanding) {}

    void push() override { publishers_.poll(); }
    void finish() override { wait_for_answers(0); }
    std::uint64_t answered() const override { return answered_; }

  protected:
    void send(std::uint32_t topic, Bytes payload) override {
        wait_for_answers(outstanding_ - 1);
        ++sent_;
        const Message message(payload);
        publishers_.send(topic, [&](leveret::Publisher& publisher) {
            return publisher.send(message, [this](const Outcome<Acknowledgement>& outcome) { take(outcome); });
        });
    }

  private:
    /// Until at most `most` have none.
    void wait_for_answers(std::uint64_t most) {
        while (sent_ - answered_ > most) {
            publishers_.wait();
            publishers_.poll();
        }
        check(first_error_);
    }

    void take(const Outcome<Acknowledgement>& outcome) {
        ++answered_;
        if (!outcome && first_error_) {
            first_error_ = tl::unexpected(outcome.error());
        }
    }

    ClientPublishers publishers_;
    const std::uint64_t outstanding_;
    Outcome<void> first_error_;
    std::uint64_t sent_ = 0;
    std::uint64_t answered_ = 0;
};

class LeveretStored final : public StoredSystem {
  public:
    explicit LeveretStored(Store store) : store_(store) {}
    std::string name() const override { return "leveret-" + store_name(); }
    std::string version() const override { return output_of(leveret_server_program() + " --version"); }
    std::string durability() const override {
        return "sync: answered after fdatasync; os: answered when written to the system";
    }

    ServerCommand server(std::uint16_t port, const std::filesystem::path& folder, const Work& /*work*/) const override {
        return {{leveret_server_program(), "--port", std::to_string(port), "--threads", "1", "--log-level", "warn",
                 "--data-dir", folder / "data", "--store", store_name()},
                fmt::format("--threads 1 --store {}", store_name())};
    }

    void prepare(std::uint16_t port, const Work& work) const override {
        constexpr std::uint64_t everything = std::uint64_t{1} << 40U;
        BlockingClient client;
        check(client.connect(client_options(port)));
        for (const std::string& topic : work.topics) {
            check(client.create_topic(topic, {.retention_bytes = everything,
                                              .retention_records = everything,
                                              .store = store_,
                                              .durability = work.durability}));
        }
    }

    std::unique_ptr<AcknowledgedPublisher> acknowledged_publisher(std::uint16_t port, const Work& work) const override {
        return std::make_unique<LeveretAcknowledged>(port, work);
    }
    std::unique_ptr<Subscriber> subscriber(std::uint16_t port, const Work& work, std::span<Sink> sinks) const override {
        return make_native_subscriber(port, work, sinks);
    }

    std::uint64_t stored_records(std::uint16_t port, const Work& /*work*/) const override {
        BlockingClient client;
        check(client.connect(client_options(port)));
        const auto topics = client.list_topics();
        check(topics);
        std::uint64_t records = 0;
        for (const TopicInfo& topic : *topics) {
            records += topic.next.value - topic.first.value;
        }
        return records;
    }

  private:
    std::string store_name() const { return store_ == Store::rocksdb ? "rocksdb" : "file"; }

    Store store_;
};

}  // namespace

std::unique_ptr<StoredSystem> make_leveret_stored(Store store) {
    return std::make_unique<LeveretStored>(store);
}

}  // namespace leveret::compare
