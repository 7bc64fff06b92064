#include "systems/bare.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "raw.hpp"

namespace leveret::compare {
namespace {

/// A connection's first byte; a subscriber's is sent back.
constexpr std::byte publisher_greeting{'P'};
constexpr std::byte subscriber_greeting{'S'};

constexpr std::size_t read_bytes = 256U << 10U;

/// As long as a record's header, so that a message here has as many bytes as there.
constexpr std::size_t header_bytes = record_layout::header_bytes;

[[noreturn]] void throw_last(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

class Relay {
  public:
    explicit Relay(std::uint16_t port)
        : listener_(::socket(AF_INET, SOCK_STREAM, 0)), epoll_(::epoll_create1(0)), buffer_(read_bytes) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const int on = 1;
        ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(listener_, SOMAXCONN) != 0) {
            throw_last("relay");
        }
        watch(listener_);
    }

    [[noreturn]] void serve() {
        for (;;) {
            std::array<epoll_event, 64> events{};
            const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
            for (int i = 0; i < count; ++i) {
                const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
                if (descriptor == listener_) {
                    accept_one();
                } else {
                    relay(descriptor);
                }
            }
        }
    }

  private:
    void watch(int descriptor) const {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = descriptor;
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
    }

    void accept_one() {
        const int peer = ::accept(listener_, nullptr, nullptr);
        std::byte greeting{};
        const int on = 1;
        ::setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (::recv(peer, &greeting, 1, MSG_WAITALL) != 1) {
            ::close(peer);
        } else if (greeting == publisher_greeting) {
            watch(peer);
        } else {
            subscribers_.push_back(peer);
            send_all(peer, {&greeting, 1});
        }
    }

    void relay(int publisher) {
        const ssize_t count = ::recv(publisher, buffer_.data(), buffer_.size(), 0);
        if (count <= 0) {
            ::close(publisher);
            return;
        }
        const auto is_gone = [&](int subscriber) {
            return !send_all(subscriber, {buffer_.data(), static_cast<std::size_t>(count)});
        };
        std::erase_if(subscribers_, is_gone);
    }

    static bool send_all(int descriptor, Bytes bytes) {
        while (!bytes.empty()) {
            const ssize_t count = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (count < 0) {
                ::close(descriptor);
                return false;
            }
            bytes = bytes.subspan(static_cast<std::size_t>(count));
        }
        return true;
    }

    int listener_;
    int epoll_;
    std::vector<std::byte> buffer_;
    std::vector<int> subscribers_;
};

class BareProtocol final : public RawProtocol {
  public:
    explicit BareProtocol(const Work& work) : message_bytes_(header_bytes + work.payload_bytes) {}
    void greet_publisher(Socket& socket) override { socket.write(Bytes(&publisher_greeting, 1)); }
    void greet_subscriber(Socket& socket) override {
        socket.write(Bytes(&subscriber_greeting, 1));
        static_cast<void>(socket.read_exactly(1));
    }
    void append(std::vector<std::byte>& out, std::span<const RawMessage> messages) override {
        for (const RawMessage& message : messages) {
            out.resize(out.size() + header_bytes);
            out.insert(out.end(), message.payload.begin(), message.payload.end());
        }
    }
    std::size_t take(Bytes received, Sink& sink, Socket& /*socket*/) override {
        std::size_t taken = 0;
        for (; received.size() - taken >= message_bytes_; taken += message_bytes_) {
            sink.take(received.subspan(taken + header_bytes, message_bytes_ - header_bytes));
        }
        return taken;
    }

  private:
    const std::size_t message_bytes_;
};

class Bare final : public System {
  public:
    std::string name() const override { return "bare"; }
    std::string version() const override { return "this machine"; }
    ServerCommand server(std::uint16_t port, const std::filesystem::path& /*folder*/,
                         const Work& /*work*/) const override {
        return {{std::filesystem::read_symlink("/proc/self/exe"), "serve-relay", std::to_string(port)},
                "a relay: one thread, epoll, 256 KiB reads"};
    }
    std::unique_ptr<Publisher> publisher(std::uint16_t /*port*/, const Work& /*work*/) const override {
        throw std::logic_error("bare has no library");
    }
    std::unique_ptr<Subscriber> subscriber(std::uint16_t /*port*/, const Work& /*work*/,
                                           std::span<Sink> /*sinks*/) const override {
        throw std::logic_error("bare has no library");
    }
    std::unique_ptr<RawProtocol> raw_protocol(const Work& work) const override {
        return std::make_unique<BareProtocol>(work);
    }
};

/// A new file that is gone when this is.
class ScratchFile {
  public:
    explicit ScratchFile(const std::filesystem::path& folder)
        : path_(folder / "append"), descriptor_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
        if (descriptor_ < 0) {
            throw_last("creating a file");
        }
    }
    ~ScratchFile() {
        ::close(descriptor_);
        ::unlink(path_.c_str());
    }
    ScratchFile(const ScratchFile&) = delete;
    ScratchFile& operator=(const ScratchFile&) = delete;

    void append(Bytes bytes) const {
        if (::write(descriptor_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
            throw_last("appending");
        }
    }
    void sync() const {
        if (::fdatasync(descriptor_) != 0) {
            throw_last("fdatasync");
        }
    }

  private:
    std::filesystem::path path_;
    int descriptor_;
};

}  // namespace

void serve_relay(std::uint16_t port) {
    Relay(port).serve();
}

double append_rate(const std::filesystem::path& folder, std::size_t piece_bytes, std::chrono::nanoseconds duration) {
    const ScratchFile file(folder);
    const std::vector<std::byte> piece(piece_bytes, std::byte{'x'});
    const auto start = SteadyClock::now();
    double bytes = 0;
    while (SteadyClock::now() - start < duration) {
        file.append(piece);
        bytes += static_cast<double>(piece_bytes);
    }
    file.sync();
    return bytes / std::chrono::duration<double>(SteadyClock::now() - start).count();
}

cli::Histogram sync_latencies(const std::filesystem::path& folder, std::chrono::nanoseconds duration) {
    const ScratchFile file(folder);
    const std::vector<std::byte> piece(4096, std::byte{'x'});
    cli::Histogram latencies;
    const auto start = SteadyClock::now();
    for (auto before = start; before - start < duration; before = SteadyClock::now()) {
        file.append(piece);
        file.sync();
        latencies.add(SteadyClock::now() - before);
    }
    return latencies;
}

cli::Histogram sleep_latencies(std::chrono::nanoseconds duration) {
    std::vector<cli::Histogram> of_each(std::max(std::thread::hardware_concurrency(), 1U));
    std::vector<std::jthread> threads;
    for (cli::Histogram& late : of_each) {
        threads.emplace_back([&late, duration] {
            ::prctl(PR_SET_TIMERSLACK, 1'000);  // nanoseconds: as all who take part
            const auto start = SteadyClock::now();
            for (auto due = start; due - start < duration; due += std::chrono::microseconds(50)) {
                std::this_thread::sleep_until(due);
                late.add(SteadyClock::now() - due);
            }
        });
    }
    threads.clear();  // waits for them
    for (std::size_t other = 1; other < of_each.size(); ++other) {
        of_each[0].merge(of_each[other]);
    }
    return of_each[0];
}

std::unique_ptr<System> make_bare() {
    return std::make_unique<Bare>();
}

}  // namespace leveret::compare
