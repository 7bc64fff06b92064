// No job is forgotten, also by a worker that crashes: the topic keeps its position, and its next life goes on from
// there. (What it had done and not committed it does again.)
#include <cstdio>
#include <string>
#include <vector>

#include <leveret/blocking_client.hpp>

#include "common/example.hpp"

using example::must;

const std::string topic = "jobs";
const std::string position = "worker";  // how far the worker has come; the topic keeps it under this name

void connect(leveret::BlockingClient& client) {
    must(client.connect({.host = example::host(), .port = example::port(), .name = "worker"}));
}

void publish_jobs(int count) {
    leveret::BlockingClient client;
    connect(client);
    for (int i = 1; i <= count; ++i) {
        const std::string job = "job " + std::to_string(i);
        must(client.publish(topic, std::string_view(job)));  // returns when the broker has it
    }
    std::printf("published %d jobs, each acknowledged\n", count);
    must(client.close());
}

/// The next job. Told apart from it: records that were lost, a topic that began anew, the end. None of them happens
/// here.
leveret::Delivery next_delivery(leveret::BlockingSubscription& subscription) {
    leveret::Received received = subscription.next();
    if (auto* const delivery = std::get_if<leveret::Delivery>(&received)) {
        return std::move(*delivery);
    }
    if (const auto* const closed = std::get_if<leveret::Closed>(&received)) {
        throw std::runtime_error("the subscription has ended: " + closed->failure.text);
    }
    throw std::runtime_error("jobs were lost, or the topic began anew");
}

/// Does jobs from the position on. Says that one is done when it is: a crash in between costs nothing but doing it
/// again. With `crashes` the last one is begun and not done.
void live(const char* name, int jobs, bool crashes) {
    leveret::BlockingClient client;
    connect(client);
    auto subscription = must(client.subscribe(topic, {.from = leveret::From::position(position)}));
    while (jobs > 0) {
        for (const leveret::RecordView record : next_delivery(subscription)) {
            const std::string job(record.payload_text());
            if (--jobs == 0 && crashes) {
                std::printf("%s begins %s and crashes\n", name, job.c_str());
                return;  // the client goes without a word, with whatever else it had received
            }
            std::printf("%s does %s\n", name, job.c_str());
            must(subscription.commit({record.offset().value + 1}));  // everything below this is done
            if (jobs == 0) {
                break;
            }
        }
    }
    must(client.close());
}

int main() {
    return example::run([] {
        publish_jobs(6);
        live("first life", 4, true);
        live("second life", 3, false);
        std::printf("all jobs are done\n");
    });
}
