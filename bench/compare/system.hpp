// The interface that every broker of the comparison is driven through. A system is one file in systems/: how its server
// starts, its client library, and its protocol without a library (raw.hpp).
//
// What goes wrong is thrown as std::runtime_error with a sentence: the run then counts as failed.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "protocol/topic_settings.hpp"
#include "stamp.hpp"

namespace leveret::compare {

class RawProtocol;

/// What one run asks of every system alike.
struct Work {
    std::vector<std::string> topics;   ///< letters, digits and dashes only
    std::size_t payload_bytes = 128;   ///< at least sizeof(Stamp)
    bool one_at_a_time = false;        ///< a subscriber is asked for one message and then waited for: no batching
    bool paced = false;                ///< messages are published one by one as they come due: nothing is prebuilt
    bool distinct_keys = false;        ///< every message has a key of its own, 16 bytes (Leveret only)
    std::uint64_t retained_bytes = 0;  ///< per topic, where the system keeps records; 0: its default
    std::uint64_t window_ms = 0;       ///< compaction window, where the system has one
    std::uint64_t retention_ms = 0;    ///< retention time, where the system has one
    Durability durability = Durability::os;  ///< what the answer to a publish means, where the system stores records
    std::uint64_t outstanding = 4096;        ///< acknowledged publishes that wait for their answers, at most
    bool from_latest = false;                ///< subscribers of a stored topic begin behind what it has
};

/// Publishes by way of some client. One thread.
class Publisher {
  public:
    virtual ~Publisher() = default;
    /// Publishes up to `count` messages, at least one, to the topics in turn, and says how many it were. Each carries
    /// its topic's next sequence number, and `scheduled` (see Stamp).
    [[nodiscard]] virtual std::uint64_t publish(std::uint64_t count, std::uint32_t scheduled) = 0;
    /// Nothing more is to be published for the moment: what publish() gathered leaves.
    virtual void push() = 0;
    /// Returns when everything has left, and has been answered where the protocol answers.
    virtual void finish() = 0;
};

/// A publisher by way of a client library: each message is published by a call of its own.
class LibraryPublisher : public Publisher {
  public:
    explicit LibraryPublisher(const Work& work) : payload_(work.payload_bytes), sequences_(work.topics.size()) {}
    [[nodiscard]] std::uint64_t publish(std::uint64_t count, std::uint32_t scheduled) final {
        for (std::uint64_t i = 0; i < count; ++i) {
            write_stamp(payload_.data(), payload_.size(),
                        {.sequence = sequences_[topic_], .topic = topic_, .scheduled = scheduled});
            send(topic_, payload_);
            ++sequences_[topic_];
            topic_ = topic_ + 1 == sequences_.size() ? 0 : topic_ + 1;
        }
        return count;
    }

  protected:
    /// One message, by one call of the library's. Copies the payload or hands it over before it returns.
    virtual void send(std::uint32_t topic, Bytes payload) = 0;

  private:
    std::vector<std::byte> payload_;
    std::vector<std::uint32_t> sequences_;  // by topic
    std::uint32_t topic_ = 0;
};

/// Connections that subscribe, one per sink, each to all topics of the work.
class Subscriber {
  public:
    virtual ~Subscriber() = default;
    /// Hands what arrives to the sinks; returns after something did, or nothing within about `wait`. A library with
    /// threads of its own may hand over meanwhile; then this only waits.
    virtual void receive(std::chrono::milliseconds wait) = 0;
};

/// How a server is started.
struct ServerCommand {
    std::vector<std::string> arguments;  ///< the program first
    std::string summary;                 ///< its settings that matter, for the report
};

class System {
  public:
    virtual ~System() = default;
    [[nodiscard]] virtual std::string name() const = 0;
    /// Of the server, as it says itself, and of the library: "7.0.15, hiredis 0.14.1".
    [[nodiscard]] virtual std::string version() const = 0;
    /// What becomes of a record when the server ends, or the power does.
    [[nodiscard]] virtual std::string durability() const { return "none: in memory"; }
    /// `folder` is an empty one for its files; it is removed afterwards. `work` says what the server must hold.
    [[nodiscard]] virtual ServerCommand server(std::uint16_t port, const std::filesystem::path& folder,
                                               const Work& work) const = 0;
    /// Called once per run, before anybody else connects.
    virtual void prepare(std::uint16_t /*port*/, const Work& /*work*/) const {}

    /// Connects and is ready to publish. Called in a process of its own, without threads.
    [[nodiscard]] virtual std::unique_ptr<Publisher> publisher(std::uint16_t port, const Work& work) const = 0;
    /// Connects and subscribes; returns when the server has confirmed all of it. In a process of its own, too, except
    /// for round trips. The sinks outlive it.
    [[nodiscard]] virtual std::unique_ptr<Subscriber> subscriber(std::uint16_t port, const Work& work,
                                                                 std::span<Sink> sinks) const = 0;
    /// The same server without a library; one object per connection.
    [[nodiscard]] virtual std::unique_ptr<RawProtocol> raw_protocol(const Work& work) const = 0;
};

/// All systems, in the order of the report. Each is made by its own file in systems/.
[[nodiscard]] const std::vector<std::unique_ptr<System>>& all_systems();

[[nodiscard]] std::unique_ptr<System> make_leveret();
[[nodiscard]] std::unique_ptr<System> make_leveret_no_polling();
[[nodiscard]] std::unique_ptr<System> make_leveret_zaichik();
/// No broker: see systems/bare.cpp.
[[nodiscard]] std::unique_ptr<System> make_bare();
[[nodiscard]] std::unique_ptr<System> make_nats();
[[nodiscard]] std::unique_ptr<System> make_redis();
[[nodiscard]] std::unique_ptr<System> make_redis_streams();
[[nodiscard]] std::unique_ptr<System> make_mosquitto();

/// Standard output and error of a program that ends soon, without the last line feed; what `--version` says, for
/// example.
[[nodiscard]] std::string output_of(const std::string& command);

}  // namespace leveret::compare
