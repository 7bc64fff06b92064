// Through the client library alone.
#include <array>
#include <string>

#include "bench_frames.hpp"
#include "message_path.hpp"
#include "ready_client.hpp"

namespace leveret::bench {

namespace {

constexpr std::size_t payload_bytes = 128;
constexpr std::uint32_t records_per_frame = full_frame_bytes / record_bytes_of(payload_bytes);

/// One-way, as fast as possible: full frames.
class ClientSend final : public MessagePath {
  public:
    void round() override {
        for (std::uint32_t i = 0; i < records_per_frame; ++i) {
            if (client_.publisher.send(message_)) {
                throw std::runtime_error("send() refused a record");
            }
        }
        written_bytes_ += client_.write_all();
    }
    [[nodiscard]] std::uint64_t messages_per_round() const noexcept override { return records_per_frame; }
    /// As far as bytes tell.
    [[nodiscard]] std::uint64_t messages_arrived() const override {
        constexpr std::size_t frame_bytes =
            native::header_bytes + native::Publish::prefix_bytes + records_per_frame * record_bytes_of(payload_bytes);
        return written_bytes_ % frame_bytes == 0 ? written_bytes_ / frame_bytes * records_per_frame : 0;
    }

  private:
    ReadyClient client_;
    const std::string payload_ = std::string(payload_bytes, 'x');
    const Message message_{std::string_view(payload_)};
    std::uint64_t written_bytes_ = 0;
};

/// Sends a message, and the next one when the first is acknowledged.
class ClientAcknowledged final : public MessagePath {
  public:
    void round() override {
        const auto count = [this](const Outcome<Acknowledgement>& outcome) { acknowledged_ += outcome ? 1 : 0; };
        if (client_.publisher.send(message_, count)) {
            throw std::runtime_error("send() refused a record");
        }
        client_.write_all();
        constexpr std::size_t correlation_at = 8;
        const std::uint32_t correlation = client_.last_correlation();
        answer_.overwrite(correlation_at, std::as_bytes(std::span(&correlation, 1)));
        client_.receive(answer_);
    }
    [[nodiscard]] std::uint64_t messages_per_round() const noexcept override { return 1; }
    [[nodiscard]] std::uint64_t messages_arrived() const override { return acknowledged_; }

  private:
    ReadyClient client_;
    const std::string payload_ = std::string(payload_bytes, 'x');
    const Message message_{std::string_view(payload_)};
    const KernelBytes answer_{test::frame(native::FrameType::published, native::Published{.accepted = 1})};
    std::uint64_t acknowledged_ = 0;
};

/// Full Deliver frames; every record is verified and looked at.
class ClientReceive final : public MessagePath {
  public:
    void round() override {
        client_.receive(frame_);
        arrived_ += client_.take_deliveries();
        client_.write_all();  // the credit that it gives back
    }
    [[nodiscard]] std::uint64_t messages_per_round() const noexcept override { return records_per_frame; }
    [[nodiscard]] std::uint64_t messages_arrived() const override { return arrived_; }

  private:
    ReadyClient client_;
    const KernelBytes frame_{deliver_frame(ReadyClient::subscription_handle,
                                           BenchBatch(records_per_frame, record_bytes_of(payload_bytes)).batch())};
    std::uint64_t arrived_ = 0;
};

template <class Path>
std::unique_ptr<MessagePath> make() {
    return std::make_unique<Path>();
}

constexpr std::array<Scenario, 3> scenarios{{
    {"client-send", make<ClientSend>, 20'000, 200'000},
    {"client-acknowledged", make<ClientAcknowledged>, 1'000, 6'000},
    {"client-receive", make<ClientReceive>, 100'000, 200'000},
}};

}  // namespace

std::span<const Scenario> client_scenarios() noexcept {
    return scenarios;
}

}  // namespace leveret::bench
