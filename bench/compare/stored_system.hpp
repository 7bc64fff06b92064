// What the stored workloads ask of a system beyond System: publishes that are answered once the record is kept, and
// data that outlives the server.
#pragma once

#include "system.hpp"

namespace leveret::compare {

/// Publishes records that are answered, each by itself, when they are as durable as the work asks. send() waits while
/// Work::outstanding of them have no answer yet; finish() waits for all answers. An answer that is an error is thrown.
class AcknowledgedPublisher : public LibraryPublisher {
  public:
    using LibraryPublisher::LibraryPublisher;
    /// How many have been answered so far.
    [[nodiscard]] virtual std::uint64_t answered() const = 0;
};

/// A system that keeps records on disk, in the folder that its server is given. Its prepare() creates the topics, which
/// keep everything; a subscriber begins with the first record, or behind the last where the work says so.
class StoredSystem : public System {
  public:
    [[nodiscard]] std::string durability() const override = 0;
    /// Connects and is ready to publish. Called in a process of its own.
    [[nodiscard]] virtual std::unique_ptr<AcknowledgedPublisher> acknowledged_publisher(std::uint16_t port,
                                                                                        const Work& work) const = 0;
    /// Records in all of the work's topics, as the server says. Throws while it cannot say. Leaves no thread behind.
    [[nodiscard]] virtual std::uint64_t stored_records(std::uint16_t port, const Work& work) const = 0;

    [[nodiscard]] std::unique_ptr<Publisher> publisher(std::uint16_t port, const Work& work) const final {
        return acknowledged_publisher(port, work);
    }
    /// Stored workloads are run with client libraries only.
    [[nodiscard]] std::unique_ptr<RawProtocol> raw_protocol(const Work& work) const final;
};

/// Those that are compared where records are stored, in the order of the report.
[[nodiscard]] const std::vector<std::unique_ptr<StoredSystem>>& stored_systems();

[[nodiscard]] std::unique_ptr<StoredSystem> make_leveret_stored(Store store);
/// The same with what is best for each of the two: see systems/jetstream.cpp and systems/redis_aof.cpp.
enum class Tuning { as_the_others, best };
[[nodiscard]] std::unique_ptr<StoredSystem> make_jetstream(Tuning tuning);
[[nodiscard]] std::unique_ptr<StoredSystem> make_redis_aof(Tuning tuning);
/// A program that reads a record's bytes, appends them to a file, syncs it and answers: see systems/bare_append.cpp.
[[nodiscard]] std::unique_ptr<StoredSystem> make_bare_append();

}  // namespace leveret::compare
