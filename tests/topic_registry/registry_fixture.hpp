// A registry with everything it needs, in virtual time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <asio/io_context.hpp>

#include "environment/environment.hpp"
#include "topic_registry/topic_registry.hpp"

namespace leveret::test {

struct RegistryFixture {
    asio::io_context io;
    Limits limits;
    ManualClock clock;
    std::unique_ptr<Random> random = make_random(1);
    MemoryBudget memory;
    Counters counters;
    std::optional<TopicRegistry> registry;

    explicit RegistryFixture(std::uint64_t memory_bytes = 16U << 20U) : memory(memory_bytes) { start(); }
    void start() { registry.emplace(Environment{limits, clock, *random, memory, counters}, io.get_executor()); }
    void stop() {
        registry.reset();
        run();
    }
    void run() {
        io.restart();
        io.poll();
    }
    void advance(std::chrono::microseconds by) {
        run();
        clock.advance(by);
        run();
    }
    TopicPtr topic(std::string_view name, const TopicSettings& settings = {}) {
        return registry->create(name, settings).value();
    }
    static std::error_code publish(TopicController& topic, std::size_t payload_bytes,
                                   std::optional<std::string_view> key = {}) {
        const std::string payload(payload_bytes, 'x');
        const RecordDraft draft{.payload = as_bytes(payload), .key = key};
        std::vector<std::byte> bytes(record_bytes(draft));
        write_record(bytes.data(), draft, false);
        const Batch batch{bytes, 1};
        std::error_code error;
        topic.append({&batch, 1}, [&](std::span<AppendResult> results) { error = results.front().error; });
        return error;
    }
};

}  // namespace leveret::test
