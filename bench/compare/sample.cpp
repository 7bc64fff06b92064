#include "sample.hpp"

#include <thread>

#include <unistd.h>

namespace leveret::compare {

Sample take_sample(SharedRun& shared, const ChildProcesses& participants, const ServerProcess& server) {
    Sample sample{
        SteadyClock::now(), shared.deliveries(), processor_time_of(server.process()), {}, machine_busy_time()};
    sample.ours = sample.server + participants.processor_time() + processor_time_of(::getpid());
    return sample;
}

void compare_samples(const Sample& before, const Sample& after, std::size_t payload_bytes, RunResult& result) {
    const std::chrono::duration<double> elapsed = after.time - before.time;
    const auto deliveries = static_cast<double>(after.deliveries - before.deliveries);
    result.deliveries_per_second = deliveries / elapsed.count();
    result.bytes_per_second = *result.deliveries_per_second * static_cast<double>(payload_bytes);
    const std::chrono::duration<double> server = after.server - before.server;
    if (deliveries > 0) {
        result.server_cpu_seconds_per_million = server.count() / deliveries * 1e6;
    }
    const std::chrono::duration<double> others = (after.machine - before.machine) - (after.ours - before.ours);
    const auto processors = static_cast<double>(std::thread::hardware_concurrency());
    result.other_busy_share = std::max(0.0, others.count() / (elapsed.count() * processors));
}

}  // namespace leveret::compare
