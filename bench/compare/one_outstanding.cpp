#include "one_outstanding.hpp"

#include <stdexcept>

#include "bench/echo_server.hpp"
#include "child_processes.hpp"
#include "raw.hpp"
#include "server_process.hpp"
#include "systems/leveret.hpp"

namespace leveret::compare {
namespace {

constexpr std::uint64_t messages = 50'000;
constexpr unsigned client_processor = 0;
constexpr unsigned server_processor = 1;

Work stream_work() {
    return {.topics = {"stream"}, .retained_bytes = 1U << 30U, .retention_ms = 3'600'000};
}

/// Runs `role` in a process on the clients' processor; the result has its latencies.
RunResult run_pinned(const std::function<void(SharedRun&, Sink&)>& role) {
    SharedRun shared(1, 1);
    ChildProcesses children(shared);
    children.start(
        [&] {
            Sink sink(1, raw_sequence_period(stream_work()), shared.delivered(0).front().value);
            role(shared, sink);
            if (sink.out_of_order() + sink.corrupt() > 0) {
                throw std::runtime_error("messages were out of order or corrupt");
            }
        },
        client_processor);
    children.wait_for_their_end();
    if (shared.head().failures > 0) {
        throw std::runtime_error(shared.head().failure.data());
    }
    RunResult result;
    result.latencies = shared.head().latencies;
    return result;
}

void read_stream(const System& system, std::uint16_t port, SharedRun& shared, Sink& sink) {
    const Work work = stream_work();
    const auto publisher = make_raw_publisher(system, port, work);
    std::uint64_t published = 0;
    while (published < messages) {
        published += publisher->publish(1, 0);
    }
    const auto subscriber = make_raw_subscriber(system, port, work, {&sink, 1});
    cli::Histogram latencies;
    auto before = SteadyClock::now();
    while (sink.delivered() < published) {
        const std::uint64_t delivered = sink.delivered();
        subscriber->receive(std::chrono::seconds(5));
        if (sink.delivered() == delivered && SteadyClock::now() - before > std::chrono::seconds(4)) {
            throw std::runtime_error("the next message did not come");
        }
        const auto now = SteadyClock::now();
        latencies.add(now - before);
        before = now;
    }
    shared.head().latencies = latencies_of(latencies);
}

void read_echo(std::uint16_t port, SharedRun& shared) {
    const Work work = stream_work();
    std::vector<std::byte> frame;
    const std::vector<std::byte> payload(work.payload_bytes);
    const RawMessage message{0, payload};
    make_zaichik_protocol(work)->append(frame, {&message, 1});
    Socket socket(port);
    cli::Histogram latencies;
    for (std::uint64_t i = 0; i < messages; ++i) {
        const auto before = SteadyClock::now();
        socket.write(frame);
        static_cast<void>(socket.read_exactly(frame.size()));
        latencies.add(SteadyClock::now() - before);
    }
    shared.delivered(0).front().value = messages;
    shared.head().latencies = latencies_of(latencies);
}

}  // namespace

RunResult run_zaichik_stream() {
    RunResult result;
    try {
        const auto system = make_leveret_zaichik();
        const ServerProcess server(*system, stream_work(), server_processor);
        system->prepare(server.port(), stream_work());
        const auto before = processor_time_of(server.process());
        result = run_pinned([&](SharedRun& shared, Sink& sink) { read_stream(*system, server.port(), shared, sink); });
        const std::chrono::duration<double> used = processor_time_of(server.process()) - before;
        result.server_cpu_seconds_per_million = used.count() / static_cast<double>(result.latencies->count) * 1e6;
        result.server_memory_peak_bytes = server.resident_bytes_peak();
    } catch (const std::exception& thrown) {
        result = {};
        result.failure = thrown.what();
    }
    return result;
}

RunResult run_echo_stream() {
    RunResult result;
    const auto server = cli::EchoServer::start(server_processor);
    if (!server) {
        result.failure = server.error().text;
        return result;
    }
    try {
        result = run_pinned([&](SharedRun& shared, Sink& /*sink*/) { read_echo(server->port(), shared); });
    } catch (const std::exception& thrown) {
        result = {};
        result.failure = thrown.what();
    }
    return result;
}

}  // namespace leveret::compare
