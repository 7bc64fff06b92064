// A price feed: one record per price, its key is the symbol. Three subscribers follow it, each in its own way.
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include <leveret/blocking_client.hpp>

#include "common/example.hpp"

using example::must;

constexpr std::array<const char*, 3> symbols{"EUR", "GBP", "JPY"};
constexpr int rounds = 5;
// The topic keeps two rounds of prices. Whoever is further behind misses some, and is told which.
constexpr std::uint64_t retention_records = 2 * symbols.size();

/// What next() may answer, as text. std::visit takes care that no case is forgotten, above all not that of missed
/// records.
struct Describe {
    std::vector<std::string>& out;

    void operator()(const leveret::Delivery& delivery) const {
        for (const leveret::RecordView record : delivery) {
            out.push_back(std::string(record.key().value_or("?")) + "=" + std::string(record.payload_text()));
        }
    }
    void operator()(const leveret::Missed& missed) const {
        out.push_back("(missed " + std::to_string(missed.records()) + ")");
    }
    void operator()(const leveret::TopicChanged&) const { out.emplace_back("(the feed begins anew)"); }
    void operator()(const leveret::Closed& closed) const { throw std::runtime_error(closed.failure.text); }
};

/// Prints the next `count` things that the subscription has to say, in one line.
void print_next(const char* who, leveret::BlockingSubscription& subscription, std::size_t count) {
    std::vector<std::string> news;
    while (news.size() < count) {
        std::visit(Describe{news}, subscription.next());
    }
    std::printf("%-10s", who);
    for (const std::string& item : news) {
        std::printf(" %s", item.c_str());
    }
    std::printf("\n");
}

void publish_round(leveret::BlockingClient& client, int round) {
    std::printf("-- round %d\n", round);
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        const std::string price = std::to_string((i + 1) * 100 + static_cast<std::size_t>(round));
        must(client.publish("ticker", leveret::Message(symbols[i], price)));
    }
}

int main() {
    return example::run([] {
        leveret::BlockingClient client;
        must(client.connect({.host = example::host(), .port = example::port(), .name = "ticker"}));
        // In memory whatever the server's default is: on disk a topic keeps whole files, and nothing would be missed.
        must(client.create_topic("ticker", {.retention_records = retention_records, .store = leveret::Store::memory}));

        auto everything = must(client.subscribe("ticker"));
        auto yen_only = must(client.subscribe("ticker", {.filter_keys = {"JPY"}}));
        // Credit for one round: the server sends no more until it is granted. This one looks away after that.
        auto slow = must(client.subscribe("ticker", {.credit_records = symbols.size()}));

        for (int round = 1; round <= rounds; ++round) {
            publish_round(client, round);
            print_next("everything", everything, symbols.size());
            print_next("yen only", yen_only, 1);
            if (round == 1) {
                print_next("slow", slow, symbols.size());
            }
        }
        std::printf("-- the slow one looks again\n");
        slow.grant(retention_records);
        print_next("slow", slow, 1 + retention_records);  // what it missed, and then what the topic still has
        must(client.close());
    });
}
