// docs/storage.md's worked example, put into a directory and opened.
#include <asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "message_log/segment/partition_meta.hpp"
#include "message_log/segment/segment_index.hpp"
#include "message_log/segment/segment_store.hpp"
#include "protocol/hex.hpp"
#include "protocol/protocol_document.hpp"
#include "support/simulated_files.hpp"

using namespace leveret;
using namespace leveret::test;

namespace {

constexpr std::string_view log_name = "00000000000000000000.log";
constexpr std::string_view index_name = "00000000000000000000.index";

const std::vector<std::byte>& example(std::string_view name) {
    static const std::vector<Example> examples = read_examples("docs/storage.md");
    for (const Example& found : examples) {
        if (found.name == name) {
            return found.bytes;
        }
    }
    throw std::out_of_range("docs/storage.md has no example " + std::string(name));
}

std::vector<std::byte> meta_file() {
    std::vector<std::byte> file(meta_bytes);
    const auto& slot = example("partition.meta@512");
    const auto& rest = example("partition.meta@1024");
    std::copy(slot.begin(), slot.end(), file.begin() + 512);
    std::copy(rest.begin(), rest.end(), file.begin() + 1024);
    std::copy(rest.begin(), rest.end(), file.begin() + 2560);
    return file;
}

void put(Files& files, const std::string& path, Bytes content) {
    REQUIRE_FALSE(replace_file(files, path, content));
}

}  // namespace

TEST_CASE("docs/storage.md: its segment, index and partition.meta open as a log with the records it names") {
    SimulatedFiles files;
    const TopicId id{{1}};
    const std::string topic = "topics/" + id.to_string();
    for (const std::string& directory : {std::string("topics"), topic, topic + "/0"}) {
        REQUIRE_FALSE(files.make_directory(directory));
    }
    put(files, topic + "/0/" + std::string(log_name), example(log_name));
    put(files, topic + "/0/" + std::string(index_name), example(index_name));
    put(files, topic + "/0/partition.meta", meta_file());

    asio::io_context context{1};
    Counters counters;
    const auto store = make_segment_store(files, {context.get_executor(), context.get_executor()}, counters, {});
    auto opened = store->open(id, PartitionId{0}, {});
    REQUIRE(opened);
    CHECK(opened->recovery.was_closed_cleanly);
    CHECK(opened->recovery.findings.empty());
    CHECK(opened->epochs == std::vector<EpochStart>{{Epoch{1795284518}, Offset{0}}});

    std::vector<std::byte> bytes(1024);
    std::string payloads;
    opened->log->read(Offset{0}, bytes, [&](const Result<LogRead>& read) {
        for (const RecordView record : Records(Bytes(bytes).first(read->bytes))) {
            payloads += std::string(record.key().value_or("(none)")) + "=" + std::string(record.payload_text()) + " ";
        }
    });
    context.run();
    CHECK(payloads == "(none)=12.50 EURUSD=1.0842 ");
    opened->log->close([](std::error_code) {});
    context.restart();
    context.run();
}

TEST_CASE("docs/storage.md: its index is what the records give") {
    SegmentIndex index;
    index.add({.offset = {0}, .position = 0, .timestamp = RecordView(example(log_name).data()).timestamp()});
    index.seal({.offset = {1}, .position = 37, .timestamp = RecordView(example(log_name).data() + 37).timestamp()});
    CHECK(to_hex(index.encode(Offset{0}, 81)) == to_hex(example(index_name)));
}
