// A topic with a compaction window takes a key once within that time, however often it is published.
#include <cstdio>
#include <string>

#include <asio/this_coro.hpp>
#include <unistd.h>

#include "common/example.hpp"

using example::must;

// A topic for each run: in a topic that is shared, the window would still know the keys of a run ten seconds ago, and
// drop everything of this one.
const std::string topic = "compaction-hello-" + std::to_string(getpid());
constexpr std::uint64_t compaction_window_ms = 10'000;

/// The topic has no retention time, so a subscription begins with what is published from then on: it must be there
/// before the producer starts. Nothing is acknowledged in this dialect, but frames of one connection are carried out in
/// their order: when a message of our own has come back, the topic and the subscription are there.
asio::awaitable<void> subscribe_and_make_sure(leveret::ZaichikClient& consumer) {
    must(co_await consumer.create_topic(topic, 0, compaction_window_ms));
    must(co_await consumer.subscribe(topic));
    must(co_await consumer.publish(topic, "ready", ""));
    must(co_await consumer.read_message());
    must(co_await consumer.commit());
}

asio::awaitable<void> print_next(leveret::ZaichikClient& consumer) {
    const leveret::ZaichikMessage message = must(co_await consumer.read_message());
    must(co_await consumer.commit());
    std::printf("Result is %s\n", to_string(message).c_str());
}

asio::awaitable<void> compaction() {
    leveret::ZaichikClient producer(co_await asio::this_coro::executor);
    leveret::ZaichikClient consumer(co_await asio::this_coro::executor);
    co_await example::connect(producer);
    co_await example::connect(consumer);
    co_await subscribe_and_make_sure(consumer);

    for (int i = 0; i < 100; ++i) {
        must(co_await producer.publish(topic, "key1", "message"));
    }
    must(co_await producer.publish(topic, "key2", "message1"));

    // 101 messages were published; what is left of them are two.
    co_await print_next(consumer);
    co_await print_next(consumer);

    must(co_await producer.close());
    must(co_await consumer.close());
}

int main() {
    return example::run_coroutine(compaction);
}
