// Nothing is lost in silence: received + missed == published, whatever the threads do.
#include <algorithm>
#include <barrier>
#include <map>
#include <thread>

#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <catch2/catch.hpp>

#include "server/memory_transport.hpp"
#include "stress/tcp_client.hpp"

using namespace leveret;
using namespace leveret::test;
using native::FrameType;

namespace {

constexpr int publishers = 8;
constexpr int subscribers = 8;
constexpr int topics = 8;

std::string topic_name(int number) {
    return "topic " + std::to_string(number);
}

/// Says which publisher wrote it, and as which of its records.
std::string payload_of(int publisher, std::uint32_t number) {
    return std::to_string(publisher) + ' ' + std::to_string(number) + std::string(100, '.');
}

/// What a subscriber got of one topic, and whether it was in order.
class Account {
  public:
    void deliver(const native::Deliver& delivered) {
        for (const RecordView record : Records(delivered.records)) {
            in_order_ = in_order_ && record.offset() >= next_ && has_valid_checksum(record);
            next_ = Offset{record.offset().value + 1};
            check_publisher(record.payload_text());
            ++received;
        }
    }
    void lag(const native::Lagged& lagged) {
        in_order_ = in_order_ && lagged.from == next_ && lagged.from < lagged.to;
        next_ = lagged.to;
        missed += lagged.to.value - lagged.from.value;
    }
    [[nodiscard]] bool in_order() const noexcept { return in_order_; }

    std::uint64_t received = 0;
    std::uint64_t missed = 0;

  private:
    /// The records of one publisher come in the order in which it published them, none of them twice.
    void check_publisher(std::string_view payload) {
        const std::size_t space = payload.find(' ');
        const int number = std::stoi(std::string(payload.substr(space + 1)));
        int& last = last_of_publisher_.try_emplace(std::string(payload.substr(0, space)), -1).first->second;
        in_order_ = in_order_ && number > last;
        last = number;
    }

    Offset next_{};
    bool in_order_ = true;
    std::map<std::string, int> last_of_publisher_;
};

/// Publishes frames of ten records to all topics in turn, then waits until the broker has carried out all of it.
void publish_all(std::uint16_t port, int publisher, std::uint32_t frames_per_topic) {
    constexpr std::uint32_t records_per_frame = 10;
    TcpClient client(port);
    std::vector<std::uint32_t> handles;
    for (int topic = 0; topic < topics; ++topic) {
        handles.push_back(client.open(topic_name(topic)));
    }
    for (std::uint32_t i = 0; i < frames_per_topic; ++i) {
        DraftedRecords records;
        for (std::uint32_t j = 0; j < records_per_frame; ++j) {
            records.add(payload_of(publisher, i * records_per_frame + j));
        }
        for (const std::uint32_t handle : handles) {
            client.send(publish_one_way(handle, records));
        }
    }
    static_cast<void>(client.ask(bodiless(FrameType::ping)));
}

/// Subscribes to all topics and reads until each has delivered, or told as missed, this many records.
std::map<std::uint32_t, Account> subscribe_to_all(std::uint16_t port, std::uint64_t records_per_topic,
                                                  std::barrier<>& all_subscribed) {
    TcpClient client(port);
    std::map<std::uint32_t, Account> accounts;
    for (int topic = 0; topic < topics; ++topic) {
        const auto answer = client.ask(subscribe(client.open(topic_name(topic)), from_earliest()));
        accounts[answer.header.handle] = {};
    }
    all_subscribed.arrive_and_wait();
    for (std::uint64_t seen = 0; seen < topics * records_per_topic;) {
        const auto frame = client.next();
        if (!frame) {
            break;
        }
        Account& account = accounts[frame->header.handle];
        const std::uint64_t before = account.received + account.missed;
        if (frame->header.type == FrameType::deliver) {
            account.deliver(frame->as<native::Deliver>());
        } else if (frame->header.type == FrameType::lagged) {
            account.lag(frame->as<native::Lagged>());
        }
        seen += account.received + account.missed - before;
    }
    return accounts;
}

struct Outcome {
    std::uint64_t received = 0;
    std::uint64_t missed = 0;
};

/// Everybody at once; checks each subscriber's account of each topic.
Outcome run_all(Broker& broker, std::uint32_t frames_per_topic) {
    const std::uint64_t records_per_topic = std::uint64_t{publishers} * frames_per_topic * 10;
    std::barrier<> all_subscribed(subscribers + 1);
    std::vector<std::map<std::uint32_t, Account>> accounts(subscribers);
    std::vector<std::thread> threads;
    for (int i = 0; i < subscribers; ++i) {
        threads.emplace_back([&, i] {
            accounts[static_cast<std::size_t>(i)] = subscribe_to_all(broker.port(), records_per_topic, all_subscribed);
        });
    }
    all_subscribed.arrive_and_wait();
    for (int i = 0; i < publishers; ++i) {
        threads.emplace_back([&, i] { publish_all(broker.port(), i, frames_per_topic); });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    Outcome outcome;
    for (const auto& of_subscriber : accounts) {
        CHECK(of_subscriber.size() == topics);
        for (const auto& [subscription, account] : of_subscriber) {
            CHECK(account.received + account.missed == records_per_topic);
            CHECK(account.in_order());
            outcome.received += account.received;
            outcome.missed += account.missed;
        }
    }
    return outcome;
}

/// Reads deliveries until there were `records_max` records; answers how many there were.
std::uint64_t read_records(TcpClient& client, std::uint64_t records_max) {
    std::uint64_t records = 0;
    while (records < records_max) {
        const auto frame = client.next();
        if (!frame || frame->header.type != FrameType::deliver) {
            break;
        }
        const auto delivered = frame->as<native::Deliver>();
        for ([[maybe_unused]] const RecordView record : Records(delivered.records)) {
            ++records;
        }
    }
    return records;
}

/// Subscribes to "topic" and never reads. Its connection runs on a thread of its own.
class StoppedReader {
  public:
    explicit StoppedReader(Broker& broker) {
        auto [ours, theirs] = make_memory_transports(context_.get_executor(), 4096);
        transport_ = std::move(ours);
        ByteVector bytes = opening();
        append(bytes, open_topic("topic"));
        append(bytes, subscribe(1, from_earliest()));
        const asio::const_buffer buffer(bytes.data(), bytes.size());
        std::error_code error;
        REQUIRE(transport_->write_some({&buffer, 1}, error) == bytes.size());
        broker.attach(std::move(theirs), context_.get_executor());
        thread_ = std::thread([this] { context_.run(); });
    }
    StoppedReader(const StoppedReader&) = delete;
    StoppedReader& operator=(const StoppedReader&) = delete;
    ~StoppedReader() {
        asio::post(context_, [this] { transport_->close(); });
        keep_running_.reset();
        thread_.join();
    }

  private:
    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> keep_running_{context_.get_executor()};
    std::unique_ptr<Transport> transport_;
    std::thread thread_;
};

}  // namespace

TEST_CASE("Stress: with room for everything every subscriber receives every record, in order and once") {
    ThreadedBroker threaded;
    const Outcome outcome = run_all(threaded.broker, 150);
    CHECK(outcome.missed == 0);
    CHECK(threaded.broker.counters().records_delivered.value() == outcome.received);
}

TEST_CASE("Stress: with little room received and missed are what was published") {
    Limits limits;
    limits.topic_records_max = 15;
    ThreadedBroker threaded(limits);
    const Outcome outcome = run_all(threaded.broker, 150);
    CHECK(outcome.missed > 0);
    CHECK(outcome.received > 0);
    CHECK(threaded.broker.counters().records_missed.value() == outcome.missed);
}

TEST_CASE("Stress: one stopped reader among a hundred subscribers changes nothing for the others") {
    constexpr int readers = 99;
    constexpr std::uint32_t frames = 60;
    constexpr std::size_t record_bytes = 20'000;
    Limits limits;
    limits.memory_bytes_max = 64U << 20U;
    ThreadedBroker threaded(limits);
    const std::uint16_t port = threaded.broker.port();
    std::vector<std::unique_ptr<TcpClient>> clients;
    const StoppedReader stopped(threaded.broker);
    for (int i = 0; i < readers; ++i) {
        clients.push_back(std::make_unique<TcpClient>(port));
        const std::uint32_t handle = clients.back()->open("topic");
        REQUIRE(clients.back()->ask(subscribe(handle, from_earliest())).header.type == FrameType::subscribed);
    }
    std::vector<std::thread> threads;
    std::vector<std::uint64_t> received(readers);
    for (std::size_t first = 0; first < 3; ++first) {
        threads.emplace_back([&, first] {
            for (std::size_t i = first; i < readers; i += 3) {
                received[i] = read_records(*clients[i], frames);
            }
        });
    }
    TcpClient publisher(port);
    while (threaded.broker.counters().subscriptions.value() <= readers) {
        static_cast<void>(publisher.ask(bodiless(FrameType::ping)));
    }
    const std::uint32_t handle = publisher.open("topic");
    for (std::uint32_t i = 0; i < frames; ++i) {
        publisher.send(publish_one_way(handle, DraftedRecords(std::string(record_bytes, 'x'))));
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(std::count(received.begin(), received.end(), frames) == readers);
    CHECK(threaded.broker.memory_used_bytes() <= limits.memory_bytes_max);
    CHECK(threaded.broker.counters().connections.value() == readers + 2);  // the stopped one, too
}
