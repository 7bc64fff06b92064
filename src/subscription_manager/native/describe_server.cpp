#include "environment/process_figures.hpp"
#include "subscription_manager/native/native_manager.hpp"
#include "subscription_manager/version.hpp"

namespace leveret {

NativeManager::Handled NativeManager::describe_server(const native::Frame& frame) {
    if (!frame.body.empty()) {
        return Refusal(Error::bad_frame);
    }
    const Environment& environment = context_.environment;
    const ProcessFigures process = process_figures();
    native::ServerDescription description{.server_version = server_version,
                                          .figures = {{"process_id", process.process_id},
                                                      {"cpu_user_us", process.cpu_user_us},
                                                      {"cpu_system_us", process.cpu_system_us},
                                                      {"rss_bytes", process.rss_bytes},
                                                      {"rss_peak_bytes", process.rss_peak_bytes},
                                                      {"memory_used_bytes", environment.memory.used_bytes()},
                                                      {"memory_bytes_max", environment.memory.bytes_max()}}};
    for (const auto& [name, value] : environment.counters.all()) {
        description.figures.push_back({name, value});
    }
    answer(native::FrameType::server_description, description, frame.header.correlation);
    return {};
}

}  // namespace leveret
