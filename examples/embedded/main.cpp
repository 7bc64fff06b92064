// A broker inside a program of one's own: no other process, no fixed port, as often as one likes.
#include <cstdio>
#include <string>

#include <leveret/blocking_client.hpp>

#include "common/example.hpp"
#include "server/broker.hpp"

using example::must;

void one_broker(int number) {
    leveret::Broker broker({.port = 0, .threads = 1});  // port 0: any that is free
    if (const auto error = broker.start()) {
        throw std::system_error(error);
    }
    std::printf("broker %d is listening\n", number);

    leveret::BlockingClient client;
    must(client.connect({.port = broker.port(), .name = "embedded"}));
    auto subscription = must(client.subscribe("hello"));
    const leveret::Acknowledgement acknowledgement = must(client.publish("hello", "a message"));
    std::printf("published at offset %llu\n", static_cast<unsigned long long>(acknowledgement.offset.value));

    const leveret::Received received = subscription.next();
    for (const leveret::RecordView record : std::get<leveret::Delivery>(received)) {
        std::printf("received \"%s\"\n", std::string(record.payload_text()).c_str());
    }
    must(client.close());

    broker.stop();  // writes what is due, closes connections, ends its threads
    std::printf("broker %d has stopped\n", number);
}

int main() {
    return example::run([] {
        one_broker(1);
        one_broker(2);  // begins with nothing: brokers share no topics, and this one lives in memory
    });
}
