#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "subscription_manager/native/native_manager.hpp"
#include "subscription_manager/version.hpp"

namespace leveret {

NativeManager::Handled NativeManager::hello(const native::Frame& frame) {
    const auto request = native::Hello::decode(frame.body);
    if (!request) {
        close(request.error());
        return Refusal(request.error());
    }
    if (is_established_) {
        return Refusal(Error::bad_frame, "Hello was said already: a connection opens once");
    }
    if (request->version_min > native::version || request->version_max < native::version) {
        close(make_error_code(Error::unsupported_version));
        return Refusal(Error::unsupported_version,
                       fmt::format("this server speaks version {}, the client {} to {}", native::version,
                                   request->version_min, request->version_max));
    }
    if (!request->mechanism.empty() || !request->credentials.empty()) {
        close(make_error_code(Error::not_supported));
        return Refusal(Error::not_supported, "this server takes no credentials: leave them empty");
    }
    is_established_ = true;
    spdlog::debug("[{}] Hello from {}", context_.peer, request->client_name);
    const auto& limits = context_.environment.limits;
    answer(native::FrameType::welcome,
           native::Welcome{.frame_bytes_max = static_cast<std::uint32_t>(limits.frame_bytes_max),
                           .connection_id = context_.connection_id,
                           .server_version = server_version},
           frame.header.correlation);
    return {};
}

}  // namespace leveret
