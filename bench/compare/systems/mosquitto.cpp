// Mosquitto, by way of its own library. Quality of service 0 throughout: the other brokers acknowledge nothing either.
#include "systems/mosquitto.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include <fmt/core.h>
#include <mosquitto.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace leveret::compare {
namespace {

void check(int code) {
    if (code != MOSQ_ERR_SUCCESS) {
        throw std::runtime_error("mosquitto: " + std::string(mosquitto_strerror(code)));
    }
}

/// One client of the library's, without a thread: its functions write and read on the caller's. One thread.
class MosquittoConnection {
  public:
    /// Connects. `sink` may be null where nothing is subscribed to.
    MosquittoConnection(std::uint16_t port, Sink* sink) : sink_(sink), client_(mosquitto_new(nullptr, true, this)) {
        if (client_ == nullptr) {
            throw std::system_error(errno, std::generic_category(), "mosquitto");
        }
        check(mosquitto_int_option(client_.get(), MOSQ_OPT_TCP_NODELAY, 1));
        mosquitto_connect_callback_set(client_.get(), [](mosquitto*, void* self, int refusal) {
            static_cast<MosquittoConnection*>(self)->note_packet(refusal == 0);
        });
        mosquitto_subscribe_callback_set(
            client_.get(), [](mosquitto*, void* self, int /*id*/, int count, const int* granted) {
                const std::span answers(granted, static_cast<std::size_t>(count));
                static_cast<MosquittoConnection*>(self)->note_packet(std::ranges::count(answers, 0) == count);
            });
        mosquitto_message_callback_set(client_.get(), [](mosquitto*, void* self, const mosquitto_message* message) {
            static_cast<MosquittoConnection*>(self)->take(*message);
        });
        constexpr int no_pings = 0;
        check(mosquitto_connect(client_.get(), "127.0.0.1", port, no_pings));
        await_packet();
    }

    /// Returns when the server has confirmed it.
    void subscribe(const std::vector<std::string>& topics) {
        std::vector<char*> names;
        for (const std::string& topic : topics) {
            names.push_back(const_cast<char*>(topic.c_str()));
        }
        check(mosquitto_subscribe_multiple(client_.get(), nullptr, static_cast<int>(names.size()), names.data(), 0, 0,
                                           nullptr));
        await_packet();
    }

    /// The library writes each message at once, and keeps what the socket does not take: that is waited for, or it
    /// would grow without a bound.
    void publish(const std::string& topic, Bytes payload) {
        check(mosquitto_publish(client_.get(), nullptr, topic.c_str(), static_cast<int>(payload.size()), payload.data(),
                                0, false));
        flush();
    }
    void flush() {
        while (mosquitto_want_write(client_.get())) {
            wait(POLLOUT);
            check(mosquitto_loop_write(client_.get(), 1));
        }
    }

    /// Takes the packets that are there. mosquitto_loop_read() takes one, whatever it is asked for; going on without
    /// looking at the socket in between saves a system call per message.
    void read() {
        constexpr int turn_packets = 64;  // then other connections have theirs
        for (int i = 0; i < turn_packets; ++i) {
            const std::uint64_t before = packets_;
            check(mosquitto_loop_read(client_.get(), 1));
            if (packets_ == before) {
                return;
            }
        }
    }

    [[nodiscard]] int descriptor() const { return mosquitto_socket(client_.get()); }

  private:
    struct Deleter {
        void operator()(mosquitto* client) const { mosquitto_destroy(client); }
    };

    void wait(short events) const {
        pollfd waiting{descriptor(), events, 0};
        if (::poll(&waiting, 1, -1) < 0 && errno != EINTR) {
            throw std::system_error(errno, std::generic_category(), "waiting");
        }
    }
    /// For an answer, while nobody publishes.
    void await_packet() {
        flush();
        for (const std::uint64_t before = packets_; packets_ == before;) {
            wait(POLLIN);
            read();
        }
        if (is_refused_) {
            throw std::runtime_error("mosquitto: the server refused it");
        }
    }

    // Called by the library, through which nothing can be thrown.
    void note_packet(bool is_granted) noexcept {
        ++packets_;
        is_refused_ = is_refused_ || !is_granted;
    }
    void take(const mosquitto_message& message) noexcept {
        ++packets_;
        sink_->take({static_cast<const std::byte*>(message.payload), static_cast<std::size_t>(message.payloadlen)});
    }

    Sink* sink_;
    std::uint64_t packets_ = 0;
    bool is_refused_ = false;
    std::unique_ptr<mosquitto, Deleter> client_;
};

class MosquittoPublisher final : public LibraryPublisher {
  public:
    MosquittoPublisher(std::uint16_t port, const Work& work)
        : LibraryPublisher(work), topics_(work.topics), connection_(port, nullptr) {}
    void push() override {}  // nothing is ever gathered
    void finish() override { connection_.flush(); }

  protected:
    void send(std::uint32_t topic, Bytes payload) override { connection_.publish(topics_[topic], payload); }

  private:
    const std::vector<std::string> topics_;
    MosquittoConnection connection_;
};

class MosquittoSubscriber final : public Subscriber {
  public:
    MosquittoSubscriber(std::uint16_t port, const Work& work, std::span<Sink> sinks)
        : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
        for (Sink& sink : sinks) {
            connections_.push_back(std::make_unique<MosquittoConnection>(port, &sink));
            connections_.back()->subscribe(work.topics);
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.ptr = connections_.back().get();
            if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, connections_.back()->descriptor(), &event) != 0) {
                throw std::system_error(errno, std::generic_category(), "epoll");
            }
        }
    }
    ~MosquittoSubscriber() override { ::close(epoll_); }
    MosquittoSubscriber(const MosquittoSubscriber&) = delete;
    MosquittoSubscriber& operator=(const MosquittoSubscriber&) = delete;

    void receive(std::chrono::milliseconds wait) override {
        std::array<epoll_event, 64> events{};
        const int count =
            ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), static_cast<int>(wait.count()));
        for (int i = 0; i < count; ++i) {
            static_cast<MosquittoConnection*>(events[static_cast<std::size_t>(i)].data.ptr)->read();
        }
    }

  private:
    int epoll_;
    std::vector<std::unique_ptr<MosquittoConnection>> connections_;  // in place: the library and epoll point to them
};

class Mosquitto final : public System {
  public:
    Mosquitto() { mosquitto_lib_init(); }
    ~Mosquitto() override { mosquitto_lib_cleanup(); }
    Mosquitto(const Mosquitto&) = delete;
    Mosquitto& operator=(const Mosquitto&) = delete;

    std::string name() const override { return "mosquitto"; }
    std::string version() const override {
        constexpr std::string_view before = "mosquitto version ";
        const std::string help = output_of("mosquitto -h");
        const std::string server = help.substr(0, help.find('\n'));
        int major = 0;
        int minor = 0;
        int revision = 0;
        mosquitto_lib_version(&major, &minor, &revision);
        return fmt::format("{}, libmosquitto {}.{}.{}",
                           server.starts_with(before) ? server.substr(before.size()) : server, major, minor, revision);
    }

    ServerCommand server(std::uint16_t port, const std::filesystem::path& folder, const Work& /*work*/) const override {
        const std::filesystem::path file = folder / "mosquitto.conf";
        std::ofstream(file) << "listener " << port << " 127.0.0.1\n" << settings;
        return {{"mosquitto", "-c", file.string()},
                "set_tcp_nodelay true, allow_duplicate_messages true, max_queued_messages 0, persistence false"};
    }

    std::unique_ptr<Publisher> publisher(std::uint16_t port, const Work& work) const override {
        return std::make_unique<MosquittoPublisher>(port, work);
    }
    std::unique_ptr<Subscriber> subscriber(std::uint16_t port, const Work& work, std::span<Sink> sinks) const override {
        return std::make_unique<MosquittoSubscriber>(port, work, sinks);
    }
    std::unique_ptr<RawProtocol> raw_protocol(const Work& work) const override { return make_mqtt_protocol(work); }

  private:
    // Without a limit on what waits for a subscriber, nothing is dropped. Where duplicates are not allowed, which is
    // the default, the broker notes for every message who has it, and looks through all of them for each subscriber. It
    // would become another user where root starts it; sys_interval 0 leaves out statistics that it publishes itself.
    static constexpr std::string_view settings =
        "allow_anonymous true\n"
        "user root\n"
        "persistence false\n"
        "max_queued_messages 0\n"
        "max_queued_bytes 0\n"
        "allow_duplicate_messages true\n"
        "set_tcp_nodelay true\n"
        "sys_interval 0\n"
        "log_dest stderr\n"
        "log_type error\n";
};

}  // namespace

std::unique_ptr<System> make_mosquitto() {
    return std::make_unique<Mosquitto>();
}

}  // namespace leveret::compare
