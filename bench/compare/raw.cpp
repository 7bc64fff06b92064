#include "raw.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include <sys/epoll.h>
#include <unistd.h>

namespace leveret::compare {
namespace {

constexpr std::size_t write_bytes = 128U << 10U;
constexpr std::size_t read_bytes = 256U << 10U;

/// Prebuilt messages, sent again and again: as many of each topic as raw_sequence_period() says.
class RawPublisher final : public Publisher {
  public:
    RawPublisher(std::unique_ptr<RawProtocol> protocol, std::uint16_t port, const Work& work)
        : work_(work), protocol_(std::move(protocol)), socket_(port), payload_(work.payload_bytes) {
        protocol_->greet_publisher(socket_);
        prebuild();
    }

    std::uint64_t publish(std::uint64_t count, std::uint32_t scheduled) override {
        if (work_.paced) {
            return publish_now(count, scheduled);
        }
        write(pieces_[next_piece_].bytes);
        const std::uint64_t published = pieces_[next_piece_].messages;
        next_piece_ = next_piece_ + 1 == pieces_.size() ? 0 : next_piece_ + 1;
        return published;
    }

    void push() override {
        write(gathered_);
        gathered_.clear();
    }

    void finish() override { push(); }

  private:
    struct Piece {
        std::vector<std::byte> bytes;
        std::uint64_t messages;
    };

    /// Stamps and encodes messages one by one; they leave with push().
    std::uint64_t publish_now(std::uint64_t count, std::uint32_t scheduled) {
        for (std::uint64_t i = 0; i < count; ++i) {
            write_stamp(payload_.data(), payload_.size(),
                        {.sequence = sequence_, .topic = topic_, .scheduled = scheduled});
            const RawMessage message{topic_, payload_};
            protocol_->append(gathered_, {&message, 1});
            advance();
        }
        return count;
    }

    void prebuild() {
        const std::uint64_t all = std::uint64_t{raw_sequence_period(work_)} * work_.topics.size();
        const std::uint64_t piece_messages = std::max<std::uint64_t>(write_bytes / work_.payload_bytes, 1);
        for (std::uint64_t built = 0; built < all;) {
            const std::uint64_t count = std::min(piece_messages, all - built);
            std::vector<std::byte> payloads(count * work_.payload_bytes);
            std::vector<RawMessage> messages;
            for (std::uint64_t i = 0; i < count; ++i) {
                std::byte* const payload = payloads.data() + i * work_.payload_bytes;
                write_stamp(payload, work_.payload_bytes, {.sequence = sequence_, .topic = topic_});
                messages.push_back({topic_, {payload, work_.payload_bytes}});
                advance();
            }
            pieces_.push_back({{}, count});
            protocol_->append(pieces_.back().bytes, messages);
            built += count;
        }
    }

    /// To the next message: topics in turn, sequences in their period.
    void advance() {
        if (++topic_ == work_.topics.size()) {
            topic_ = 0;
            sequence_ = sequence_ + 1 == raw_sequence_period(work_) ? 0 : sequence_ + 1;
        }
    }

    void write(Bytes bytes) {
        while (!bytes.empty()) {
            bytes = bytes.subspan(socket_.try_write(bytes));
            if (!bytes.empty()) {
                socket_.wait(true);
            }
        }
    }

    const Work work_;
    std::unique_ptr<RawProtocol> protocol_;
    Socket socket_;
    std::vector<std::byte> payload_;
    std::vector<Piece> pieces_;
    std::size_t next_piece_ = 0;
    std::vector<std::byte> gathered_;
    std::uint32_t topic_ = 0;
    std::uint32_t sequence_ = 0;
};

class RawSubscriber final : public Subscriber {
  public:
    RawSubscriber(const System& system, std::uint16_t port, const Work& work, std::span<Sink> sinks)
        : sinks_(sinks), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
        for (std::size_t i = 0; i < sinks.size(); ++i) {
            streams_.push_back({system.raw_protocol(work), Socket(port), {}});
            streams_.back().protocol->greet_subscriber(streams_.back().socket);
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.u64 = i;
            if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, streams_.back().socket.descriptor(), &event) != 0) {
                throw std::system_error(errno, std::generic_category(), "epoll");
            }
        }
    }
    ~RawSubscriber() override { ::close(epoll_); }
    RawSubscriber(const RawSubscriber&) = delete;
    RawSubscriber& operator=(const RawSubscriber&) = delete;

    void receive(std::chrono::milliseconds wait) override {
        std::array<epoll_event, 64> events{};
        const int count =
            ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), static_cast<int>(wait.count()));
        for (int i = 0; i < count; ++i) {
            const auto index = static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.u64);
            receive(streams_[index], sinks_[index]);
        }
    }

  private:
    struct Stream {
        std::unique_ptr<RawProtocol> protocol;
        Socket socket;
        std::vector<std::byte> rest;  ///< the front of a message that has not come whole
    };

    void receive(Stream& stream, Sink& sink) {
        buffer_.resize(std::max(buffer_.size(), stream.rest.size() + read_bytes));
        std::copy(stream.rest.begin(), stream.rest.end(), buffer_.begin());
        const std::size_t kept = stream.rest.size();
        const std::size_t filled = kept + stream.socket.try_read({buffer_.data() + kept, read_bytes});
        if (filled == kept) {
            return;
        }
        const std::size_t taken = stream.protocol->take({buffer_.data(), filled}, sink, stream.socket);
        stream.rest.assign(buffer_.begin() + static_cast<std::ptrdiff_t>(taken),
                           buffer_.begin() + static_cast<std::ptrdiff_t>(filled));
    }

    std::span<Sink> sinks_;
    int epoll_;
    std::vector<Stream> streams_;
    std::vector<std::byte> buffer_;  // one for all: read, take, keep the rest
};

}  // namespace

std::uint32_t raw_sequence_period(const Work& work) {
    // About 1 MiB of payload in all, and a multiple of 64, so that every sample of a period is one.
    const std::size_t bytes_of_one_each = work.payload_bytes * work.topics.size();
    return static_cast<std::uint32_t>(std::max<std::size_t>((1U << 20U) / bytes_of_one_each / 64, 1) * 64);
}

std::unique_ptr<Publisher> make_raw_publisher(const System& system, std::uint16_t port, const Work& work) {
    return std::make_unique<RawPublisher>(system.raw_protocol(work), port, work);
}

std::unique_ptr<Subscriber> make_raw_subscriber(const System& system, std::uint16_t port, const Work& work,
                                                std::span<Sink> sinks) {
    return std::make_unique<RawSubscriber>(system, port, work, sinks);
}

IdleConnections::IdleConnections(const System& system, std::uint16_t port, const Work& work, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        sockets_.emplace_back(port);
        system.raw_protocol(work)->greet_subscriber(sockets_.back());
    }
}

}  // namespace leveret::compare
