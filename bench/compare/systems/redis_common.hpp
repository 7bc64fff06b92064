// What Redis' publish/subscribe and its streams share: the server, and connections by way of hiredis.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <hiredis/hiredis.h>

#include "system.hpp"

namespace leveret::compare {

/// Of the server and of hiredis.
[[nodiscard]] std::string redis_version();
/// A server's arguments apart from what becomes of its data.
[[nodiscard]] std::vector<std::string> redis_arguments(std::uint16_t port, const std::filesystem::path& folder);
/// Reads streams from the first record on, or from behind the last where the work says so. See redis_streams.cpp.
[[nodiscard]] std::unique_ptr<Subscriber> make_stream_subscriber(std::uint16_t port, const Work& work,
                                                                 std::span<Sink> sinks);

class RedisSystem : public System {
  public:
    [[nodiscard]] std::string version() const final { return redis_version(); }
    [[nodiscard]] ServerCommand server(std::uint16_t port, const std::filesystem::path& folder,
                                       const Work& work) const override;
};

/// One command in the form that hiredis takes. Does not own the texts: they must outlive it.
class RedisCommand {
  public:
    void add(std::string_view argument) {
        texts_.push_back(argument.data());
        sizes_.push_back(argument.size());
    }
    void set(std::size_t index, std::string_view argument) {
        texts_[index] = argument.data();
        sizes_[index] = argument.size();
    }
    [[nodiscard]] int count() const noexcept { return static_cast<int>(texts_.size()); }
    [[nodiscard]] const char** texts() noexcept { return texts_.data(); }
    [[nodiscard]] const std::size_t* sizes() const noexcept { return sizes_.data(); }

  private:
    std::vector<const char*> texts_;
    std::vector<std::size_t> sizes_;
};

struct FreeReply {
    void operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }
};
using RedisReply = std::unique_ptr<redisReply, FreeReply>;

/// A context of hiredis that waits only in the functions that say so. Throws std::runtime_error, also for a reply that
/// is an error. Move-only.
class RedisConnection {
  public:
    explicit RedisConnection(std::uint16_t port);

    /// Gathers a command to be written.
    void append(RedisCommand& command);
    [[nodiscard]] std::size_t gathered_bytes() const noexcept;
    /// Writes what fits; true: all of it.
    [[nodiscard]] bool try_write();
    /// Reads what is there, at most 16 KiB of it; false: nothing.
    bool read();
    /// The next of the replies that were read; null where none has come whole.
    [[nodiscard]] RedisReply next_reply();

    /// Writes what is gathered and waits until it has left.
    void write();
    /// Waits for one reply.
    [[nodiscard]] RedisReply wait_for_reply();
    /// Waits until there is something to read, or room to write where `room` is asked for.
    void wait(bool room) const;

    [[nodiscard]] int descriptor() const noexcept { return context_->fd; }

  private:
    struct FreeContext {
        void operator()(redisContext* context) const noexcept { redisFree(context); }
    };

    void check(int outcome) const;

    std::unique_ptr<redisContext, FreeContext> context_;
};

/// Publishes with one command per message, pipelined: commands leave when enough of them are gathered. The server is
/// told to send no replies, which nobody waits for: that takes less of both.
class RedisPublisher : public LibraryPublisher {
  public:
    RedisPublisher(std::uint16_t port, const Work& work);
    void push() final;
    void finish() final;

  protected:
    void append(RedisCommand& command);

  private:
    void set_replies(std::string_view how);

    RedisConnection connection_;
};

/// Connections whose replies are waited for together.
class RedisSubscriber : public Subscriber {
  public:
    explicit RedisSubscriber(std::span<Sink> sinks);
    ~RedisSubscriber() override;
    RedisSubscriber(const RedisSubscriber&) = delete;
    RedisSubscriber& operator=(const RedisSubscriber&) = delete;

    void receive(std::chrono::milliseconds wait) final;

  protected:
    /// Its connection is the next sink's: call it once per sink, in their order.
    void add(RedisConnection connection);
    /// One reply of the connection with this index.
    virtual void take(std::size_t index, const redisReply& reply, Sink& sink) = 0;
    [[nodiscard]] RedisConnection& connection(std::size_t index) { return connections_[index]; }

    /// Of a string.
    [[nodiscard]] static std::string_view text_of(const redisReply& reply) noexcept { return {reply.str, reply.len}; }
    /// Those of an array of `count`; throws where the reply is something else.
    [[nodiscard]] static std::span<redisReply* const> elements_of(const redisReply& reply, std::size_t count);
    /// Those of an array.
    [[nodiscard]] static std::span<redisReply* const> elements_of(const redisReply& reply);

  private:
    void take_replies(std::size_t index);

    std::span<Sink> sinks_;
    std::vector<RedisConnection> connections_;  // by sink
    int epoll_;
};

}  // namespace leveret::compare
