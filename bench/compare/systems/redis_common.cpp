#include "systems/redis_common.hpp"

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <hiredis/sds.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace leveret::compare {
namespace {

/// How much a publisher gathers for one write.
constexpr std::size_t write_bytes = 64U << 10U;
/// Of a subscriber's connection before the next one's: 256 KiB. With one each, a hundred connections build a hundred
/// long replies of XREAD at the same time, none of which stays in a cache: half as many deliveries.
constexpr int reads_in_turn = 16;

[[noreturn]] void throw_last(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

std::string redis_version() {
    // "Redis server v=7.0.15 sha=00000000:0 malloc=…"
    const std::string said = output_of("redis-server --version");
    const std::size_t start = said.find("v=");
    if (start == std::string::npos) {
        throw std::runtime_error("redis: no version in: " + said);
    }
    const std::size_t end = said.find(' ', start);
    return said.substr(start + 2, end - start - 2) + ", hiredis " + std::to_string(HIREDIS_MAJOR) + '.' +
           std::to_string(HIREDIS_MINOR) + '.' + std::to_string(HIREDIS_PATCH);
}

std::vector<std::string> redis_arguments(std::uint16_t port, const std::filesystem::path& folder) {
    // Without --io-threads: on two processors a second one waits for the first, and then costs more than it brings.
    return {"redis-server", "--port", std::to_string(port), "--bind", "127.0.0.1", "--protected-mode", "no", "--dir",
            folder.string(), "--loglevel", "warning", "--maxclients", "20000",
            // A subscriber that is behind is otherwise disconnected at 32 MiB, and misses messages.
            "--client-output-buffer-limit", "pubsub 0 0 0"};
}

ServerCommand RedisSystem::server(std::uint16_t port, const std::filesystem::path& folder, const Work& /*work*/) const {
    ServerCommand command;
    command.arguments = redis_arguments(port, folder);
    for (const char* const argument : {"--save", "", "--appendonly", "no"}) {  // nothing goes to disk
        command.arguments.emplace_back(argument);
    }
    command.summary = R"(no persistence, client-output-buffer-limit "pubsub 0 0 0")";
    return command;
}

RedisConnection::RedisConnection(std::uint16_t port) : context_(redisConnectNonBlock("127.0.0.1", port)) {
    if (!context_) {
        throw std::runtime_error("redis: no context");
    }
    check(context_->err == 0 ? REDIS_OK : REDIS_ERR);
    wait(true);
    // Its buffer for replies is kept, as hiredis advises for large ones; else it is allocated anew for each of them.
    context_->reader->maxbuf = 0;
}

void RedisConnection::append(RedisCommand& command) {
    check(redisAppendCommandArgv(context_.get(), command.count(), command.texts(), command.sizes()));
}

std::size_t RedisConnection::gathered_bytes() const noexcept {
    return sdslen(context_->obuf);
}

bool RedisConnection::try_write() {
    int is_done = 0;
    check(redisBufferWrite(context_.get(), &is_done));
    return is_done != 0;
}

bool RedisConnection::read() {
    const std::size_t before = context_->reader->len;
    check(redisBufferRead(context_.get()));
    return context_->reader->len != before;
}

RedisReply RedisConnection::next_reply() {
    void* reply = nullptr;
    check(redisGetReplyFromReader(context_.get(), &reply));
    RedisReply owned(static_cast<redisReply*>(reply));
    if (owned && owned->type == REDIS_REPLY_ERROR) {
        throw std::runtime_error("redis: " + std::string(owned->str, owned->len));
    }
    return owned;
}

void RedisConnection::write() {
    while (!try_write()) {
        wait(true);
    }
}

RedisReply RedisConnection::wait_for_reply() {
    for (;;) {
        if (RedisReply reply = next_reply()) {
            return reply;
        }
        wait(false);
        read();
    }
}

void RedisConnection::wait(bool room) const {
    pollfd waiting{context_->fd, static_cast<short>(room ? POLLIN | POLLOUT : POLLIN), 0};
    if (::poll(&waiting, 1, -1) < 0 && errno != EINTR) {
        throw_last("waiting");
    }
}

void RedisConnection::check(int outcome) const {
    if (outcome != REDIS_OK) {
        throw std::runtime_error("redis: " + std::string(context_->errstr));
    }
}

RedisPublisher::RedisPublisher(std::uint16_t port, const Work& work) : LibraryPublisher(work), connection_(port) {
    set_replies("OFF");
}

void RedisPublisher::set_replies(std::string_view how) {
    RedisCommand command;
    for (const std::string_view argument : {std::string_view("CLIENT"), std::string_view("REPLY"), how}) {
        command.add(argument);
    }
    connection_.append(command);
    connection_.write();
}

void RedisPublisher::append(RedisCommand& command) {
    connection_.append(command);
    if (connection_.gathered_bytes() >= write_bytes) {
        push();
    }
}

void RedisPublisher::push() {
    connection_.write();
}

void RedisPublisher::finish() {
    set_replies("ON");  // which is answered, when everything before has been carried out
    static_cast<void>(connection_.wait_for_reply());
}

RedisSubscriber::RedisSubscriber(std::span<Sink> sinks) : sinks_(sinks), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) {
        throw_last("epoll");
    }
}

RedisSubscriber::~RedisSubscriber() {
    ::close(epoll_);
}

void RedisSubscriber::add(RedisConnection connection) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = connections_.size();
    connections_.push_back(std::move(connection));
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, connections_.back().descriptor(), &event) != 0) {
        throw_last("epoll");
    }
}

void RedisSubscriber::receive(std::chrono::milliseconds wait) {
    std::array<epoll_event, 64> events{};
    const int count =
        ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), static_cast<int>(wait.count()));
    for (int i = 0; i < count; ++i) {
        const auto index = static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.u64);
        RedisConnection& ready = connections_[index];
        for (int reads = 0; reads < reads_in_turn && ready.read(); ++reads) {
            take_replies(index);
        }
    }
}

void RedisSubscriber::take_replies(std::size_t index) {
    while (const RedisReply reply = connections_[index].next_reply()) {
        take(index, *reply, sinks_[index]);
    }
}

std::span<redisReply* const> RedisSubscriber::elements_of(const redisReply& reply) {
    if (reply.type != REDIS_REPLY_ARRAY) {
        throw std::runtime_error("redis: a reply that is no array");
    }
    return {reply.element, reply.elements};
}

std::span<redisReply* const> RedisSubscriber::elements_of(const redisReply& reply, std::size_t count) {
    const std::span<redisReply* const> elements = elements_of(reply);
    if (elements.size() != count) {
        throw std::runtime_error("redis: a reply of another length");
    }
    return elements;
}

}  // namespace leveret::compare
