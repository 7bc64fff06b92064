// A message goes to a topic and comes back to the one who sent it.
#include <cstdio>

#include <asio/this_coro.hpp>

#include "common/example.hpp"

using example::must;

asio::awaitable<void> echo() {
    leveret::ZaichikClient client(co_await asio::this_coro::executor);
    co_await example::connect(client);

    // A connection's frames are carried out in their order: when the message is published, the subscription is there.
    must(co_await client.create_topic("hello"));
    must(co_await client.subscribe("hello"));
    must(co_await client.publish("hello", "key", "message"));

    const leveret::ZaichikMessage message = must(co_await client.read_message());
    must(co_await client.commit());
    std::printf("Result is %s\n", to_string(message).c_str());

    must(co_await client.close());
}

int main() {
    return example::run_coroutine(echo);
}
