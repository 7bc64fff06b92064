#include "server/memory_transport.hpp"

#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "support/native_frames.hpp"

using namespace leveret;

namespace {

struct TransportFixture {
    asio::io_context context{1};
    std::pair<std::unique_ptr<Transport>, std::unique_ptr<Transport>> ends =
        make_memory_transports(context.get_executor(), 8);
    std::error_code error;

    std::size_t write(std::string_view text) {
        const asio::const_buffer buffer(text.data(), text.size());
        return ends.first->write_some({&buffer, 1}, error);
    }
    std::string read(std::size_t bytes_max = 100) {
        std::vector<std::byte> bytes(bytes_max);
        bytes.resize(ends.second->read_some(bytes, error));
        return std::string(as_text(bytes));
    }
    /// Waits in a coroutine; what it answers is where the returned pointer points, once it has.
    std::shared_ptr<std::optional<std::error_code>> wait(bool readable) {
        auto answer = std::make_shared<std::optional<std::error_code>>();
        Transport& end = readable ? *ends.second : *ends.first;
        asio::co_spawn(
            context, [&end, readable] { return readable ? end.wait_readable() : end.wait_writable(); },
            [answer](const std::exception_ptr&, std::error_code waited) { *answer = waited; });
        run();
        return answer;
    }
    void run() {
        context.restart();
        context.poll();
    }
};

}  // namespace

TEST_CASE("MemoryTransport: bytes come out as they went in") {
    TransportFixture fixture;
    CHECK(fixture.write("hello") == 5);
    CHECK(fixture.read(2) == "he");
    CHECK(fixture.read() == "llo");
    CHECK(fixture.read().empty());
    CHECK(fixture.error == asio::error::would_block);
}

TEST_CASE("MemoryTransport: takes no more than it holds until somebody reads") {
    TransportFixture fixture;
    CHECK(fixture.write("0123456789") == 8);
    CHECK(fixture.write("89") == 0);
    CHECK(fixture.error == asio::error::would_block);
    CHECK(fixture.read(3) == "012");
    CHECK(fixture.write("89") == 2);
}

TEST_CASE("MemoryTransport: a reader waits until something comes") {
    TransportFixture fixture;
    const auto waited = fixture.wait(true);
    CHECK_FALSE(waited->has_value());
    fixture.write("a");
    fixture.run();
    CHECK(waited->value() == std::error_code());
}

TEST_CASE("MemoryTransport: a writer waits until there is room") {
    TransportFixture fixture;
    fixture.write("01234567");
    const auto waited = fixture.wait(false);
    CHECK_FALSE(waited->has_value());
    fixture.read(1);
    fixture.run();
    CHECK(waited->value() == std::error_code());
}

TEST_CASE("MemoryTransport: what was written before the end is read before it") {
    TransportFixture fixture;
    fixture.write("last");
    fixture.ends.first->close();
    CHECK(fixture.read() == "last");
    CHECK(fixture.read().empty());
    CHECK(fixture.error == asio::error::eof);
}

TEST_CASE("MemoryTransport: writing to an end that has gone is an error") {
    TransportFixture fixture;
    fixture.ends.second.reset();
    CHECK(fixture.write("a") == 0);
    CHECK(fixture.error == asio::error::broken_pipe);
}

TEST_CASE("MemoryTransport: closing ends its own wait") {
    TransportFixture fixture;
    const auto waited = fixture.wait(true);
    fixture.ends.second->close();
    fixture.run();
    CHECK(waited->value() == asio::error::operation_aborted);
}
