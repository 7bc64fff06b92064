// What the systems that drive NATS by way of its C library share.
#pragma once

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include <fmt/core.h>
#include <nats/nats.h>

#include "system.hpp"

namespace leveret::compare {

inline void check_nats(natsStatus status) {
    if (status != NATS_OK) {
        throw std::runtime_error(fmt::format("nats: {}", natsStatus_GetText(status)));
    }
}

struct NatsDeleter {
    void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
    void operator()(natsConnection* connection) const { natsConnection_Destroy(connection); }
    void operator()(natsSubscription* subscription) const { natsSubscription_Destroy(subscription); }
    void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
    void operator()(jsCtx* context) const { jsCtx_Destroy(context); }
    void operator()(jsPubAck* answer) const { jsPubAck_Destroy(answer); }
};
template <typename Object>
using Owned = std::unique_ptr<Object, NatsDeleter>;

/// Keeps everything and hands it over; by default the library drops what comes when 65,536 messages wait. Counts in
/// `completed` when the library will call it no more.
inline void keep_all(natsSubscription* subscription, std::atomic<std::size_t>& completed) {
    constexpr int unlimited = -1;
    check_nats(natsSubscription_SetPendingLimits(subscription, unlimited, unlimited));
    const auto note = [](void* count) { ++*static_cast<std::atomic<std::size_t>*>(count); };
    check_nats(natsSubscription_SetOnCompleteCB(subscription, note, &completed));
}

/// When a connection writes.
enum class Writes { at_once, gathered };
/// Which thread calls subscriptions back.
enum class CallsBack { thread_of_its_own, common_thread };

[[nodiscard]] inline Owned<natsConnection> connect_nats(std::uint16_t port, Writes writes,
                                                        CallsBack calls_back = CallsBack::thread_of_its_own) {
    natsOptions* made = nullptr;
    check_nats(natsOptions_Create(&made));
    const Owned<natsOptions> options(made);
    check_nats(natsOptions_SetURL(made, fmt::format("nats://127.0.0.1:{}", port).c_str()));
    check_nats(natsOptions_SetAllowReconnect(made, false));  // it would hide what was lost
    check_nats(natsOptions_SetSendAsap(made, writes == Writes::at_once));
    check_nats(natsOptions_UseGlobalMessageDelivery(made, calls_back == CallsBack::common_thread));
    natsConnection* connection = nullptr;
    check_nats(natsConnection_Connect(&connection, made));
    return Owned<natsConnection>(connection);
}

constexpr std::int64_t nats_answer_timeout_ms = 60'000;

/// Returns when the server has carried out everything before.
inline void flush_nats(const Owned<natsConnection>& connection) {
    check_nats(natsConnection_FlushTimeout(connection.get(), nats_answer_timeout_ms));
}

inline void hand_over(Owned<natsMsg> message, Sink& sink) {
    const auto bytes = static_cast<std::size_t>(natsMsg_GetDataLength(message.get()));
    sink.take(std::as_bytes(std::span(natsMsg_GetData(message.get()), bytes)));
}

/// Of the server and of the library. See systems/nats.cpp.
[[nodiscard]] std::string nats_version();
/// Starts a server with our settings and `more_settings`, in a file in `folder`.
[[nodiscard]] std::vector<std::string> nats_arguments(std::uint16_t port, const std::filesystem::path& folder,
                                                      std::string_view more_settings);
constexpr const char* nats_settings_summary = "max_pending 4GB, write_deadline 10m, ping_interval 1h";

}  // namespace leveret::compare
