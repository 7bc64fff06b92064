#include "sample.hpp"

#include <utility>

namespace leveret::compare {

Sample take_sample(SharedRun& shared, const ServerProcess& server) {
    OthersTime others = others_time();  // first: it takes a moment
    return {SteadyClock::now(), shared.deliveries(), processor_time_of(server.process()), std::move(others)};
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
    result.other_busy_share = others_share(before.others, after.others);
}

}  // namespace leveret::compare
