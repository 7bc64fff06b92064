// What the machine's disk and one connection do without a broker: a program that reads as many bytes as a record of
// ours has, appends them to a file, syncs it and answers with as many bytes as our answer has.
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket.hpp"
#include "stored_system.hpp"
#include "systems/bare.hpp"

namespace leveret::compare {
namespace {

constexpr std::size_t record_bytes = record_layout::header_bytes + 128;
constexpr std::size_t answer_bytes = 32;

void expect(bool is_done, const char* what) {
    if (!is_done) {
        throw std::system_error(errno, std::generic_category(), what);
    }
}

/// Listens on this port of 127.0.0.1.
int listen_on(std::uint16_t port) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    expect(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
               ::listen(listener, SOMAXCONN) == 0,
           "listening");
    return listener;
}

class BareAcknowledged final : public AcknowledgedPublisher {
  public:
    BareAcknowledged(std::uint16_t port, const Work& work) : AcknowledgedPublisher(work), socket_(port) {
        if (work.payload_bytes + record_layout::header_bytes != record_bytes || work.outstanding != 1) {
            throw std::logic_error("the bare program takes records of 128 bytes, one at a time");
        }
    }
    void push() override {}
    void finish() override {}
    std::uint64_t answered() const override { return answered_; }

  protected:
    void send(std::uint32_t /*topic*/, Bytes payload) override {
        std::vector<std::byte> record(record_layout::header_bytes);
        record.insert(record.end(), payload.begin(), payload.end());
        socket_.write(record);
        static_cast<void>(socket_.read_exactly(answer_bytes));
        ++answered_;
    }

  private:
    Socket socket_;
    std::uint64_t answered_ = 0;
};

class BareAppend final : public StoredSystem {
  public:
    std::string name() const override { return "bare"; }
    std::string version() const override { return "this machine"; }
    std::string durability() const override { return "fdatasync"; }
    ServerCommand server(std::uint16_t port, const std::filesystem::path& folder, const Work& /*work*/) const override {
        return {
            {std::filesystem::read_symlink("/proc/self/exe"), "serve-append", std::to_string(port), folder / "records"},
            "appends, syncs, answers"};
    }
    std::unique_ptr<AcknowledgedPublisher> acknowledged_publisher(std::uint16_t port, const Work& work) const override {
        return std::make_unique<BareAcknowledged>(port, work);
    }
    std::unique_ptr<Subscriber> subscriber(std::uint16_t /*port*/, const Work& /*work*/,
                                           std::span<Sink> /*sinks*/) const override {
        throw std::logic_error("the bare program has no subscribers");
    }
    std::uint64_t stored_records(std::uint16_t /*port*/, const Work& /*work*/) const override {
        throw std::logic_error("the bare program does not count");
    }
};

}  // namespace

void serve_append(std::uint16_t port, const std::filesystem::path& file) {
    const int listener = listen_on(port);
    const int log = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    expect(log >= 0, "creating a file");
    const std::vector<std::byte> answer(answer_bytes);
    for (std::vector<std::byte> record(record_bytes);;) {
        const int peer = ::accept(listener, nullptr, nullptr);
        const int on = 1;
        ::setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        while (::recv(peer, record.data(), record.size(), MSG_WAITALL) == static_cast<ssize_t>(record.size())) {
            expect(::write(log, record.data(), record.size()) == static_cast<ssize_t>(record.size()), "appending");
            expect(::fdatasync(log) == 0, "fdatasync");
            expect(::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(answer.size()),
                   "answering");
        }
        ::close(peer);
    }
}

std::unique_ptr<StoredSystem> make_bare_append() {
    return std::make_unique<BareAppend>();
}

}  // namespace leveret::compare
