// A whole broker in one thread and in virtual time, with up to three clients. The input is a little program: its first
// byte chooses limits, then comes step after step, see fuzzed_client.hpp. A step's first byte is the operation (3 bits)
// and the connection (2 bits, taken modulo 3); bit 5 says that the next step follows before the broker has done
// anything.
#include <array>
#include <cstdlib>
#include <optional>

#include <spdlog/spdlog.h>

#include "fuzz/fuzzed_client.hpp"
#include "fuzz/fuzzing.hpp"
#include "topic_registry/topic_registry.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

constexpr std::size_t program_bytes_max = 4096;
constexpr std::size_t everything = 64U << 10U;
constexpr std::uint8_t at_once_with_next = 1U << 5U;
// The topic that a subscriber watches from beginning to end.
constexpr std::string_view watched_topic = "w";

Limits limits_of(std::uint8_t choice) {
    Limits limits;
    limits.memory_bytes_max = (choice & 1U) != 0 ? (4U << 20U) + (200U << 10U) : 16U << 20U;
    limits.frame_bytes_max = 16U << 10U;
    limits.topics_max = 3;
    limits.connections_max = 8;
    limits.subscriptions_per_connection_max = 4;
    limits.open_topics_per_connection_max = 4;
    limits.waiting_fetches_per_connection_max = 2;
    limits.positions_per_topic_max = 2;
    limits.topic_bytes_max = (choice & 2U) != 0 ? 8U << 10U : 64U << 10U;
    limits.topic_records_max = (choice & 4U) != 0 ? 8 : 1000;
    limits.window_keys_max = 2;
    limits.reply_bytes_max = 4096;
    limits.deliver_bytes_max = (choice & 8U) != 0 ? 1024 : 8U << 10U;
    return limits;
}

class Program {
  public:
    explicit Program(Bytes bytes) noexcept : bytes_(bytes) {}
    [[nodiscard]] bool has_more() const noexcept { return bytes_.left() > 0; }
    std::uint8_t number() noexcept { return bytes_.number<std::uint8_t>(); }
    Bytes bytes(std::size_t count) noexcept { return bytes_.take(std::min(count, bytes_.left())); }

  private:
    WireReader bytes_;
};

class World {
  public:
    explicit World(std::uint8_t choice)
        : capacity_bytes_((choice & 16U) != 0 ? 512 : 16U << 10U),
          broker_({.limits = limits_of(choice),
                   .permissions = {.delete_topics = (choice & 32U) != 0, .auto_create_topics = (choice & 64U) == 0},
                   .clock = &clock_,
                   .random = random_.get(),
                   .context = &context_}) {
        if (broker_.start_without_listening()) {
            std::abort();
        }
        require(broker_.registry().find_or_create(watched_topic).has_value(), "the watched topic is there");
        watcher_.emplace(broker_, context_.get_executor(), everything);
        watcher_->send(opening());
        watcher_->send(open_topic(watched_topic));
        watcher_->send(subscribe(1, from_earliest()));
        run();
    }

    void carry_out(Program& program) {
        const std::uint8_t first = program.number();
        const auto operation = static_cast<Operation>(first & 7U);
        std::optional<FuzzedClient>& client = clients_[(first >> 3U) % clients_.size()];
        if (operation == Operation::advance) {
            const std::uint8_t amount = program.number();
            clock_.advance(std::chrono::milliseconds(amount * amount));
        } else if (operation == Operation::close) {
            client.reset();
        } else {
            if (!client) {
                client.emplace(broker_, context_.get_executor(), capacity_bytes_);
            }
            use(*client, operation, program);
        }
        if ((first & at_once_with_next) != 0) {
            return;
        }
        run();
        watcher_->read(everything);
        run();
    }

    void end() {
        for (auto& client : clients_) {
            client.reset();
        }
        run();
        while (watch()) {
        }
        check_watcher();
        watcher_.reset();
        run();
        check_memory();
        broker_.stop();
        run();
        // What waits for a peer that does not read is given up after the drain time.
        clock_.advance(broker_.limits().drain_timeout);
        run();
        require(broker_.is_stopped(), "the broker stops");
        require(broker_.memory_used_bytes() == 0, "a stopped broker has given back its memory");
    }

  private:
    void run() {
        context_.restart();
        context_.poll();
    }

    /// Whether the watcher got anything new.
    bool watch() {
        const std::uint64_t before = watcher_->received() + watcher_->missed();
        watcher_->read(everything);
        run();
        return watcher_->received() + watcher_->missed() != before;
    }

    static void use(FuzzedClient& client, Operation operation, Program& program) {
        switch (operation) {
            case Operation::raw:
                client.send(program.bytes(program.number()));
                break;
            case Operation::native:
            case Operation::changed: {
                const std::uint8_t kind = program.number();
                const std::uint8_t handle = program.number();
                ByteVector request = native_request(kind, handle, program.number());
                if (operation == Operation::changed) {
                    const std::size_t at = program.number() % request.size();
                    request[at] ^= std::byte{program.number()};
                }
                client.send(request);
                break;
            }
            case Operation::zaichik: {
                const std::uint8_t kind = program.number();
                const std::uint8_t topic = program.number();
                client.send(zaichik_request(kind, topic, program.number()));
                break;
            }
            case Operation::read:
                client.read(program.number() * std::size_t{64});
                break;
            default:
                client.send(std::as_bytes(std::span(native::magic)));
                break;
        }
    }

    void check_watcher() {
        const TopicPtr topic = broker_.registry().find(watched_topic);
        const bool may_differ = watcher_->lost_a_topic() || broker_.counters().records_expired.value() > 0 ||
                                broker_.counters().memory_full.value() > 0 || topic == nullptr ||
                                topic->settings().retention_ttl_ms > 0;
        require(may_differ || watcher_->received() + watcher_->missed() == topic->figures().next.value,
                "received and missed are published");
    }

    /// Without connections only topics hold memory.
    void check_memory() {
        require(broker_.counters().connections.value() == 0, "closed connections have gone");
        require(broker_.counters().subscriptions.value() == 0, "subscriptions go with their connections");
        constexpr std::uint64_t topic_overhead_bytes_max = 4096;
        std::uint64_t topics_bytes = 0;
        const auto topics = broker_.registry().list("", 100);
        for (const TopicPtr& topic : topics) {
            topics_bytes += topic->charged_bytes();
        }
        const std::uint64_t used = broker_.memory_used_bytes();
        require(topics_bytes <= used && used <= topics_bytes + topics.size() * topic_overhead_bytes_max,
                "memory is what the topics hold");
    }

    const std::size_t capacity_bytes_;
    asio::io_context context_{1};
    ManualClock clock_;
    std::unique_ptr<Random> random_ = make_random(1);
    Broker broker_;
    std::optional<FuzzedClient> watcher_;
    std::array<std::optional<FuzzedClient>, 3> clients_;
};

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    spdlog::set_level(spdlog::level::off);
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Program program(input_bytes(data, std::min(size, program_bytes_max)));
    World world(program.number());
    while (program.has_more()) {
        world.carry_out(program);
    }
    world.end();
    return 0;
}
