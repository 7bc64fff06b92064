// A topic with a retention time keeps a message for those who come later.
#include <cstdio>
#include <string>

#include <asio/this_coro.hpp>

#include "common/example.hpp"

using example::must;

// A topic of its own: the first settings that a topic gets in this dialect stay, and echo has configured "hello".
const std::string topic = "retention-hello";
constexpr std::uint64_t retention_ttl_ms = 10'000;

asio::awaitable<void> produce() {
    leveret::ZaichikClient producer(co_await asio::this_coro::executor);
    co_await example::connect(producer);

    must(co_await producer.create_topic(topic, retention_ttl_ms));
    must(co_await producer.subscribe(topic));
    must(co_await producer.publish(topic, "key1", "message"));
    // Nothing is acknowledged in this dialect. That a message comes back says that the topic has it.
    must(co_await producer.read_message());
    must(co_await producer.close());
}

asio::awaitable<void> retention() {
    co_await produce();

    // The consumer comes when the message has been published and its producer has gone.
    leveret::ZaichikClient consumer(co_await asio::this_coro::executor);
    co_await example::connect(consumer);
    must(co_await consumer.subscribe(topic));

    const leveret::ZaichikMessage message = must(co_await consumer.read_message());
    must(co_await consumer.commit());
    std::printf("Result is %s\n", to_string(message).c_str());

    must(co_await consumer.close());
}

int main() {
    return example::run_coroutine(retention);
}
